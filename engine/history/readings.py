"""What the samples tell: one track's timeline, and emotions in buckets of time."""

from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Select, func, select

from engine import jsontext
from engine.history.records import EmotionBucket, Sample, StatsFilter
from engine.history.rows import second_of
from engine.history.schema import samples


def timeline_page(
    track_uid: str, after: tuple[int, ...] | None, limit: int, start: datetime | None, end: datetime | None
) -> Select[Any]:
    """`limit` samples of a track and one more, oldest first."""
    second = samples.c.second
    query = select(samples).where(samples.c.track_uid == track_uid)
    if after is not None:
        query = query.where(second > after[0])
    if start is not None:
        query = query.where(second >= second_from(start))
    if end is not None:
        query = query.where(second < second_from(end))
    return query.order_by(second).limit(limit + 1)


def sample_of(row: Any) -> Sample:
    """The sample of a row."""
    return Sample(_moment(row.second), row.label, row.confidence, jsontext.loads(row.scores))


def stats_query(wanted: StatsFilter, by_source: bool) -> Select[Any]:
    """One row per bucket, source where asked for, and label."""
    second = samples.c.second
    bucket = (second - second % wanted.bucket_s).label("bucket")
    keys = (bucket, samples.c.source_id, samples.c.label) if by_source else (bucket, samples.c.label)
    query = select(*keys, func.count().label("seconds"), func.count(samples.c.track_uid.distinct()).label("tracks"))
    query = query.where(second >= second_from(wanted.start), second < second_from(wanted.end))
    if wanted.source_id is not None:
        query = query.where(samples.c.source_id == wanted.source_id)
    return query.group_by(*keys)


def buckets_of(rows: Any) -> tuple[EmotionBucket, ...]:
    """The answer to `stats_query`, in order of time, source and label, with shares."""
    ordered = sorted(rows, key=lambda row: (*_group(row), row.label or ""))
    buckets: list[EmotionBucket] = []
    for (second, source_id), found in groupby(ordered, key=_group):
        group = list(found)
        total = sum(row.seconds for row in group)
        buckets += (
            EmotionBucket(_moment(second), source_id or None, row.label, row.seconds, row.seconds / total, row.tracks)
            for row in group
        )
    return tuple(buckets)


def _group(row: Any) -> tuple[int, str]:
    return row.bucket, getattr(row, "source_id", "")


def second_from(moment: datetime) -> int:
    """The first whole second at or after `moment`."""
    second = second_of(moment)
    return second + (moment > _moment(second))


def _moment(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)
