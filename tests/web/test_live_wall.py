"""The wall of cameras: what each tile tells at every size, full screen, and when the engine is gone."""

from contextlib import ExitStack
from typing import Any

import pytest

from engine.events import Emotion
from engine.history import History
from engine.items import FaceChip, Quality, TrackKey
from engine.preview import Shots
from tests.support.browser import Visitor
from tests.support.redis_server import until
from tests.support.run_status import FixedView, run_status, source
from tests.support.shots import NOON, Playing, noise, tracked_face, tracked_frame
from tests.web.serving import served
from tests.web.test_dashboard_stub import WAIT_MS, now_events

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.timeout(180)]

NAMES = (
    "kasse-2-hinten", "door", "lobby-north", "hall", "yard", "office", "east", "west", "gate",
    "w" * 64, "ramp", "stairs", "roof", "cellar", "garden", "kitchen",
)  # fmt: skip
SIZES = ((1280, 800), (1920, 1080), (768, 1024), (390, 844), (844, 390))
FACES = {1: (20.0, 20.0, 60.0, 80.0), 2: (80.0, 20.0, 120.0, 80.0), 3: (140.0, 20.0, 180.0, 80.0)}

CUT = """() => [...document.querySelectorAll('.tile')].flatMap(tile => {
  const name = tile.querySelector('strong');
  const inside = tile.getBoundingClientRect();
  const cut = name.textContent.length <= 16 && name.scrollWidth > name.clientWidth ? ['name'] : [];
  for (const one of tile.querySelectorAll('.who, .facts > *')) {
    const box = one.getBoundingClientRect();
    if (box.left < inside.left || box.right > inside.right + 0.5 || box.bottom > inside.bottom) cut.push(one.className);
  }
  for (const over of tile.querySelectorAll('.over, .over span'))
    if (over.scrollHeight > over.clientHeight + 1 && over.clientHeight) cut.push('over');
  return cut.map(what => `${name.textContent}: ${what}`);
})"""
TOLD = """() => [...document.querySelectorAll('.tile.online .facts')]
  .every(facts => /14.8 (fps|B.s)/.test(facts.textContent) && /[0-9] (ms|s)/.test(facts.textContent))"""


def drawn(page: Any, count: int) -> None:
    script = "[...document.querySelectorAll('.tile canvas')].filter(canvas => canvas.dataset.frame >= 0).length"
    page.wait_for_function(f"() => {script} >= {count}", timeout=WAIT_MS)


def opened(stack: ExitStack, browser: Any, names: tuple[str, ...], **options: Any) -> Visitor:
    """A visitor before cameras that play."""
    shots = Shots()
    stack.enter_context(Playing(shots, names, 0.3))
    view = FixedView(run_status(sources=tuple(source(name) for name in names)))
    url = stack.enter_context(served(view, shots=shots))
    return stack.enter_context(Visitor(browser, url, **options))


@pytest.mark.parametrize("count", [1, 2, 4, 6, 9, 16])
def test_each_tile_can_be_read_on_every_screen(browser: Any, count: int) -> None:
    with ExitStack() as stack:
        page = opened(stack, browser, NAMES[:count]).go("live")
        page.wait_for_function(TOLD, timeout=WAIT_MS)
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            page.wait_for_function(f"() => innerWidth === {width}")
            assert page.evaluate(CUT) == [], (width, height)
            assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("locale", ["en-GB", "de-DE"])
def test_what_is_wrong_with_a_camera_can_be_read_on_every_screen(browser: Any, locale: str) -> None:
    """In words: the state, and the longest of causes."""
    states = [("offline", "refused"), ("stalled", "timeout"), ("paused", None), ("connecting", None)]
    sources = tuple(source(f"camera-{at}", *states[at % 4][:1], cause=states[at % 4][1]) for at in range(16))
    with served(FixedView(run_status(sources=sources))) as url, Visitor(browser, url, locale=locale) as visitor:
        page = visitor.go("live")
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            page.wait_for_function(f"() => innerWidth === {width}")
            assert page.evaluate(CUT) == [], (width, height)
            states_told = page.locator(".facts .state").all_inner_texts()
            assert len(states_told) == 16 and all(states_told)


def test_nobody_needs_to_scroll_for_two_cameras_however_much_happens(browser: Any) -> None:
    history = History("sqlite://")
    history.open()
    names = [f"door-{number}" for number in range(60)]
    history.append(now_events(names))
    view = FixedView(run_status(sources=(source(), source("desk"))))
    with served(view, history) as url, Visitor(browser, url) as visitor:
        page = visitor.go("live")
        page.wait_for_function("() => document.querySelectorAll('.ticker li').length === 60", timeout=WAIT_MS)
        page.wait_for_function("() => document.documentElement.scrollHeight <= innerHeight", timeout=WAIT_MS)


