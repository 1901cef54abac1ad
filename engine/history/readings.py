"""What the samples tell: one track's timeline, and emotions in buckets of time."""

from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, func, literal_column, select, union_all

from engine import jsontext
from engine.history.minutes import WIDTH_S
from engine.history.records import EmotionBucket, Sample, StatsFilter
from engine.history.rows import second_of
from engine.history.schema import minutes, samples


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


def stats_query(wanted: StatsFilter, by_source: bool, added_up: int = 0) -> Select[Any]:
    """One row per bucket, source where asked for, and label.

    Whole minutes before the minute `added_up` are read from the table `minutes`, all else from the samples.
    """
    seen = seen_rows(wanted, added_up).subquery("seen").c
    bucket = (seen.second - seen.second % wanted.bucket_s).label("bucket")
    keys = (bucket, seen.source_id, seen.label) if by_source else (bucket, seen.label)
    query = select(
        *keys, func.sum(seen.seconds).label("seconds"), func.count(seen.track_uid.distinct()).label("tracks")
    )
    return query.group_by(*keys)


def seen_rows(wanted: StatsFilter, added_up: int) -> Any:
    """Rows of `second`, `source_id`, `label`, `track_uid` and `seconds`; `added_up` as for `stats_query`."""
    start, end = second_from(wanted.start), second_from(wanted.end)
    first, last = -(-start // WIDTH_S), min(added_up, end // WIDTH_S)
    if wanted.bucket_s % WIDTH_S or first >= last:
        return _samples(wanted, start, end)
    at = minutes.c.minute
    whole = select((at * WIDTH_S).label("second"), minutes.c.source_id, minutes.c.label, minutes.c.track_uid,
                   minutes.c.seconds)  # fmt: skip
    whole = whole.where(at >= first, at < last, *_of_source(minutes, wanted))
    edges = (_samples(wanted, start, first * WIDTH_S), _samples(wanted, last * WIDTH_S, end))
    return union_all(whole, *edges)


def _samples(wanted: StatsFilter, start: int, end: int) -> Select[Any]:
    second = samples.c.second
    one: Any = literal_column("1").label("seconds")
    query = select(second, samples.c.source_id, samples.c.label, samples.c.track_uid, one)
    return query.where(second >= start, second < end, *_of_source(samples, wanted))


def _of_source(table: Table, wanted: StatsFilter) -> list[ColumnElement[bool]]:
    return [] if wanted.source_id is None else [table.c.source_id == wanted.source_id]


def buckets_of(rows: Any) -> tuple[EmotionBucket, ...]:
    """The answer to `stats_query`, in order of time, source and label, with shares."""
    ordered = sorted(rows, key=lambda row: (*_group(row), row.label or ""))
    buckets: list[EmotionBucket] = []
    for (second, source_id), found in groupby(ordered, key=_group):
        group = list(found)
        total = sum(row.seconds for row in group)
        buckets += (
            EmotionBucket(
                _moment(second),
                source_id or None,
                row.label,
                int(row.seconds),
                int(row.seconds) / int(total),
                row.tracks,
            )
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
