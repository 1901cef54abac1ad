"""How many faces were in view together: a number that one person cannot raise by being seen again and again."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, select

from engine.history.readings import seen_rows
from engine.history.records import StatsFilter
from engine.history.schema import tracks

APART = timedelta(seconds=1)
"""Two tracks count as two faces where both last so long at the same time: a track that follows another may touch it."""

Place = tuple[int, str, str | None]
"""A bucket's first second, a source and a label."""


def together_query(wanted: StatsFilter, added_up: int) -> Select[Any]:
    """One row per bucket, source, label and track that showed it there: when that track lasted, and in which run."""
    seen = seen_rows(wanted, added_up).subquery("seen").c
    bucket = (seen.second - seen.second % wanted.bucket_s).label("bucket")
    whose = select(bucket, seen.source_id, seen.label, seen.track_uid).distinct().subquery("whose").c
    life = (tracks.c.run_id, tracks.c.first_seen, tracks.c.last_seen)
    return select(whose.bucket, whose.source_id, whose.label, *life).join(tracks, tracks.c.track_uid == whose.track_uid)


def most_together(rows: Iterable[Any]) -> dict[Place, int]:
    """The answer to `together_query`: how many of the tracks lasted at one moment, at most.

    Tracks of two runs are never counted together: a recording that is played twice shows the same people.
    """
    lives: dict[tuple[Place, str], list[tuple[datetime, int]]] = defaultdict(list)
    for row in rows:
        begin, end = row.first_seen + APART, row.last_seen
        if begin < end:
            lives[(row.bucket, row.source_id, row.label), row.run_id] += [(begin, 1), (end, -1)]
    most: dict[Place, int] = {}
    for (place, _), changes in lives.items():
        most[place] = max(most.get(place, 0), _peak(changes))
    return most


def _peak(changes: list[tuple[datetime, int]]) -> int:
    """The highest sum on the way; at one moment ends come before beginnings."""
    highest = now = 0
    for _, change in sorted(changes):
        now += change
        highest = max(highest, now)
    return highest
