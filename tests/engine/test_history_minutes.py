"""Statistics from added-up minutes say exactly what the samples say, whatever came late, was pruned or erased."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.dialects import sqlite

from engine.history import History, StatsFilter, readings
from engine.history.minutes import added_up
from engine.testing import FakeClock
from tests.support.documents import event

START = datetime(2026, 1, 1, 0, 20, tzinfo=UTC)
LABELS = ["neutral", "happiness", None]


class Wall(FakeClock):
    """A clock whose time of day is set by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START

    def utc(self) -> datetime:
        return self.now


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def history(history_url: str, opened: Any, wall: Wall) -> History:
    made: History = opened(history_url, wall)
    return made


def seen(second: float, seq: int, track_id: int, random_: random.Random, kind: str = "update") -> Any:
    moment = START + timedelta(seconds=second)
    at = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    source = ("door", "desk")[track_id % 2]
    return event(seq, kind, track_id=track_id, source_id=source, label=random_.choice(LABELS), at=at)


def fill(history: History, wall: Wall, seconds: int) -> int:
    """Four faces seen all the time, in batches of a minute; how many events that are."""
    random_, seq = random.Random(5), 0
    for first in range(0, seconds, 60):
        batch = []
        for second in range(first, min(first + 60, seconds), 3):
            for track_id in range(4):
                seq += 1
                batch.append(seen(second, seq, 4 * (second // 150) + track_id, random_))
        wall.now = START + timedelta(seconds=first + 60)
        history.append(batch)
    return seq


def minutes_done(history: History) -> int:
    with history._database.read() as connection:
        return added_up(connection)


RANGES = [
    (0, 600, 60), (0, 600, 300), (0, 600, 120), (17, 583, 60), (17, 583, 300), (61, 119, 60), (100, 100, 60),
    (0, 600, 45), (550, 600, 60), (-4000, 9000, 3600),
]  # fmt: skip


def same_as_the_samples(history: History) -> None:
    """Asked with and without the table of minutes, in many ways."""
    for start, end, bucket_s in RANGES:
        for source_id in (None, "door"):
            wanted = StatsFilter(
                start=START + timedelta(seconds=start), end=START + timedelta(seconds=end), bucket_s=bucket_s,
                source_id=source_id,
            )  # fmt: skip
            for by_source in (True, False):
                assert history.stats(wanted, by_source) == plain(history, wanted, by_source), wanted


def plain(history: History, wanted: StatsFilter, by_source: bool) -> Any:
    with history._database.read() as connection:
        return readings.buckets_of(connection.execute(readings.stats_query(wanted, by_source)).all())


def test_minutes_are_added_up_once_they_have_passed(history: History, wall: Wall) -> None:
    fill(history, wall, 600)
    assert minutes_done(history) == (START.timestamp() + 540) // 60
    same_as_the_samples(history)


def test_what_comes_late_is_added_up_again(history: History, wall: Wall) -> None:
    seq = fill(history, wall, 600)
    late = [seen(second, seq + n + 1, n % 9, random.Random(n)) for n, second in enumerate((30, 31, 33, 200, 399, 555))]
    before = history.stats(StatsFilter(start=START, end=START + timedelta(seconds=600), bucket_s=600))
    history.append(late)
    assert history.stats(StatsFilter(start=START, end=START + timedelta(seconds=600), bucket_s=600)) != before
    same_as_the_samples(history)


def test_what_is_erased_or_pruned_counts_no_more(history: History, wall: Wall) -> None:
    fill(history, wall, 600)
    [uid, *_] = {one.track_uid for _, one in history.events_after(0, 1)}
    assert uid is not None
    assert history.erase(uid).samples
    same_as_the_samples(history)
    wall.now += timedelta(days=1)
    history.prune(START + timedelta(seconds=330))
    same_as_the_samples(history)
    history.prune_to(0)
    assert history.stats(StatsFilter(start=START, end=START + timedelta(seconds=600), bucket_s=60)) == ()
    same_as_the_samples(history)


def test_a_pause_of_days_is_passed_over_and_an_older_history_catches_up(history: History, wall: Wall) -> None:
    random_ = random.Random(1)
    history.append([seen(60 * n, n, 1, random_) for n in range(1, 9)])
    wall.now += timedelta(days=3)
    for n in range(9, 13):
        history.append([seen(3 * 86_400 + n, n, 2, random_)])
    assert minutes_done(history) == START.timestamp() // 60 + 9
    same_as_the_samples(history)


def test_statistics_of_minutes_are_ranges_of_their_index(history_url: str, opened: Any, wall: Wall) -> None:
    if history_url == "sqlite://" or "postgres" in history_url:
        pytest.skip("the plan of a file")
    history: History = opened(history_url, wall)
    fill(history, wall, 300)
    wanted = StatsFilter(start=START, end=START + timedelta(seconds=290), bucket_s=60)
    query = readings.stats_query(wanted, True, minutes_done(history)).compile(
        dialect=sqlite.dialect(),  # type: ignore[no-untyped-call]
        compile_kwargs={"literal_binds": True},
    )
    engine = create_engine(history_url)
    with engine.connect() as connection:
        steps = [row.detail for row in connection.execute(text(f"EXPLAIN QUERY PLAN {query}"))]
    engine.dispose()
    assert [step for step in steps if "minutes USING COVERING INDEX minutes_by_time (minute>? AND minute<?)" in step]
    assert not [step for step in steps if step.startswith(("SCAN samples", "SCAN minutes"))]
