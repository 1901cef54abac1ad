"""Counting faces that were in view together, on every kind of database."""

from datetime import UTC, datetime

import pytest

from engine.history import History, StatsFilter
from tests.support.documents import event

HOUR = StatsFilter(
    start=datetime(2026, 11, 22, 10, tzinfo=UTC), end=datetime(2026, 11, 22, 11, tzinfo=UTC), bucket_s=600
)


@pytest.mark.parametrize(("k", "told"), [(2, 1), (3, 1), (4, 0)])
def test_only_those_in_view_at_one_moment_count(history: History, k: int, told: int) -> None:
    together = [event(n, track_id=n, age_s=20, at=f"2026-11-22T10:00:3{n}Z") for n in (1, 2, 3)]
    alone = [event(n, track_id=n, age_s=5, at=f"2026-11-22T10:0{n}:30Z") for n in (4, 5, 6)]
    history.append([*together, *alone])
    assert len(history.stats_of_many(HOUR, k)) == told
    assert [bucket.tracks for bucket in history.stats(HOUR)] == [6]


def test_shares_are_of_what_is_told(history: History) -> None:
    history.append([event(n, track_id=n, age_s=20, at=f"2026-11-22T10:00:3{n}Z") for n in (1, 2)])
    history.append([event(3, track_id=3, label="sadness", age_s=20, at="2026-11-22T10:00:30Z")])
    assert [(bucket.label, bucket.share) for bucket in history.stats_of_many(HOUR, 2)] == [("happiness", 1.0)]