def test_long_names_are_told_in_full_where_it_says_what_happens(browser: Any) -> None:
    history = History("sqlite://")
    history.open()
    history.append(now_events(["W" * 64]))
    with served(FixedView(), history) as url, Visitor(browser, url) as visitor:
        page = visitor.go("live")
        page.locator(".ticker li").first.wait_for(timeout=WAIT_MS)
        wide = "() => [...document.querySelectorAll('.ticker, .ticker li, .ticker small')]"
        assert page.evaluate(f"{wide}.every(one => one.scrollWidth <= one.clientWidth)")


def test_before_the_first_camera_there_is_nothing_to_pause_or_blur(browser: Any) -> None:
    with served(FixedView(run_status(sources=()))) as url, Visitor(browser, url) as visitor:
        page = visitor.go("live")
        add = page.get_by_role("link", name="Add a camera")
        add.wait_for(timeout=WAIT_MS)
        assert page.locator("main button").count() == 0 and "0 of 0" not in page.locator("main").inner_text()
        assert add.locator("svg").bounding_box()["width"] <= 20


def test_on_a_phone_on_its_side_all_of_the_navigation_is_there(browser: Any) -> None:
    with served(FixedView()) as url, Visitor(browser, url, viewport={"width": 844, "height": 390}) as visitor:
        page = visitor.go("live")
        bottoms = "ones => ones.map(one => one.getBoundingClientRect().bottom)"
        assert max(page.locator("nav :is(a, select, .role)").evaluate_all(bottoms)) <= 390


def test_full_screen_asks_for_one_large_picture_and_then_for_all_again(browser: Any) -> None:
    with ExitStack() as stack:
        visitor = opened(stack, browser, NAMES[:6])
        page = visitor.go("live")
        drawn(page, 6)
        with page.expect_request(lambda request: "/door/preview.mjpeg" in request.url, timeout=WAIT_MS) as alone:
            page.get_by_role("button", name="door in full screen").click()
        assert int(alone.value.url.split("width=")[1]) >= 1280
        with page.expect_request(lambda request: "sources/preview.mjpeg" in request.url, timeout=WAIT_MS) as again:
            page.get_by_role("button", name="Leave full screen").click()
        assert again.value.url.count("source_id=") == 6
        page.get_by_role("button", name="Full screen", exact=True).click()
        page.wait_for_function("() => document.fullscreenElement?.matches('.wall')", timeout=WAIT_MS)
        page.wait_for_function("() => document.querySelector('.wall').scrollHeight <= innerHeight", timeout=WAIT_MS)
        assert page.evaluate(CUT) == []


def test_full_screen_tells_that_the_engine_is_gone_and_how_old_the_picture_is(browser: Any) -> None:
    with ExitStack() as stack, ExitStack() as engine:
        shots = Shots()
        engine.enter_context(Playing(shots, ("door",), 0.3))
        url = engine.enter_context(served(FixedView(run_status(sources=(source(),))), shots=shots))
        page = stack.enter_context(Visitor(browser, url)).go("live")
        drawn(page, 1)
        page.get_by_role("button", name="door in full screen").click()
        page.wait_for_function("() => document.fullscreenElement?.matches('.tile')", timeout=WAIT_MS)
        assert page.locator(".tile .over").count() == 0
        engine.close()
        tile = page.locator(".tile:fullscreen")
        tile.get_by_text("The engine does not answer").wait_for(timeout=WAIT_MS)
        tile.get_by_text("No answer").wait_for(timeout=WAIT_MS)
        assert tile.locator(".dot.online").count() == 0 and "fps" not in tile.inner_text()
        tile.get_by_text("Last picture").wait_for(timeout=WAIT_MS)


def test_the_number_of_faces_is_that_of_the_picture_on_show(browser: Any) -> None:
    """The last picture counts, also when it comes right after another one and nothing after it."""
    shots = Shots()
    view = FixedView(run_status(sources=(source(),)))
    with served(view, shots=shots) as url, Visitor(browser, url) as visitor:
        page = visitor.go("live")
        until(lambda: "door" in shots.watched, 30)
        for index, numbers in enumerate(((1,), (1, 2), (1, 2, 3))):
            faces = tuple(tracked_face(FACES[number], number) for number in numbers)
            shots.on_faces(tracked_frame(index, faces))
            page.wait_for_function(f"() => document.querySelector('.tile canvas').dataset.frame === '{index}'")
        page.wait_for_function(
            "() => document.querySelector('.tile .faces').textContent.includes('3')", timeout=WAIT_MS
        )
        label = page.locator(".tile canvas").get_attribute("aria-label")
        assert label and "3 faces" in label


