"""Filters and pages as SQL that an index answers whatever the filter, and page 1,000 as fast as page 1.

Lists are ordered by a time and a row id, and a page begins after the last place of the one before (keyset paging).
Four indices serve all combinations of source, type and label because a question that leaves the type open is asked
once for each type: every branch is one range of one index, and at most `limit` rows of each are merged.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, Select, and_, false, func, literal, select, tuple_, union_all

from engine.history.records import EventFilter, TrackFilter
from engine.history.schema import Moment, events, tracks

TYPES = ("new", "emotion_changed", "update", "end", "status")
FEW_TRACKS = 50
"""So many ranges of an index are merged at most."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def place_of(moment: datetime, row_id: int) -> tuple[int, int]:
    """A place in a list as whole numbers: microseconds since 1970, row id."""
    return (moment - _EPOCH) // _MICROSECOND, row_id


def long_tracks(min_duration_s: float) -> CompoundSelect[Any]:
    """The uids of a few tracks that have lasted so long: one more than `event_page` takes one by one."""
    uid = tracks.c.track_uid
    ended = select(uid).where(tracks.c.lasted_s >= min_duration_s).limit(FEW_TRACKS + 1)
    # Those in sight are few, and no index holds how long they have lasted.
    active = select(uid).where(tracks.c.state == "active", tracks.c.duration_s >= min_duration_s)
    return union_all(select(ended.subquery()), select(active.limit(FEW_TRACKS + 1).subquery()))


def event_page(
    wanted: EventFilter, of_tracks: Sequence[str] | None, after: tuple[int, ...] | None, limit: int, oldest_first: bool
) -> Select[Any]:
    """`limit` events and one more, which tells whether there is a next page; of these tracks only, where given.

    `min_duration_s` is not looked at.
    """
    ids = _ids(wanted, of_tracks, after, limit + 1, oldest_first)
    query = select(events).join(ids, events.c.id == ids.c.id)
    return query.order_by(*_order(events.c.captured_at, events.c.id, oldest_first))


def lasting_events(wanted: EventFilter, after: tuple[int, ...] | None, count: int, oldest_first: bool) -> Select[Any]:
    """`count` events (`id`, `captured_at`) that fit but for `min_duration_s`, each with how long its track has
    lasted by now, None where there is none."""
    ids = _ids(wanted, None, after, count, oldest_first)
    lasted = select(tracks.c.duration_s).where(tracks.c.track_uid == events.c.track_uid).scalar_subquery()
    query = select(events.c.id, events.c.captured_at, lasted.label("lasted_s")).join(ids, events.c.id == ids.c.id)
    return query.order_by(*_order(events.c.captured_at, events.c.id, oldest_first))


def events_of(ids: Sequence[int], oldest_first: bool) -> Select[Any]:
    """The events with these row ids."""
    order = _order(events.c.captured_at, events.c.id, oldest_first)
    return select(events).where(events.c.id.in_(ids)).order_by(*order)


def _ids(
    wanted: EventFilter, of_tracks: Sequence[str] | None, after: tuple[int, ...] | None, count: int, oldest_first: bool
) -> Any:
    if of_tracks is not None:
        terms = [[events.c.track_uid == uid, *_of_track(wanted)] for uid in of_tracks]
    else:
        types = TYPES if wanted.type is None else (wanted.type,)
        terms = [[events.c.type == kind, *_equal(wanted)] for kind in types]
    branches = [_branch(one, wanted, after, count, oldest_first) for one in terms]
    found = union_all(*(select(branch) for branch in branches)).subquery("found")
    order = _order(found.c.captured_at, found.c.id, oldest_first)
    return select(found.c.id).order_by(*order).limit(count).subquery("page")


def _branch(
    terms: Sequence[ColumnElement[bool]],
    wanted: EventFilter,
    after: tuple[int, ...] | None,
    count: int,
    oldest_first: bool,
) -> Any:
    when, row_id = events.c.captured_at, events.c.id
    query = select(when, row_id).where(*terms, *_event_times(wanted), *_beyond(when, row_id, after, oldest_first))
    return query.order_by(*_order(when, row_id, oldest_first)).limit(count).subquery()


