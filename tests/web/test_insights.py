"""Insights in a real Chromium: everything that is known is drawn, choices stay, both sides are as wide."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine.clock import rfc3339
from engine.history import History
from engine.items import EmotionEvent
from tests.support.browser import Visitor
from tests.support.documents import event
from tests.support.run_status import FixedView, run_status, source
from tests.web.serving import served

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.timeout(180)]

WAIT_MS = 30_000
NOBODY = "\N{EN DASH}"
DRAWN = """() => {
  const charts = [...document.querySelectorAll('figure .chart canvas')];
  return charts.map(canvas => {
    const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    const inked = new Set();
    for (let i = 0; i < data.length; i += 4)
      if (data[i + 3] > 120 && Math.max(...data.subarray(i, i + 3)) - Math.min(...data.subarray(i, i + 3)) > 60)
        inked.add((i / 4) % canvas.width);
    return [...inked].filter(x => !inked.has(x - 1)).length;
  });
}"""
"""How many stretches of columns have colour, for each chart."""


def ago(**time: float) -> datetime:
    return datetime.now(UTC) - timedelta(**time)


def face(seq: int, at: datetime, source_id: str = "door", label: str = "happiness") -> EmotionEvent:
    """Somebody who was seen for one second."""
    return event(seq, source_id=source_id, track_id=seq, label=label, at=rfc3339(at))


def of(*events: EmotionEvent) -> History:
    history = History("sqlite://")
    history.open()
    history.append(list(events))
    return history


def select(page: Any, name: str) -> Any:
    return page.get_by_role("combobox", name=name, exact=True)


def view(*names: str) -> FixedView:
    return FixedView(run_status(sources=tuple(source(name) for name in names)))


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize(("range_", "before"), [("hour", 20), ("day", 300), ("week", 3000), ("month", 20_000)])
def test_a_step_with_nobody_before_and_after_it_is_drawn_and_so_is_the_current_one(
    browser: Any, range_: str, before: float, width: int
) -> None:
    history = of(face(1, ago(minutes=before)), face(2, ago(seconds=1)))
    size = {"width": width, "height": 900}
    with served(view("door"), history) as url, Visitor(browser, url, viewport=size) as visitor:
        page = visitor.go(f"insights?range={range_}")
        page.locator("figure .u-over").first.wait_for(timeout=WAIT_MS)
        page.wait_for_function(f"() => ({DRAWN})().join() === '2'", timeout=WAIT_MS)


def test_choices_stand_in_the_address_and_outlive_new_answers(browser: Any) -> None:
    history = of(*(face(place, ago(minutes=place % 40), "door" if place % 2 else "desk") for place in range(1, 60)))
    history.append([face(99, ago(minutes=3), "hall", "surprise")])
    with served(view("door", "desk", "hall"), history) as url, Visitor(browser, url) as visitor:
        visitor.page.clock.install()
        page = visitor.go("insights")
        page.locator(".heat .cell").first.wait_for(timeout=WAIT_MS)
        page.locator(".heat").evaluate("heat => { window.heat = heat }")
        select(page, "Emotion").select_option("surprise")
        select(page, "Lines").select_option("day")
        select(page, "Second").select_option("hall")
        page.wait_for_url("**/#/insights?emotion=surprise&rows=day&second=hall")
        page.evaluate("scrollTo(0, 200)")
        for _ in range(3):  # the end of what is asked for moves on with the clock
            with page.expect_response(lambda answer: "/stats/" in answer.url, timeout=WAIT_MS):
                page.clock.fast_forward(40_000)
        page.wait_for_timeout(300)
        assert page.evaluate("document.contains(window.heat)")
        assert page.evaluate("scrollY") == 200
        page.reload()
        page.locator(".heat .cell").first.wait_for(timeout=WAIT_MS)
        assert select(page, "Emotion").input_value() == "surprise"
        assert select(page, "Lines").input_value() == "day"
        assert select(page, "Second").input_value() == "hall"


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "Asia/Kathmandu", "America/New_York"])
@pytest.mark.parametrize("range_", ["week", "month"])
def test_hours_and_days_are_those_of_the_clock_on_the_wall(browser: Any, zone: str, range_: str) -> None:
    """In India an hour begins where in UTC it is half past."""
    off = {"Asia/Kolkata": 330, "Asia/Kathmandu": 345, "America/New_York": -300}[zone]
    local = datetime.now(UTC) + timedelta(minutes=off)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=2, minutes=off)
    seen = [face(1, midnight + timedelta(minutes=5)), face(2, midnight + timedelta(minutes=11 * 60 + 5))]
    seen.append(face(3, midnight - timedelta(minutes=5), label="surprise"))
    with served(view("door"), of(*seen)) as url, Visitor(browser, url, timezone_id=zone) as visitor:
        page = visitor.go(f"insights?range={range_}&rows=day")
        rows = page.locator(".heat-row:not(.head)")
        rows.first.wait_for(timeout=WAIT_MS)
        hours = "row => [...row.querySelectorAll('.cell')].flatMap((one, hour) => one.matches('.none') ? [] : [hour])"
        if zone == "America/New_York" and rows.count() != 2:
            pytest.skip("the clocks were changed in the last days")
        assert [row.evaluate(hours) for row in rows.all()] == [[23], [0, 11]]


def test_both_sides_of_a_comparison_are_as_wide_whatever_their_names(browser: Any) -> None:
    long = "a-camera-with-a-name-that-is-rather-long-" * 4
    history = of(face(1, ago(minutes=3)), face(2, ago(minutes=3), long))
    with served(view("door", long), history) as url, Visitor(browser, url) as visitor:
        for width in (390, 768, 1280):
            page = visitor.go("insights")
            page.set_viewport_size({"width": width, "height": 900})
            page.locator(".compare tbody td").first.wait_for(timeout=WAIT_MS)
            sides = page.locator(".compare tbody td:not(.num)").evaluate_all(
                "cells => cells.map(cell => cell.getBoundingClientRect().width)"
            )
            meters = page.locator(".meter").evaluate_all(
                "meters => meters.map(meter => meter.getBoundingClientRect().width)"
            )
            assert max(sides) - min(sides) < 1 and max(meters) - min(meters) < 1, (width, sides, meters)
            assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_cameras_are_compared_on_days_and_who_saw_nobody_says_so(browser: Any) -> None:
    history = of(face(1, ago(days=1)), face(2, ago(seconds=2), "desk", "surprise"))
    with served(view("door", "desk", "cellar"), history) as url, Visitor(browser, url) as visitor:
        page = visitor.go("insights?range=week&first=door&second=desk")
        heads = page.locator(".compare thead th")
        heads.first.wait_for(timeout=WAIT_MS)
        yesterday = ago(days=1).strftime("%Y-%m-%d")
        select(page, "First: day").select_option(yesterday)
        page.wait_for_url(f"**first_day={yesterday}**")
        cells = page.locator(".compare tbody tr", has_text="happiness").locator("td")
        page.wait_for_function("() => document.querySelector('.compare th:nth-child(2)').textContent.includes(' · ')")
        assert cells.all_inner_texts() == ["100%", "0%", "\N{MINUS SIGN}100 points"]
        select(page, "Second").select_option("cellar")
        page.get_by_role("columnheader", name="cellar").get_by_text("nobody").wait_for()
        assert cells.all_inner_texts() == ["100%", NOBODY, NOBODY]


def test_a_comparison_that_would_say_nothing_says_why(browser: Any) -> None:
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    with served(view("door"), of(face(1, noon))) as url, Visitor(browser, url) as visitor:
        visitor.page.clock.set_fixed_time(noon + timedelta(minutes=20))
        page = visitor.go("insights")
        page.get_by_text("There is one camera, and one day of it").wait_for(timeout=WAIT_MS)
        page.get_by_text("For days, choose a longer time above").wait_for()
        page.get_by_text("each step of 1 min.").wait_for()
        page.goto(f"{url}/#/insights?range=week")
        select(page, "Second: day").wait_for()
        assert select(page, "Second: day").input_value() == noon.strftime("%Y-%m-%d")
        assert select(page, "First: day").input_value() == (noon - timedelta(days=1)).strftime("%Y-%m-%d")
