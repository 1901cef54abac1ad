"""What stands around the pages, in a real Chromium: signing in, titles, wrong addresses, reasons, numbers."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from engine import ids
from engine.api.config import TokenConfig
from engine.history import History
from engine.modelcard import SHIPPED, load_model
from engine.status import ModelSnapshot
from tests.support.browser import Visitor
from tests.support.documents import RUN, event
from tests.support.run_status import FixedView, run_status, source
from tests.web.serving import served

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.timeout(180)]

WAIT_MS = 30_000
TOKENS = (TokenConfig(token="look", scopes=("read",)), TokenConfig(token="change", scopes=("operate",)))
KEPT = "sessionStorage.getItem('moodline.token')"


@pytest.fixture
def closed(browser: Any) -> Iterator[Visitor]:
    """At the door of an engine that asks for a token."""
    with served(FixedView(), tokens=TOKENS) as url, Visitor(browser, url) as visitor:
        visitor.page.goto(url)
        visitor.page.get_by_label("Token").wait_for(timeout=WAIT_MS)
        yield visitor


def sign_in(visitor: Visitor, token: str) -> Any:
    visitor.page.get_by_label("Token").fill(token)
    visitor.page.get_by_role("button", name="Sign in").click()
    return visitor.page


def test_a_token_that_was_refused_is_forgotten(closed: Visitor) -> None:
    page = closed.page
    page.wait_for_function("() => document.title === 'Sign in · moodline'", timeout=WAIT_MS)
    assert page.locator(".field .bad").count() == 0
    for token, says in (("a guess", "does not know this token"), ("change", "it lacks the scope read")):
        sign_in(closed, token).get_by_text(says).wait_for(timeout=WAIT_MS)
        page.wait_for_function(f"() => {KEPT} === null", timeout=WAIT_MS)
    sign_in(closed, "look").get_by_role("heading", name="Live").wait_for(timeout=WAIT_MS)
    assert page.evaluate(KEPT) == "look"


@pytest.mark.parametrize("token", ["look→", "“look”", "ключ", "look\u200b"])
def test_a_token_that_no_request_can_carry_is_a_wrong_one(closed: Visitor, token: str) -> None:
    """A browser throws where a header holds other than Latin-1, which must not look like an engine that is away."""
    page = sign_in(closed, token)
    page.get_by_text("does not know this token").wait_for(timeout=WAIT_MS)
    assert page.evaluate(KEPT) is None
    assert page.get_by_text("does not answer").count() == 0
    sign_in(closed, "look").get_by_role("heading", name="Live").wait_for(timeout=WAIT_MS)


def titled(page: Any, title: str) -> None:
    page.wait_for_function("title => document.title === title + ' · moodline'", arg=title, timeout=WAIT_MS)


def test_the_title_says_which_page_it_is_in_the_language_chosen(browser: Any) -> None:
    history = History("sqlite://")
    history.open()
    history.append([event(1, track_id=7)])
    with served(FixedView(), history) as url, Visitor(browser, url) as visitor:
        page = visitor.go("tracks")
        titled(page, "Tracks")
        visitor.go(f"tracks/{ids.derive(RUN, 'track', 'door', 7)}")
        titled(page, "Person 7")
        visitor.go("cameras")
        titled(page, "Cameras")
        page.get_by_label("Language").select_option("de")
        titled(page, "Kameras")


def test_an_address_that_leads_nowhere_says_so(browser: Any) -> None:
    with served(FixedView()) as url, Visitor(browser, url) as visitor:
        page = visitor.go("nonsense")
        page.get_by_role("heading", name="There is no such page").wait_for(timeout=WAIT_MS)
        assert page.locator("nav [aria-current]").count() == 0
        page.get_by_role("link", name="Go to Live").click()
        page.get_by_role("heading", name="Live", exact=True).wait_for(timeout=WAIT_MS)
        assert page.locator("nav [aria-current]").inner_text() == "Live"


def test_a_button_that_may_not_be_pressed_says_why_to_keys_and_fingers(browser: Any) -> None:
    history = History("sqlite://")
    history.open()
    history.append([event(1, track_id=7)])
    with (
        served(FixedView(), history, tokens=TOKENS) as url,
        Visitor(browser, url, "look", viewport={"width": 390, "height": 844}, has_touch=True) as visitor,
    ):
        page = visitor.go("cameras")
        button = page.get_by_role("button", name="Add a camera")
        button.focus()
        described = "button => document.getElementById(button.getAttribute('aria-describedby')).textContent"
        why = button.evaluate(described)
        assert "Set api.sources.enabled" in why
        page.keyboard.press("Enter")
        assert page.locator("dialog").count() == 0
        visitor.go(f"tracks/{ids.derive(RUN, 'track', 'door', 7)}")
        button = page.get_by_role("button", name="Erase")
        button.focus()
        why = button.evaluate(described)
        assert "scope operate" in why and page.locator(".guarded .why").count() == 0
        page.keyboard.press("Enter")
        page.locator(".guarded .why").get_by_text(why).wait_for(timeout=WAIT_MS)
        assert page.locator("dialog").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_states_are_told_in_the_visitors_language(browser: Any) -> None:
    sources = (
        source("attic", "ended", cause=None, detail="removed"),
        source("hall", "paused", cause=None, detail="paused"),
        source("yard", "stalled", cause=None, detail="no picture for 4.2 s"),
        source("odd", "offline", cause=None, detail="something else"),
    )
    with (
        served(FixedView(run_status(sources=sources))) as url,
        Visitor(browser, url, locale="de-DE") as visitor,
    ):
        page = visitor.go("cameras")
        for name, says in (
            ("attic", "Beendet. Die Kamera wurde entfernt."),
            ("hall", "Angehalten"),
            ("yard", "Keine Bilder. Seit 4,2 s kein Bild."),
            ("odd", "Nicht erreichbar. something else"),
        ):
            lead = page.locator(".camera", has_text=name).locator(".lead")
            lead.wait_for(timeout=WAIT_MS)
            assert lead.inner_text() == says
        page = visitor.go("engine")
        page.locator(".facts-row div", has_text="Zustand").get_by_text("läuft").wait_for(timeout=WAIT_MS)


def test_what_became_of_frames_and_faces_is_told_in_numbers(browser: Any) -> None:
    with served(FixedView()) as url, Visitor(browser, url) as visitor:
        page = visitor.go("engine")
        frames = page.locator(".outcomes > li", has_text="door")
        frames.wait_for(timeout=WAIT_MS)
        assert [text.split() for text in frames.locator(".counts li").all_inner_texts()] == [
            ["searched", "for", "faces", "60", "60.0%"],
            ["skipped:", "not", "due", "yet", "20", "20.0%"],
            ["skipped:", "nothing", "moved", "5", "5.0%"],
            ["dropped:", "too", "old", "4", "4.0%"],
            ["dropped:", "queue", "full", "5", "5.0%"],
            ["lost", "on", "the", "way", "or", "unreadable", "2", "2.0%"],
            ["left", "out:", "damaged", "3", "3.0%"],
            ["failed", "1", "1.0%"],
        ]
        faces = page.locator(".card", has=page.get_by_role("heading", name="What became of the faces cut out"))
        assert [text.split()[-2:] for text in faces.locator(".counts li").all_inner_texts()] == [
            ["9", "75.0%"],
            ["2", "16.7%"],
            ["1", "8.3%"],
        ]


def test_rates_are_there_at_once_when_one_comes_back(browser: Any) -> None:
    view = FixedView(run_status(uptime_s=10.0))
    with served(view) as url, Visitor(browser, url) as visitor:
        page = visitor.go("engine")
        page.locator(".stages b").first.wait_for(timeout=WAIT_MS)
        more = replace(source(), frames=replace(source().frames, captured=150))
        view.shown = run_status(uptime_s=20.0, sources=(more,))
        known = "() => parseFloat(document.querySelector('.stages b').textContent) === 5"
        page.wait_for_function(known, timeout=WAIT_MS)
        visitor.go("cameras")
        page.get_by_role("heading", name="Cameras").wait_for(timeout=WAIT_MS)
        page.locator("nav a", has_text="Engine").click()
        page.locator(".stages b").first.wait_for(timeout=WAIT_MS)
        assert page.evaluate(f"({known})()")


def carded(name: str, **metrics: Any) -> ModelSnapshot:
    card = load_model(SHIPPED / f"{name}.onnx").card
    card = replace(card, metrics={**card.metrics, **metrics})
    stage = "classify" if card.task == "emotion" else "detect"
    return ModelSnapshot(stage, name, card.version, card.sha256, "cpu", card)


def test_a_model_card_has_names_that_people_have_for_its_numbers(browser: Any) -> None:
    classes = {"happiness": {"images": 900, "precision": 0.93, "recall": 0.91, "f1": 0.9199}, "fear": None}
    view = FixedView(run_status(models=(carded("retinaface-mnet025"), carded("emotion-fer", per_class=classes))))
    with served(view) as url, Visitor(browser, url) as visitor:
        page = visitor.go("engine")
        card = page.locator(".card", has_text="emotion-fer")
        card.get_by_text("Measured on: aligned faces · labels most voters agree on").wait_for(timeout=WAIT_MS)
        card.get_by_text("Contempt is hardly ever named").wait_for()
        assert "79.4%" in card.locator(".high").inner_text()
        card.locator("summary", has_text="Class by class").click()
        assert card.get_by_role("row", name="happiness").inner_text().split() == [
            "happiness",
            "900",
            "93.0%",
            "91.0%",
            "92.0%",
        ]
        card.locator("summary", has_text="Trained on").click()
        card.get_by_role("row", name="Images to train on").wait_for()
        text = page.locator("main").evaluate("main => main.textContent")
        for raw in ("macro_f1", "landmark_error", "all sets · 640", "training_images", "views"):
            assert raw not in text, raw
        page.get_by_label("Language").select_option("de")
        card.get_by_text("Genauigkeit", exact=True).wait_for(timeout=WAIT_MS)