def event_terms(wanted: EventFilter) -> list[ColumnElement[bool]]:
    """What `wanted` asks of an event, without an order."""
    terms = [*_equal(wanted), *_lasting(wanted), *_event_times(wanted)]
    if wanted.type is not None:
        terms.append(events.c.type == wanted.type)
    if wanted.track_uid is not None:
        terms.append(events.c.track_uid == wanted.track_uid)
    return terms


def _equal(wanted: EventFilter) -> Iterator[ColumnElement[bool]]:
    if wanted.source_id is not None:
        yield events.c.source_id == wanted.source_id
    if wanted.label is not None:
        yield events.c.label == wanted.label


def _lasting(wanted: EventFilter) -> Iterator[ColumnElement[bool]]:
    if wanted.min_duration_s is not None:
        yield (
            select(literal(1))
            .where(tracks.c.track_uid == events.c.track_uid, tracks.c.duration_s + 0.0 >= wanted.min_duration_s)
            .correlate(events)
            .exists()
        )


def _of_track(wanted: EventFilter) -> Iterator[ColumnElement[bool]]:
    """The same of the events of one track; written so that no other index than the track's seems to fit."""
    for column, value in (
        (events.c.source_id, wanted.source_id),
        (events.c.type, wanted.type),
        (events.c.label, wanted.label),
    ):
        if value is not None:
            yield func.coalesce(column, "") == value


def _event_times(wanted: EventFilter) -> Iterator[ColumnElement[bool]]:
    if wanted.start is not None:
        yield events.c.captured_at >= wanted.start
    if wanted.end is not None:
        yield events.c.captured_at < wanted.end


def track_page(
    wanted: TrackFilter, of_tracks: Sequence[str] | None, after: tuple[int, ...] | None, count: int, longest_s: float
) -> Select[Any]:
    """`count` tracks, the most recently begun first; of these only, where given. `min_duration_s` is not looked at, and
    `start` only as far as no track has lasted longer than `longest_s`: `track_fits` tells."""
    when, row_id = tracks.c.first_seen, tracks.c.id
    terms = [*_track_terms(wanted, longest_s), *_beyond(when, row_id, after, False)]
    if of_tracks is not None:
        terms.append(tracks.c.track_uid.in_(of_tracks))
    return select(tracks).where(and_(True, *terms)).order_by(*_order(when, row_id, False)).limit(count)


def track_fits(row: Any, wanted: TrackFilter) -> bool:
    """Whether a row of `track_page` is wanted."""
    long_enough = wanted.min_duration_s is None or row.duration_s >= wanted.min_duration_s
    return long_enough and (wanted.start is None or row.last_seen >= wanted.start)


def _track_terms(wanted: TrackFilter, longest_s: float) -> Iterator[ColumnElement[bool]]:
    for column in ("source_id", "label"):
        value = getattr(wanted, column)
        if value is not None:
            yield tracks.c[column] == value
    if wanted.start is not None:
        yield tracks.c.first_seen >= _earlier(wanted.start, longest_s)
    if wanted.end is not None:
        yield tracks.c.first_seen < wanted.end


def _earlier(moment: datetime, seconds: float) -> datetime:
    """`moment` less `seconds` and a little, or as far back as there is time."""
    try:
        return moment - timedelta(seconds=seconds + 1.0)
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)


def _beyond(when: Any, row_id: Any, after: tuple[int, ...] | None, oldest_first: bool) -> list[ColumnElement[bool]]:
    if after is None:
        return []
    try:
        moment = _EPOCH + after[0] * _MICROSECOND
    except OverflowError:
        # No cursor of ours; what lies beyond the end of time is nothing.
        return [false()]
    place = tuple_(literal(moment, Moment), literal(after[1]))
    return [tuple_(when, row_id) > place if oldest_first else tuple_(when, row_id) < place]


def _order(when: Any, row_id: Any, oldest_first: bool) -> tuple[Any, Any]:
    return (when, row_id) if oldest_first else (when.desc(), row_id.desc())
