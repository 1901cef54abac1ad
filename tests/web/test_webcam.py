"""A visitor's own webcam: from the demo to one's own face in two clicks, and what is said when that does not work."""

import importlib.util
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import pytest

from tests.support.browser import Visitor, chromium
from tests.support.program import Running
from tests.support.redis_server import until
from tests.web.conftest import OPERATE, READ, Engine

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.timeout(180)]

WAIT_MS = 60_000
FPS = 30
"""Chromium plays such a file at this rate, again and again."""
FACES = ((454, 274, 111, 138), (269, 150, 97, 119))
"""Boxes in the built-in photo: a happy person, and a neutral one."""
WIDTH, HEIGHT = 640, 480
DRAWN = "() => JSON.parse(document.querySelector('.webcam canvas')?.dataset.boxes ?? '[]').length >= 1"


def view(photo: Any, box: tuple[int, int, int, int]) -> bytes:
    """The face of that box in the middle, half as high as the picture."""
    x, y, width, height = box
    high = 2 * height
    wide = high * WIDTH // HEIGHT
    left, top = max(0, x + width // 2 - wide // 2), max(0, y + height // 2 - high // 2)
    part = photo[top : top + high, left : left + wide]
    return cv2.imencode(".jpg", cv2.resize(part, (WIDTH, HEIGHT)))[1].tobytes()


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A person who smiles for four seconds and then does not, for four."""
    package = importlib.util.find_spec("insightface")
    if package is None or not package.submodule_search_locations:
        pytest.skip("needs the photo of the insightface package (make setup)")
    photo = cv2.imread(str(Path(package.submodule_search_locations[0], "data", "images", "t1.jpg")))
    path = tmp_path_factory.mktemp("webcam") / "face.mjpeg"
    path.write_bytes(b"".join(view(photo, box) * (4 * FPS) for box in FACES))
    return path


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = Running(tmp_path_factory.mktemp("demo") / "log", "demo", "--port", "0")
    try:
        running.wait_ready(60)
        yield running
    finally:
        if running.process.poll() is None:
            running.process.kill()
        running.process.wait(10)


@pytest.fixture(scope="module")
def browser(clip: Path) -> Iterator[Any]:
    flags = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")
    with chromium(*flags, f"--use-file-for-fake-video-capture={clip}") as opened:
        yield opened


def ask(demo: Running, path: str) -> Any:
    with urllib.request.urlopen(f"{demo.url}/api/v1/{path}", timeout=10) as answer:
        return json.load(answer)


def source(demo: Running, source_id: str = "browser-1") -> Any:
    return next((one for one in ask(demo, "status")["sources"] if one["source_id"] == source_id), None)


def start(page: Any) -> None:
    """The two clicks."""
    page.get_by_role("button", name="Use this webcam").first.click()
    page.get_by_role("button", name="I agree, start").click()


def test_two_clicks_from_the_demo_to_ones_own_face(browser: Any, demo: Running) -> None:
    with Visitor(browser, demo.url) as visitor:
        page = visitor.go()
        page.get_by_role("button", name="Use this webcam").first.click()
        told = page.locator("dialog").inner_text()
        assert "No picture is stored" in told and "demo" in told and demo.url.removeprefix("http://") in told
        assert source(demo) is None
        page.get_by_role("button", name="I agree, start").click()
        page.wait_for_function(DRAWN, timeout=WAIT_MS)
        panel = page.locator("aside.webcam")
        for emotion in ("happiness", "neutral"):
            panel.get_by_text(emotion).first.wait_for(timeout=WAIT_MS)
        changes = page.locator(".ticker li", has_text="browser-1")
        changes.first.wait_for(timeout=WAIT_MS)
        events = ask(demo, "events?source_id=browser-1&limit=200")["items"]
        assert {"new", "emotion_changed"} <= {event["type"] for event in events}
        box = next(event["bbox"] for event in events if event["type"] == "emotion_changed")
        assert abs(box["x"] + box["width"] / 2 - WIDTH / 2) < 40 and 180 < box["height"] < 300

        page.get_by_role("link", name="Tracks").click()
        page.get_by_role("heading", name="Tracks").wait_for()
        assert panel.is_visible() and source(demo)["state"] == "online"
        frames = source(demo)["frames"]
        assert frames["captured"] == sum(frames["outcomes"].values())

        page.get_by_role("button", name="Stop").click()
        until(lambda: source(demo) is None, 20)
        assert not panel.is_visible()
        statuses = "events?source_id=browser-1&type=status&limit=1"
        until(lambda: ask(demo, statuses)["items"][0]["state"] == "ended", 20)


def test_a_page_that_is_closed_leaves_no_camera_behind(browser: Any, demo: Running) -> None:
    with Visitor(browser, demo.url) as visitor:
        start(visitor.go())
        until(lambda: (source(demo) or {}).get("state") == "online", 60)
    until(lambda: source(demo) is None, 20)


def test_two_pages_send_under_names_of_their_own(browser: Any, demo: Running) -> None:
    with Visitor(browser, demo.url) as one, Visitor(browser, demo.url) as other:
        start(one.go())
        until(lambda: (source(demo) or {}).get("state") == "online", 60)
        page = other.go("cameras")
        page.get_by_role("button", name="Use this webcam").first.click()
        page.get_by_text("Name of the camera").click()
        page.get_by_label("Name", exact=False).last.fill("front_desk")
        page.get_by_role("button", name="I agree, start").click()
        until(lambda: (source(demo, "front_desk") or {}).get("state") == "online", 60)
    until(lambda: source(demo) is None and source(demo, "front_desk") is None, 20)


def test_a_visitor_who_does_not_agree_sends_nothing(browser: Any, demo: Running) -> None:
    with Visitor(browser, demo.url) as visitor:
        page = visitor.go()
        page.get_by_role("button", name="Use this webcam").first.click()
        page.get_by_role("button", name="Cancel").click()
        assert not page.locator("dialog").is_visible()
        assert source(demo) is None and page.locator("aside.webcam").count() == 0


def test_an_operator_ends_the_camera_and_the_page_says_so_and_does_not_begin_again(browser: Any, demo: Running) -> None:
    with Visitor(browser, demo.url) as sender, Visitor(browser, demo.url) as operator:
        page = sender.go()
        start(page)
        until(lambda: (source(demo) or {}).get("state") == "online", 60)
        other = operator.go("cameras")
        card = other.locator(".camera", has_text="browser-1")
        card.get_by_role("button", name="End").click(timeout=WAIT_MS)
        other.get_by_role("dialog").get_by_role("button", name="Cancel").click()
        assert source(demo) is not None
        card.get_by_role("button", name="End").click()
        other.get_by_role("dialog").get_by_role("button", name="End").click()
        page.locator("aside.webcam [role=alert]", has_text="ended at the engine").wait_for(timeout=WAIT_MS)
        card.wait_for(state="detached", timeout=WAIT_MS)
        page.wait_for_timeout(3000)
        assert source(demo) is None


def test_a_name_that_another_camera_has_is_refused_and_not_exchanged(browser: Any, demo: Running) -> None:
    taken = ask(demo, "status")["sources"][0]["source_id"]
    with Visitor(browser, demo.url) as visitor:
        page = visitor.go("cameras")
        page.get_by_role("button", name="Use this webcam").first.click()
        page.get_by_text("Name of the camera").click()
        page.get_by_label("Name", exact=False).last.fill(taken)
        page.get_by_role("button", name="I agree, start").click()
        page.locator("aside.webcam [role=alert]", has_text="a camera of this name already").wait_for(timeout=WAIT_MS)
        assert {one["source_id"] for one in ask(demo, "status")["sources"]} == {taken}


def serious(page: Any, workshop: Path) -> dict[str, list[str]]:
    """What axe finds on the page as it is."""
    axe = (workshop / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    page.evaluate(axe)
    found = page.evaluate("axe.run().then(result => result.violations)")
    return {one["id"]: [node["html"][:200] for node in one["nodes"]][:3]
            for one in found if one["impact"] in ("serious", "critical")}  # fmt: skip


APART = """([wanted, scrolled]) => {
  scrollTo(0, scrolled ? document.documentElement.scrollHeight : 0);
  const [shown, panel] = [wanted, 'aside.webcam'].map(one => document.querySelector(one).getBoundingClientRect());
  return shown.bottom <= panel.top || shown.right <= panel.left;
}"""


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_question_and_the_panel_suit_everybody_and_hide_nothing(
    browser: Any, demo: Running, workshop: Path, scheme: str, width: int
) -> None:
    size = {"width": width, "height": 800}
    with Visitor(browser, demo.url, color_scheme=scheme, viewport=size) as visitor:
        page = visitor.go()
        page.locator(".ticker li").first.wait_for(timeout=WAIT_MS)
        page.get_by_role("button", name="Use this webcam").first.click()
        box = page.locator("dialog").bounding_box()
        assert box and box["x"] >= 0 and box["x"] + box["width"] <= width and box["height"] <= 800
        assert serious(page, workshop) == {}
        page.get_by_role("button", name="I agree, start").click()
        page.wait_for_function(DRAWN, timeout=WAIT_MS)
        assert serious(page, workshop) == {}
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        # On a phone the last of it can be scrolled to above the panel; elsewhere nothing is behind it at all.
        for wanted in (".ticker", ".wall"):
            page.wait_for_function(APART, arg=[wanted, width < 720], timeout=WAIT_MS)
        page.get_by_role("button", name="Stop").click()
        assert page.evaluate("document.documentElement.style.getPropertyValue('--webcam')") == ""
    until(lambda: source(demo) is None, 20)


ACTIVE = "() => document.activeElement.matches('button.use-webcam')"


def test_the_keyboard_goes_into_the_question_and_the_panel_and_comes_back(browser: Any, demo: Running) -> None:
    with Visitor(browser, demo.url) as visitor:
        page = visitor.go()
        button = page.get_by_role("button", name="Use this webcam").first
        for close in ("Escape", "Cancel"):
            button.focus()
            button.press("Enter")
            inside = "() => document.querySelector('dialog')?.contains(document.activeElement)"
            page.wait_for_function(inside, timeout=WAIT_MS)
            if close == "Escape":
                page.keyboard.press("Escape")
            else:
                page.get_by_role("button", name="Cancel").press("Enter")
            page.locator("dialog").wait_for(state="detached")
            page.wait_for_function(ACTIVE, timeout=WAIT_MS)
        button.press("Enter")
        page.wait_for_function("() => document.activeElement.textContent === 'I agree, start'", timeout=WAIT_MS)
        page.keyboard.press("Enter")
        page.wait_for_function(DRAWN, timeout=WAIT_MS)
        page.wait_for_function("() => document.activeElement.matches('aside.webcam')", timeout=WAIT_MS)
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Stop"
        page.keyboard.press("Escape")
        page.locator("aside.webcam").wait_for(state="detached")
        page.wait_for_function(ACTIVE, timeout=WAIT_MS)
    until(lambda: source(demo) is None, 20)


def test_the_panel_can_be_made_small_and_goes_on(browser: Any, demo: Running) -> None:
    with Visitor(browser, demo.url, viewport={"width": 390, "height": 844}) as visitor:
        page = visitor.go()
        start(page)
        page.wait_for_function(DRAWN, timeout=WAIT_MS)
        panel = page.locator("aside.webcam")
        high = panel.bounding_box()["height"]
        fold = page.get_by_role("button", name="Your picture")
        fold.focus()
        fold.press("Enter")
        panel.get_by_text("Sending").wait_for(timeout=WAIT_MS)
        assert fold.get_attribute("aria-expanded") == "false" and panel.locator("canvas").count() == 0
        assert panel.bounding_box()["height"] < min(60, high / 3)
        assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Your picture"
        page.get_by_role("link", name="Insights").click()
        page.get_by_role("heading", name="Insights").wait_for()
        assert source(demo)["state"] == "online" and panel.get_by_text("Sending").is_visible()
        fold.press("Enter")
        page.wait_for_function(DRAWN, timeout=WAIT_MS)
        page.get_by_role("button", name="Stop").click()
        panel.wait_for(state="detached")
    until(lambda: source(demo) is None, 20)


REFUSALS = {
    "NotAllowedError": "The camera was not allowed",
    "NotFoundError": "No camera was found",
    "NotReadableError": "Another program may be using it",
    "TypeError": "could not be opened",
}


@pytest.mark.parametrize("name", REFUSALS)
def test_why_there_is_no_picture_is_said_in_plain_words(browser: Any, demo: Running, name: str) -> None:
    with Visitor(browser, demo.url) as visitor:
        refusal = f"() => Promise.reject(new DOMException('no', '{name}'))"
        visitor.page.add_init_script(f"navigator.mediaDevices.getUserMedia = {refusal}")
        page = visitor.go()
        start(page)
        alert = page.locator("aside.webcam [role=alert]")
        alert.wait_for(timeout=WAIT_MS)
        assert REFUSALS[name] in alert.inner_text()
        page.get_by_role("button", name="Close").click()
        assert page.locator("aside.webcam").count() == 0


def test_a_page_from_an_insecure_address_says_so(browser: Any, demo: Running) -> None:
    with Visitor(browser, demo.url) as visitor:
        visitor.page.add_init_script("Object.defineProperty(window, 'isSecureContext', {value: false})")
        page = visitor.go("cameras")
        page.get_by_text("Browsers give their camera only to pages from https://").wait_for()
        assert page.get_by_role("button", name="Use this webcam").is_disabled()


def seen(engine: Engine, token: str) -> Any:
    request = urllib.request.Request(f"{engine.url}/api/v1/status", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        sources = json.load(answer)["sources"]
    return next((one for one in sources if one["source_id"] == "browser-1"), {})


def test_the_webcam_goes_on_by_itself_when_the_engine_comes_back(browser: Any, tmp_path: Path) -> None:
    engine = Engine(tmp_path)
    try:
        engine.wait_ready()
        with Visitor(browser, engine.url, READ) as reader:
            assert reader.go().get_by_role("button", name="Use this webcam").is_disabled()
        with Visitor(browser, engine.url, OPERATE) as visitor:
            page = visitor.go()
            start(page)
            until(lambda: seen(engine, READ).get("state") == "online", 60)
            engine.kill()
            page.get_by_text("Your pictures go on as soon as it does").wait_for(timeout=WAIT_MS)
            engine.start()
            engine.wait_ready()
            until(lambda: seen(engine, READ).get("state") == "online", 60)
            page.locator("aside.webcam.live").wait_for(timeout=WAIT_MS)
            visitor.errors[:] = [error for error in visitor.errors if "WebSocket" not in error]
    finally:
        if engine.program.process.poll() is None:
            engine.kill()
