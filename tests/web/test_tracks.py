"""The list of tracks in a real Chromium: at every width, with wrong filters, there and back, as a file."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.clock import rfc3339
from engine.history import History
from tests.support.browser import Visitor
from tests.support.documents import event
from tests.support.run_status import FixedView, run_status, source
from tests.web.serving import served

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.timeout(180)]

WAIT_MS = 30_000


def people(count: int, source_id: str = "door") -> History:
    """So many, a minute apart, of whom every other was seen for ten seconds."""
    history = History("sqlite://")
    history.open()
    now = datetime.now(UTC)
    for start in range(1, count + 1, 500):
        some = range(start, min(start + 500, count + 1))
        history.append(
            [event(one, source_id=source_id, track_id=one, at=rfc3339(now - timedelta(minutes=one))) for one in some]
        )
        later = [(one, rfc3339(now - timedelta(minutes=one, seconds=-10))) for one in some if one % 2]
        history.append(
            [event(count + one, "update", source_id=source_id, track_id=one, at=at, age_s=10.0) for one, at in later]
        )
    return history


def view() -> FixedView:
    return FixedView(run_status(sources=(source("door"), source("desk"))))


@pytest.mark.parametrize("locale", ["en-GB", "de-DE"])
@pytest.mark.parametrize("name", ["door", "a-camera-with-a-rather-long-name-in-the-hall"])
def test_each_track_is_a_line_or_a_card_at_every_width(browser: Any, locale: str, name: str) -> None:
    """Of yesterday, too: then there is a day before the time."""
    with served(view(), people(1500, name)) as url, Visitor(browser, url, locale=locale) as visitor:
        page = visitor.go("tracks?to=" + rfc3339(datetime.now(UTC) - timedelta(days=1)))
        page.locator("tbody tr").first.wait_for(timeout=WAIT_MS)
        for width in (390, 721, 768, 900, 960, 961, 1100, 1201, 1280, 1920):
            page.set_viewport_size({"width": width, "height": 1024})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, width
            heights = page.locator("tbody tr").evaluate_all("rows => rows.map(row => row.offsetHeight)")
            assert max(heights) < (120 if width <= 960 else 60), (width, max(heights))
            lines = page.locator("tbody :is(time, td.state)").evaluate_all(
                "all => all.map(one => one.getClientRects().length > 1 || one.offsetHeight > 60)"
            )
            assert not any(lines), width


@pytest.mark.parametrize(
    ("locale", "least", "order"),
    [
        ("en-GB", "Write 0 or more", "This is before “From”"),
        ("de-DE", "Schreiben Sie 0 oder mehr", "Das liegt vor „Von“"),
    ],
)
def test_a_wrong_filter_is_told_at_its_field_and_the_list_stays(
    browser: Any, locale: str, least: str, order: str
) -> None:
    with served(view(), people(6)) as url, Visitor(browser, url, locale=locale) as visitor:
        refused: list[str] = []
        visitor.page.on("response", lambda answer: refused.append(answer.url) if answer.status >= 400 else None)
        page = visitor.go("tracks?min_duration_s=2")
        rows = page.locator("tbody tr")
        rows.first.wait_for(timeout=WAIT_MS)
        assert rows.count() == 3
        field = page.locator("input[type=number]")
        field.fill("-5")
        field.press("Tab")
        said = page.locator(".field", has=field).locator(".bad")
        said.wait_for()
        assert said.inner_text() == least
        page.wait_for_timeout(500)
        assert rows.count() == 3 and field.get_attribute("aria-invalid") == "true"
        field.fill("2")
        field.press("Tab")
        said.wait_for(state="detached")
        for place, time in enumerate(("2026-11-22T10:00", "2026-11-21T10:00")):
            page.locator("input[type=datetime-local]").nth(place).fill(time)
        page.locator(".bad", has_text=order).wait_for()
        assert page.locator("[role=alert]").count() == 0 and refused == []
        page.locator(".filters > button").click()
        page.wait_for_function("() => document.querySelectorAll('tbody tr').length === 6", timeout=WAIT_MS)


def test_a_link_with_wrong_filters_lists_what_the_others_let_through(browser: Any) -> None:
    with served(view(), people(6)) as url, Visitor(browser, url) as visitor:
        page = visitor.go("tracks?source_id=door&min_duration_s=many&from=yesterday")
        page.locator("tbody tr").first.wait_for(timeout=WAIT_MS)
        assert page.locator("tbody tr").count() == 6
        assert page.locator(".field .bad").all_inner_texts() == ["Write a day and a time", "Write 0 or more"]


def test_all_tracks_leads_back_to_the_list_as_it_was(browser: Any) -> None:
    with served(view(), people(6)) as url, Visitor(browser, url) as visitor:
        page = visitor.go("tracks?source_id=door&min_duration_s=2")
        page.locator("tbody a").first.click()
        page.get_by_role("heading", name="Person").wait_for(timeout=WAIT_MS)
        page.reload()
        page.get_by_role("link", name="All tracks").first.click()
        page.wait_for_url("**/#/tracks?source_id=door&min_duration_s=2")
        page.locator("tbody tr").first.wait_for(timeout=WAIT_MS)
        assert page.locator("tbody tr").count() == 3


def saved(page: Any, button: str, to: Path) -> str:
    with page.expect_download(timeout=WAIT_MS) as download:
        page.get_by_role("button", name=button).click()
    download.value.save_as(to)
    return to.read_text(encoding="utf-8")


def test_the_whole_filtered_list_is_a_file(browser: Any, tmp_path: Path) -> None:
    with served(view(), people(2600)) as url, Visitor(browser, url) as visitor:
        page = visitor.go("tracks?source_id=door&min_duration_s=2")
        page.locator("tbody tr").first.wait_for(timeout=WAIT_MS)
        rows = list(csv.DictReader(io.StringIO(saved(page, "CSV of the list", tmp_path / "tracks.csv"))))
        assert len(rows) == len({row["track_uid"] for row in rows}) == 1300
        assert {row["duration_s"] for row in rows} == {"10"}
        page.get_by_text("1,300 people are in the file").wait_for(timeout=WAIT_MS)
        told = json.loads(saved(page, "JSON of the list", tmp_path / "tracks.json"))
        assert told["filters"] == {"source_id": "door", "min_duration_s": "2"} and len(told["tracks"]) == 1300


def test_who_fetches_a_long_list_sees_how_far_it_is_and_can_stop(browser: Any) -> None:
    with served(view(), people(1200)) as url, Visitor(browser, url) as visitor:
        page = visitor.go("tracks")
        page.locator("tbody tr").first.wait_for(timeout=WAIT_MS)
        page.route("**/api/v1/tracks?*cursor=*", lambda _route: None)  # the second page does not come
        files: list[Any] = []
        page.on("download", lambda file: files.append(file))
        page.get_by_role("button", name="CSV of the list").click()
        page.get_by_text("1,000 people fetched").wait_for(timeout=WAIT_MS)
        page.get_by_role("button", name="Stop").click()
        page.get_by_role("button", name="Stop").wait_for(state="detached", timeout=WAIT_MS)
        assert page.get_by_role("button", name="CSV of the list").is_enabled() and files == []