def test_a_label_that_is_only_held_has_no_number(browser: Any) -> None:
    """Another emotion leads by now: the number would contradict the bar below the face."""
    shots = Shots()
    for number, score in ((1, 0.9), (2, 0.2)):
        key = TrackKey("door", number)
        chip = FaceChip(
            key, f"uid{number}", 0, 0.0, NOON, (0, 0, 8, 8), (320, 180), 0.9, 1.0, Quality(1.0), noise(8, 8)
        )
        shots.on_emotion(chip, Emotion("happiness", score, 1.0, {"happiness": score, "surprise": 1 - score}))
    with served(FixedView(run_status(sources=(source(),))), shots=shots) as url, Visitor(browser, url) as visitor:
        page = visitor.go("live")
        until(lambda: "door" in shots.watched, 30)
        shots.on_faces(tracked_frame(0, tuple(tracked_face(FACES[number], number) for number in (1, 2))))
        page.wait_for_function(
            "() => document.querySelector('.tile canvas').ariaLabel.includes('2 happiness')", timeout=WAIT_MS
        )
        label = page.locator(".tile canvas").get_attribute("aria-label")
        assert label == "Picture of door: 2 faces, 1 happiness 90%, 2 happiness"


def test_a_face_that_cannot_be_read_is_told_with_the_reason_and_without_a_number(browser: Any) -> None:
    shots = Shots()
    unread = {1: Quality(0.3, ("dark", "small")), 2: Quality(0.8)}
    told = {1: None, 2: Emotion(None, 0.0, 1.0, {}, "unseen")}
    for number, quality in unread.items():
        key = TrackKey("door", number)
        chip = FaceChip(key, f"uid{number}", 0, 0.0, NOON, (0, 0, 8, 8), (320, 180), 0.9, 1.0, quality, noise(8, 8))
        shots.on_emotion(chip, told[number])
    with served(FixedView(run_status(sources=(source(),))), shots=shots) as url, Visitor(browser, url) as visitor:
        page = visitor.go("live")
        until(lambda: "door" in shots.watched, 30)
        shots.on_faces(tracked_frame(0, tuple(tracked_face(FACES[number], number) for number in (1, 2))))
        page.wait_for_function(
            "() => document.querySelector('.tile canvas').ariaLabel.includes('2 not readable')", timeout=WAIT_MS
        )
        label = page.locator(".tile canvas").get_attribute("aria-label")
        assert label == "Picture of door: 2 faces, 1 not readable: dark, small, 2 not readable: hidden"


def test_a_camera_without_faces_has_a_latency_too(browser: Any) -> None:
    with ExitStack() as stack:
        page = opened(stack, browser, ("door",)).go("live")
        page.wait_for_function(TOLD, timeout=WAIT_MS)
        assert page.locator(".facts [title^='From camera to picture']").count() == 1


def test_the_buttons_of_a_tile_are_there_for_the_keyboard(browser: Any) -> None:
    with ExitStack() as stack:
        page = opened(stack, browser, ("door",)).go("live")
        drawn(page, 1)
        page.mouse.move(2, 2)
        shown = "value => getComputedStyle(document.querySelector('.controls')).opacity === value"
        page.wait_for_function(shown, arg="0")
        page.get_by_role("button", name="Pause door").focus()
        page.wait_for_function(shown, arg="1")
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Go on with door").wait_for(timeout=WAIT_MS)


@pytest.mark.parametrize("state", ["stalled", "offline", "paused", "ended", "online"])
def test_a_tile_has_one_text_over_its_picture(browser: Any, state: str) -> None:
    """Whether or not a picture came before: nothing waits, is old, or is missing where the state tells it all."""
    with ExitStack() as stack:
        view = FixedView(run_status(sources=(source(),)))
        shots = Shots()
        playing = stack.enter_context(ExitStack())
        playing.enter_context(Playing(shots, ("door",), 0.3))
        url = stack.enter_context(served(view, shots=shots))
        page = stack.enter_context(Visitor(browser, url)).go("live")
        drawn(page, 1)
        assert page.locator(".tile .over").count() == 0
        playing.close()
        if state == "online":
            page.get_by_text("Last picture").wait_for(timeout=WAIT_MS)
        else:
            view.shown = run_status(sources=(source(state=state),))
            page.locator(f".tile.{state} .over").wait_for(timeout=WAIT_MS)
        assert page.locator(".tile .over").count() == 1
        if state != "online":
            page.reload()  # and where no picture ever came
            page.locator(f".tile.{state} .over").wait_for(timeout=WAIT_MS)
            assert page.locator(".tile .over").count() == 1
