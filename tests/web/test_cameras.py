"""The page of the cameras in a real Chromium: each is looked through before it is added; what is hidden stays."""

import json
import sqlite3
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.support.browser import Visitor
from tests.support.redis_server import until
from tests.web.conftest import OPERATE, READ, Engine

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.timeout(180)]

WAIT_MS = 60_000
SECRET = "hunter2"
CLOSED = f"rtsp://admin:{SECRET}@127.0.0.1:9/live"


@pytest.fixture
def operator(browser: Any, engine: Engine) -> Any:
    with Visitor(browser, engine.url, OPERATE) as visitor:
        yield visitor


def ask(engine: Engine, path: str) -> Any:
    request = urllib.request.Request(f"{engine.url}/api/v1/{path}", headers={"Authorization": f"Bearer {READ}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def names(engine: Engine) -> set[str]:
    return {one["source_id"] for one in ask(engine, "sources")["items"]}


def stored(engine: Engine, source_id: str) -> dict[str, Any]:
    """What the engine itself knows of a source that was added."""
    with sqlite3.connect(engine.folder / "dashboard.db") as database:
        query = "SELECT settings FROM configured_sources WHERE source_id = ?"
        (text,) = database.execute(query, (source_id,)).fetchone()
    found: dict[str, Any] = json.loads(text)
    return found


def field(page: Any, name: str) -> Any:
    return page.locator(f"dialog [name={name}]")


def press(page: Any, name: str) -> None:
    page.get_by_role("dialog").get_by_role("button", name=name, exact=True).click()


def wrong(page: Any, name: str) -> Any:
    """What is said at the field of that setting."""
    return page.locator(f"dialog .field:has([name={name}]) small.bad")


def begin(operator: Visitor, name: str, uri: str) -> Any:
    page = operator.go("cameras")
    page.get_by_role("button", name="Add a camera").click()
    field(page, "id").fill(name)
    field(page, "uri").fill(uri)
    return page


def delete(page: Any, name: str) -> None:
    card = page.locator(".camera", has_text=name)
    card.get_by_role("button", name="Delete").click()
    press(page, "Delete")
    card.wait_for(state="detached", timeout=WAIT_MS)
    # The button that had the focus is gone with its card.
    page.wait_for_function("() => document.activeElement.matches('h1')", timeout=WAIT_MS)


def test_a_camera_is_seen_before_it_is_added_then_paused_and_deleted(operator: Visitor, engine: Engine) -> None:
    page = begin(operator, "porch", "ftp://10.0.0.7/live")
    press(page, "Test")
    wrong(page, "uri").get_by_text("“ftp:” is no beginning of an address").wait_for(timeout=WAIT_MS)
    field(page, "uri").fill("demo:")
    field(page, "fps").fill("2,5")
    press(page, "Test")
    page.get_by_text("720, 2.5 fps").wait_for(timeout=WAIT_MS)
    brightness = "canvas => canvas.getContext('2d').getImageData(0, 0, 200, 200).data.reduce((a, b) => a + b) / 160000"
    assert page.locator(".trial canvas").evaluate(brightness) > 80
    assert names(engine) == {"door", "desk"}
    field(page, "uri").fill("demo:x")
    page.locator(".trial").wait_for(state="detached")  # of another camera than the one that was seen
    field(page, "uri").fill("demo:")
    press(page, "Add")
    card = page.locator(".camera", has_text="porch")
    card.wait_for(timeout=WAIT_MS)
    assert ask(engine, "sources/porch")["settings"]["fps"] == 2.5
    page.locator("dialog").wait_for(state="detached", timeout=WAIT_MS)
    card.get_by_role("button", name="Pause").click()
    card.get_by_role("button", name="Go on").wait_for(timeout=WAIT_MS)
    delete(page, "porch")
    assert names(engine) == {"door", "desk"}


def test_adding_looks_first_and_shows_what_was_added(operator: Visitor, engine: Engine) -> None:
    page = begin(operator, "door", "demo:")
    press(page, "Add")
    wrong(page, "id").get_by_text("is there already").wait_for(timeout=WAIT_MS)
    field(page, "id").fill("two words")
    press(page, "Add")
    wrong(page, "id").get_by_text("no spaces").wait_for(timeout=WAIT_MS)
    page.locator("dialog .field:has([name=id])").get_by_text("it stands in every event").wait_for()
    field(page, "id").fill("hall")
    press(page, "Add")
    page.get_by_text("hall is added").wait_for(timeout=WAIT_MS)
    page.locator(".trial canvas").wait_for()
    press(page, "Done")
    delete(page, "hall")


def test_a_camera_that_fails_says_why_before_it_is_added_and_can_be_added_anyway(
    operator: Visitor, engine: Engine, workshop: Path
) -> None:
    page = begin(operator, "attic", f"rtsp://admin:{SECRET}@10.9.9.9/live")
    press(page, "Add")
    wrong(page, "uri").get_by_text("host").wait_for(timeout=WAIT_MS)
    field(page, "uri").fill(CLOSED)
    press(page, "Add")
    told = page.locator(".trial")
    told.get_by_text("The host refuses the connection. Is the port right").wait_for(timeout=WAIT_MS)
    assert "rtsp://***@127.0.0.1:9/live" in told.inner_text() and SECRET not in told.inner_text()
    assert "attic" not in names(engine)
    page.locator("dialog summary").click()
    page.evaluate((workshop / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8"))
    found = page.evaluate("axe.run().then(result => result.violations)")
    assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []
    press(page, "Add anyway")
    page.locator(".camera", has_text="attic").wait_for(timeout=WAIT_MS)
    assert stored(engine, "attic")["uri"] == CLOSED
    delete(page, "attic")


def test_every_setting_can_be_changed_and_what_is_hidden_is_not_overwritten(operator: Visitor, engine: Engine) -> None:
    uri = f"http://admin:{SECRET}@127.0.0.1:9/live?channel=1&password={SECRET}"
    page = begin(operator, "yard", uri)
    press(page, "Add")
    page.get_by_role("button", name="Add anyway").click(timeout=WAIT_MS)
    card = page.locator(".camera", has_text="yard")
    edit = card.get_by_role("button", name="Edit")
    edit.click(timeout=WAIT_MS)
    shown = "http://***@127.0.0.1:9/live?channel=1&password=***"
    until(lambda: field(page, "uri").input_value() == shown, 30)
    press(page, "Test")
    wrong(page, "uri").get_by_text("Write the whole address to test it").wait_for(timeout=WAIT_MS)
    page.locator("dialog summary").click()
    assert field(page, "open_timeout_s").input_value() == "5"
    field(page, "fps").fill("4")
    field(page, "transport").select_option("udp")
    field(page, "stall_after_s").fill("soon")
    page.locator("dialog summary").click()
    press(page, "Save")
    wrong(page, "stall_after_s").get_by_text("This is no number").wait_for(timeout=WAIT_MS)
    assert page.evaluate("document.activeElement.name") == "stall_after_s"
    field(page, "stall_after_s").fill("7.5")
    press(page, "Save")
    page.locator("dialog").wait_for(state="detached", timeout=WAIT_MS)
    assert stored(engine, "yard") == {"uri": uri, "fps": 4.0, "transport": "udp", "stall_after_s": 7.5}
    edit.click()
    for half in (shown.replace("channel=1", "channel=2"), shown.replace("***@", "")):
        field(page, "uri").fill(half)
        press(page, "Save")
        wrong(page, "uri").get_by_text("stands for a password that is not shown").wait_for(timeout=WAIT_MS)
        field(page, "uri").fill(shown)
    field(page, "fps").fill("")
    press(page, "Save")
    page.locator("dialog").wait_for(state="detached", timeout=WAIT_MS)
    assert stored(engine, "yard") == {"uri": uri, "transport": "udp", "stall_after_s": 7.5}
    edit.click()
    field(page, "uri").fill("demo:")
    press(page, "Save")
    page.get_by_text("yard is saved").wait_for(timeout=WAIT_MS)
    press(page, "Done")
    assert stored(engine, "yard")["uri"] == "demo:"
    delete(page, "yard")


def test_what_is_wrong_is_said_in_the_visitors_language_before_anything_is_sent(browser: Any, engine: Engine) -> None:
    with Visitor(browser, engine.url, OPERATE, locale="de-DE") as visitor:
        sent: list[str] = []
        visitor.page.on("request", lambda request: sent.append(request.method) if request.method != "GET" else None)
        page = visitor.go("cameras?add=1")
        press(page, "Hinzufügen")
        for name in ("id", "uri"):
            wrong(page, name).get_by_text("Das wird gebraucht").wait_for(timeout=WAIT_MS)
        field(page, "id").fill("zwei Wörter")
        field(page, "uri").fill("garbage")
        page.locator("dialog summary").click()
        for name, text, says in (
            ("fps", "abc", "keine Zahl"),
            ("fps", "0", "mehr als 0"),
            ("open_timeout_s", "100000", "höchstens 86.400"),
            ("max_pixels", "2,5", "ganze Zahl"),
        ):
            field(page, name).fill(text)
            press(page, "Hinzufügen")
            wrong(page, name).get_by_text(says).wait_for(timeout=WAIT_MS)
            field(page, name).fill("")
        wrong(page, "id").get_by_text("keine Leerzeichen").wait_for()
        assert sent == []
        field(page, "id").fill("w" * 64)
        press(page, "Hinzufügen")
        wrong(page, "uri").get_by_text("Beginnen Sie mit demo:, rtsp:// oder http://").wait_for(timeout=WAIT_MS)
        field(page, "uri").fill("rtsp://10.9.9.9/live")
        press(page, "Testen")
        wrong(page, "uri").get_by_text("darf ihn nicht erreichen").wait_for(timeout=WAIT_MS)


def test_of_a_host_that_is_listed_the_cause_is_told(operator: Visitor, engine: Engine) -> None:
    page = begin(operator, "page", f"{engine.url}/")
    for uri, says in (
        (f"{engine.url}/", "it sends no video"),
        (f"{engine.url}/api/v1/status", "refused the user name or password"),
        (engine.url.replace("http", "rtsp") + "/live", "it does not speak RTSP"),
        ("http://127.0.0.1:9/", "refuses the connection"),
    ):
        field(page, "uri").fill(uri)
        press(page, "Test")
        page.locator(".trial").get_by_text(says).wait_for(timeout=WAIT_MS)
        assert page.locator(".trial small").inner_text() == uri


def test_a_long_name_stays_within_the_dialog(operator: Visitor, engine: Engine) -> None:
    name = "W" * 64
    page = begin(operator, name, "demo:")
    press(page, "Add")
    page.get_by_text(f"{name} is added").wait_for(timeout=WAIT_MS)
    assert page.locator("dialog").evaluate("box => box.scrollWidth <= box.clientWidth")
    press(page, "Done")
    delete(page, name)


def test_a_camera_of_the_configuration_file_says_why_it_cannot_be_changed_here(operator: Visitor) -> None:
    card = operator.go("cameras").locator(".camera", has_text="door")
    card.get_by_text("is in the configuration file: it can be paused here").wait_for(timeout=WAIT_MS)
    assert card.get_by_role("button").all_inner_texts() == ["Pause"]
