"""Filters and pages as SQL."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, select

from engine.history.records import EventFilter, TrackFilter
from engine.history.schema import events, tracks


def event_query(wanted: EventFilter) -> Select[Any]:
    """Events that match, in no order yet."""
    return select(events).where(and_(True, *_event_terms(wanted)))


def track_query(wanted: TrackFilter) -> Select[Any]:
    """Tracks that match, in no order yet."""
    return select(tracks).where(and_(True, *_track_terms(wanted)))


def _event_terms(wanted: EventFilter) -> Iterator[ColumnElement[bool]]:
    for column in ("source_id", "type", "label", "track_uid"):
        value = getattr(wanted, column)
        if value is not None:
            yield events.c[column] == value
    if wanted.start is not None:
        yield events.c.captured_at >= wanted.start
    if wanted.end is not None:
        yield events.c.captured_at < wanted.end
    if wanted.min_duration_s is not None:
        long_enough = select(tracks.c.track_uid).where(tracks.c.duration_s >= wanted.min_duration_s)
        yield events.c.track_uid.in_(long_enough)


def _track_terms(wanted: TrackFilter) -> Iterator[ColumnElement[bool]]:
    for column in ("source_id", "label"):
        value = getattr(wanted, column)
        if value is not None:
            yield tracks.c[column] == value
    if wanted.start is not None:
        yield tracks.c.last_seen >= wanted.start
    if wanted.end is not None:
        yield tracks.c.first_seen < wanted.end
    if wanted.min_duration_s is not None:
        yield tracks.c.duration_s >= wanted.min_duration_s


def page(query: Select[Any], row_id: Any, after: int | None, limit: int, oldest_first: bool) -> Select[Any]:
    """`limit` rows of `query` and one more, which tells whether there is a next page.

    Rows are ordered by their id, which grows with time and never changes: a page stays what it was while
    rows are added.
    """
    if after is not None:
        query = query.where(row_id > after if oldest_first else row_id < after)
    return query.order_by(row_id if oldest_first else row_id.desc()).limit(limit + 1)
