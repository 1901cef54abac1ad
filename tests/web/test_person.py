"""One person's confidence as a band: the arithmetic in Node, and the page in a real Chromium."""

import json
import re
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.history import History
from engine.items import EmotionEvent
from tests.support.browser import Visitor
from tests.support.documents import event
from tests.support.run_status import FixedView
from tests.web.serving import served

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.timeout(180)]

WAIT_MS = 30_000
START = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
BEGAN = START.timestamp()

Told = list[tuple[float, float | None]]
"""Second, and the confidence then; None for a sample without a label."""


@pytest.fixture(scope="module")
def band(workshop: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Calls `bandOf` and `summary` of src/band.ts with samples made of `Told`."""
    made = tmp_path_factory.mktemp("band") / "band.mjs"
    asked = {"entryPoints": ["src/band.ts"], "format": "esm", "outfile": str(made)}
    build = f"require('esbuild').buildSync({json.dumps(asked)})"
    subprocess.run(["node", "-e", build], cwd=workshop, check=True, capture_output=True, timeout=60)

    def call(told: Told, from_s: float, to_s: float, columns: int = 240) -> Any:
        samples = [
            {"at": at(second), "label": None if value is None else "neutral", "confidence": value or 0, "scores": {}}
            for second, value in told
        ]
        script = (
            f"import {{bandOf, stretches, summary}} from {json.dumps(str(made))};"
            "let text = ''; for await (const part of process.stdin) text += part;"
            "const {samples, from, to, columns} = JSON.parse(text); const runs = stretches(samples);"
            "console.log(JSON.stringify({...bandOf(runs, from, to, columns), told: summary(runs, from, to, 12)}))"
        )
        asked = {"samples": samples, "from": BEGAN + from_s, "to": BEGAN + to_s, "columns": columns}
        done = subprocess.run(
            ["node", "--input-type=module", "-e", script],
            input=json.dumps(asked), capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return call


def at(second: float) -> str:
    return (START + timedelta(seconds=second)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def shown(found: Any) -> list[dict[str, float]]:
    return [point for point in found["points"] if point["count"]]


def test_one_sample_is_a_line_of_its_second_without_a_spread(band: Any) -> None:
    found = band([(5, 0.7)], 5, 6)
    points = shown(found)
    assert [points[0]["at"] - BEGAN, points[-1]["at"] - BEGAN] == [5, 6]
    assert {(one["low"], one["middle"], one["high"], one["count"]) for one in points} == {(0.7, 0.7, 0.7, 1)}
    assert found["told"]["all"]["middle"] == 0.7 and len(found["told"]["parts"]) == 1


def test_two_samples_spread_from_the_one_to_the_other(band: Any) -> None:
    points = shown(band([(0, 0.4), (1, 0.8)], 0, 2))
    assert all((one["low"], one["high"], one["count"]) == (0.4, 0.8, 2) for one in points)
    assert all(abs(one["middle"] - 0.6) < 1e-9 for one in points)


def test_eight_of_ten_samples_lie_in_the_band_and_the_line_is_their_median(band: Any) -> None:
    values = [0.9, 0.1, 0.8, 0.2, 0.7, 0.3, 0.6, 0.4, 0.5, 0.55]
    points = shown(band([(second, value) for second, value in enumerate(values)], 0, 10))
    [middle] = [one for one in points if one["at"] - BEGAN == 5.5]
    held = [value for value in values if middle["low"] <= value <= middle["high"]]
    assert (middle["count"], len(held)) == (10, 8)
    assert abs(middle["middle"] - 0.525) < 1e-9


@pytest.mark.parametrize("columns", [4, 240])
def test_nothing_is_drawn_in_a_gap_and_no_side_knows_of_the_other(band: Any, columns: int) -> None:
    """Nobody was seen, or no label was told: at any zoom the band breaks off there."""
    told: Told = [(second, 0.9) for second in range(20)]
    told += [(second, None) for second in range(20, 24)]
    told += [(second, 0.3) for second in range(24, 40)]
    told += [(second, 0.6) for second in range(60, 80)]
    found = band(told, 0, 80, columns)
    runs: list[list[Any]] = [[]]
    for point in found["points"]:
        runs[-1].append(point) if point["count"] else runs.append([])
    assert [(run[0]["at"] - BEGAN, run[-1]["at"] - BEGAN) for run in runs] == [(0, 20), (24, 40), (60, 80)]
    assert [{(one["low"], one["high"]) for one in run} for run in runs] == [{(0.9, 0.9)}, {(0.3, 0.3)}, {(0.6, 0.6)}]
    times = [point["at"] for point in found["points"]]
    assert times == sorted(set(times))


def test_many_samples_make_few_points_and_zooming_in_shows_each_second(band: Any) -> None:
    told: Told = [(second, 0.5 + 0.4 * ((second * 7919) % 100) / 100) for second in range(50_000)]
    far = band(told, 0, 50_000)
    assert 100 < len(far["points"]) <= 260 and far["spanS"] == 300
    assert all(abs(one["low"] - 0.54) < 0.02 and abs(one["high"] - 0.86) < 0.02 for one in shown(far)[1:-1])
    assert sum(part["count"] for part in far["told"]["parts"]) == far["told"]["all"]["count"] == 50_000
    near = band(told, 20_000, 20_030)
    assert near["spanS"] == 10
    inner = [one for one in near["points"] if 20_000 <= one["at"] - BEGAN <= 20_030]
    assert len(inner) == 30 and {one["count"] for one in inner} == {10}


def test_samples_that_come_seldom_still_make_one_band(band: Any) -> None:
    points = shown(band([(second, 0.5) for second in range(0, 60, 3)], 0, 60))
    assert all(one["count"] >= 1 for one in points) and points[-1]["at"] - BEGAN == 58


def seen(seconds: Any, label: str = "happiness") -> list[EmotionEvent]:
    """One track with a sample at each of `seconds`."""
    return [
        event(place + 1, "update" if place else "new", at=at(second), label=label)
        for place, second in enumerate(seconds)
    ]


def person(events: list[EmotionEvent]) -> tuple[History, str]:
    history = History("sqlite://")
    history.open()
    for start in range(0, len(events), 2000):
        history.append(events[start : start + 2000])
    return history, f"tracks/{events[0].track_uid}"


INK = """() => [...document.querySelectorAll('.timeline canvas')].map(canvas => {
  const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  const columns = new Set();
  for (let i = 0; i < data.length; i += 4) {
    const [r, g, b] = [data[i], data[i + 1], data[i + 2]];
    if (data[i + 3] > 200 && Math.max(r, g, b) - Math.min(r, g, b) > 60) columns.add((i / 4) % canvas.width);
  }
  return columns.size / canvas.width;
})"""
"""The share of the columns of each chart in which something coloured was drawn."""


@pytest.mark.parametrize("seconds", [[5], [5, 6], [*range(30), *range(60, 90)]], ids=["one", "two", "gap"])
def test_a_short_track_fills_its_charts(browser: Any, seconds: list[int]) -> None:
    history, place = person(seen(seconds))
    with served(FixedView(), history) as url, Visitor(browser, url) as visitor:
        page = visitor.go(place)
        page.locator(".confidence .u-over").wait_for(timeout=WAIT_MS)
        page.wait_for_timeout(300)
        inked = page.evaluate(INK)
        # In the middle third of a track with a gap there is nothing.
        least, most = (0.5, 0.7) if len(seconds) > 2 else (0.8, 1)
        assert len(inked) == 2 and all(least < share < most for share in inked), inked


def test_the_band_says_in_words_what_it_is_and_gives_numbers_to_those_who_cannot_see_it(browser: Any) -> None:
    history, place = person(seen(range(120)))
    with served(FixedView(), history) as url, Visitor(browser, url) as visitor:
        page = visitor.go(place)
        chart = page.locator(".confidence .chart")
        chart.wait_for(timeout=WAIT_MS)
        assert "eight of ten samples within 10 s (10th to 90th percentile" in page.locator(".keys").inner_text()
        name = chart.get_attribute("aria-label") or ""
        assert "Line: median. Band:" in name and "Of all 120 samples shown: median 80" in name
        assert page.locator(".timeline .sr tbody tr").count() == 12
        chart.locator(".u-over").hover()
        tip = page.locator(".tip")
        tip.wait_for()
        assert "Median 80" in tip.inner_text() and "(10 in 10 s)" in tip.inner_text()
        box, place_of = tip.bounding_box(), page.locator(".timeline").bounding_box()
        assert box and place_of and box["x"] >= place_of["x"]
        assert box["x"] + box["width"] <= place_of["x"] + place_of["width"] + 1


def times(said: Any) -> tuple[float, float]:
    """From and to of what is shown, in seconds from `START`."""
    told = re.findall(r"(\d+):(\d+):(\d+)", said.inner_text())
    first, last = (3600 * (int(hour) - START.hour) + 60 * int(minute) + int(second) for hour, minute, second in told)
    return first, last


def test_a_part_of_the_time_is_shown_by_mouse_and_by_keys(browser: Any) -> None:
    history, place = person(seen(range(600)))
    with served(FixedView(), history) as url, Visitor(browser, url) as visitor:
        page = visitor.go(place)
        said = page.locator(".zoom [role=status]")
        said.wait_for(timeout=WAIT_MS)
        assert times(said) == (0, 600)
        page.get_by_role("button", name="Closer").press("Enter")
        assert times(said) == (150, 450)
        page.get_by_role("button", name="Later").press("Enter")
        assert times(said) == (300, 600)
        page.get_by_role("button", name="Later").press("Enter")
        assert times(said) == (300, 600)  # there is nothing later
        for chart in (".chart >> nth=0", ".confidence .chart"):
            over = page.locator(f".timeline {chart} >> .u-over")
            over.dblclick()
            assert times(said) == (0, 600)
            box = over.bounding_box()
            assert box
            page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 20)
            page.mouse.down()
            page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 30, steps=5)
            page.mouse.up()
            first, last = times(said)
            assert abs(first - 150) < 12 and abs(last - 300) < 12, said.inner_text()
        for _ in range(9):
            page.get_by_role("button", name="Closer").press("Enter")
        first, last = times(said)
        assert 9 <= last - first <= 11


def test_six_hours_of_one_person_are_all_there_and_asked_for_once(browser: Any) -> None:
    """Whoever looks at a track that grows does not fetch all of it each time."""
    history, place = person(seen(range(22_000)))
    with served(FixedView(), history) as url, Visitor(browser, url) as visitor:
        asked: list[str] = []
        visitor.page.on("request", lambda request: asked.append(request.url))
        page = visitor.go(place)
        chart = page.locator(".confidence .chart")
        chart.wait_for(timeout=2 * WAIT_MS)
        assert "Of all 22,000 samples" in (chart.get_attribute("aria-label") or "")
        timelines = [one for one in asked if "/timeline" in one]
        began = time.monotonic()
        with page.expect_request(lambda request: "/timeline" in request.url, timeout=2 * WAIT_MS):
            pass
        page.wait_for_timeout(500)
        again = [one for one in asked if "/timeline" in one][len(timelines) :]
        # One page every three seconds, however many there are.
        most = 2 + (time.monotonic() - began) / 3
        assert len(timelines) >= 22 and 1 <= len(again) <= most, (len(timelines), len(again))
        assert min(page.evaluate(INK)) > 0.8


def moody(count: int, every_s: int = 2) -> list[EmotionEvent]:
    """One track of which the emotion changes again and again."""
    labels = ("neutral", "happiness", "surprise")
    told = seen([0], labels[0])
    told += [
        event(
            place + 1, "emotion_changed", at=at(place * every_s), label=labels[place % 3], before=labels[place % 3 - 1]
        )
        for place in range(1, count)
    ]
    return told


def test_a_long_track_of_many_changes_is_a_page_of_bounded_size(browser: Any) -> None:
    history, place = person(moody(4000))
    with served(FixedView(), history) as url, Visitor(browser, url) as visitor:
        page = visitor.go(place)
        page.locator(".changes tbody tr").first.wait_for(timeout=WAIT_MS)
        assert page.evaluate("document.querySelectorAll('*').length") < 2500
        assert page.evaluate("document.documentElement.scrollHeight") < 4000
        name = page.locator(".segments").get_attribute("aria-label") or ""
        assert len(name) < 200 and "neutral 3" in name
        assert min(page.evaluate(INK)) > 0.8
        first, last = (page.locator(f".changes tbody tr:{place} time") for place in ("first-child", "last-child"))
        assert first.get_attribute("datetime") == at(3999 * 2) and last.get_attribute("datetime") == at(3950 * 2)
        page.get_by_text("The latest 50 of 3,999").wait_for()
        page.get_by_role("button", name="Show more").click()
        page.get_by_text("The latest 250 of 3,999").wait_for()


def test_what_has_not_grown_is_not_drawn_anew_and_what_has_is(browser: Any) -> None:
    history, place = person(moody(200))
    with served(FixedView(), history) as url, Visitor(browser, url) as visitor:
        page = visitor.go(place)
        page.locator(".changes tbody tr").first.wait_for(timeout=WAIT_MS)
        page.evaluate("""() => {
          window.drawn = 0;
          const clear = CanvasRenderingContext2D.prototype.clearRect;
          CanvasRenderingContext2D.prototype.clearRect = function (...box) { window.drawn++; clear.apply(this, box); };
        }""")
        for _ in range(2):
            with page.expect_response(lambda answer: "/events?" in answer.url, timeout=WAIT_MS):
                pass
        page.wait_for_timeout(300)
        assert page.evaluate("window.drawn") == 0
        history.append([event(900, "emotion_changed", at=at(402), label="anger", before="neutral")])
        page.locator(".changes", has_text="anger").wait_for(timeout=WAIT_MS)
        page.wait_for_function("() => window.drawn > 0", timeout=WAIT_MS)
        assert page.locator(".changes tbody tr").count() == 50
        page.get_by_text("The latest 50 of 200").wait_for()


def test_times_of_a_track_of_several_days_have_the_day(browser: Any) -> None:
    history, place = person(moody(30, every_s=10_000))
    with served(FixedView(), history) as url, Visitor(browser, url) as visitor:
        page = visitor.go(place)
        times = page.locator(".changes time")
        times.first.wait_for(timeout=WAIT_MS)
        told = [one.inner_text().replace("\xa0", " ") for one in (times.first, times.last)]
        assert told[0].startswith("Wed 25 Nov ") and told[1].startswith("Sun 22 Nov ")
        said = page.locator(".zoom [role=status]").inner_text().replace("\xa0", " ")
        assert said.startswith("Sun 22 Nov 10:00:00 \N{EN DASH} Wed 25 Nov ")
        page.set_viewport_size({"width": 390, "height": 844})
        lines = times.evaluate_all("all => all.map(time => time.getClientRects().length)")
        assert set(lines) == {1} and page.evaluate("document.documentElement.scrollWidth") <= 390


def test_samples_changes_and_all_events_can_be_taken_along(browser: Any, tmp_path: Path) -> None:
    history, place = person([*moody(40), event(50, "end", at=at(90))])
    with served(FixedView(), history) as url, Visitor(browser, url) as visitor:
        page = visitor.go(place)
        page.locator(".changes tbody tr").first.wait_for(timeout=WAIT_MS)
        told = {}
        for name in ("Samples (CSV)", "Changes (CSV)", "All (JSON)"):
            with page.expect_download(timeout=WAIT_MS) as download:
                page.get_by_role("button", name=name).click()
            told[name] = download.value.suggested_filename, Path(download.value.path()).read_text(encoding="utf-8")
        file, text = told["Samples (CSV)"]
        assert file.endswith("-samples.csv") and text.startswith("at,label,confidence,neutral,happiness,surprise")
        file, text = told["Changes (CSV)"]
        rows = text.splitlines()
        assert file.endswith("-changes.csv") and rows[0] == "at,before,held_s,after,confidence"
        assert rows[1] == f"{at(2)},neutral,1.5,happiness,0.8" and len(rows) == 40
        assert [one["type"] for one in json.loads(told["All (JSON)"][1])["events"]][:2] == ["new", "emotion_changed"]
        assert len(json.loads(told["All (JSON)"][1])["events"]) == 41
