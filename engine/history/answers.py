"""The half of a history that answers questions."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Select, func, select

from engine.history import readings, schema
from engine.history.database import Database
from engine.history.minutes import added_up
from engine.history.queries import (
    FEW_TRACKS,
    event_page,
    event_terms,
    events_of,
    lasting_events,
    long_tracks,
    place_of,
    track_fits,
    track_page,
)
from engine.history.records import (
    EmotionBucket,
    EventFilter,
    Page,
    Sample,
    SourceRecord,
    StatsFilter,
    TrackFilter,
    TrackRecord,
    decode_cursor,
    encode_cursor,
)
from engine.history.rows import event_of
from engine.history.together import most_together, together_query
from engine.history.walking import Place, walk
from engine.items import EmotionEvent

T = TypeVar("T")

_TRACK = tuple(field.name for field in fields(TrackRecord))
_SOURCE = tuple(schema.sources.c[field.name] for field in fields(SourceRecord))
_TABLES = (schema.runs, schema.sources, schema.tracks, schema.samples, schema.events)


class Answers:
    """Questions to an open database; any thread, and each raises `HistoryError` when it does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def events_after(
        self, row_id: int, limit: int, wanted: EventFilter | None = None
    ) -> list[tuple[int, EmotionEvent]]:
        """Up to `limit` events with a higher row id, oldest first, each with its row id.

        Row ids are in the order in which events were committed, so whoever reads on misses none.
        """
        found = schema.events.c.id
        query = select(schema.events).where(found > row_id, *event_terms(wanted or EventFilter()))
        return [(row.id, event_of(row)) for row in self._rows(query.order_by(found).limit(limit))]

    def row_of(self, event_id: str) -> int | None:
        """The row id of an event, if it is there."""
        found: int | None = self._value(select(schema.events.c.id).where(schema.events.c.event_id == event_id))
        return found

    def last_row(self) -> int:
        """The newest row id; 0 when there is none."""
        return self._value(select(func.max(schema.events.c.id))) or 0

    def events(
        self, wanted: EventFilter, limit: int, after: str | None = None, oldest_first: bool = False
    ) -> Page[EmotionEvent]:
        """A page of events by `captured_at`, newest first unless told otherwise.

        `after` is the previous page's cursor. Events that come while one turns pages change no page before them.
        With `min_duration_s` a page may hold fewer than `limit`, even none, and yet have a cursor: then many events
        of shorter tracks were looked at, and the next page goes on after them.

        Raises:
            BadCursor: `after` belongs to another kind of query.
        """
        kind = "events+" if oldest_first else "events"
        start = None if after is None else decode_cursor(kind, after, 2)
        of_tracks = self._tracks_of(wanted)
        if of_tracks == []:
            return Page((), None)
        if of_tracks is None and wanted.min_duration_s is not None:
            return self._events_of_many(wanted, wanted.min_duration_s, start, limit, oldest_first, kind)
        rows = self._rows(event_page(wanted, of_tracks, start, limit, oldest_first))
        return _page(rows, limit, kind, lambda row: place_of(row.captured_at, row.id), event_of)

    def _events_of_many(
        self, wanted: EventFilter, min_s: float, start: Place | None, limit: int, oldest_first: bool, kind: str
    ) -> Page[EmotionEvent]:
        """The events of so many tracks that each event is asked for its track."""
        rows, last = walk(
            lambda place, count: self._rows(lasting_events(wanted, place, count, oldest_first)),
            lambda row: row.lasted_s is not None and row.lasted_s >= min_s,
            lambda row: place_of(row.captured_at, row.id),
            start,
            limit,
        )
        found = self._rows(events_of([row.id for row in rows], oldest_first)) if rows else ()
        return Page(tuple(event_of(row) for row in found), encode_cursor(kind, *last) if last else None)

    def count_events(self, wanted: EventFilter) -> int:
        """How many events match, counted one by one."""
        return self._value(select(func.count()).select_from(schema.events).where(*event_terms(wanted))) or 0

    def tracks(self, wanted: TrackFilter, limit: int, after: str | None = None) -> Page[TrackRecord]:
        """A page of tracks, the most recently begun first; `after` is the previous page's cursor.

        With `min_duration_s` or `start` a page may hold fewer than `limit`, even none, and yet have a cursor.

        Raises:
            BadCursor: `after` belongs to another kind of query.
        """
        start = None if after is None else decode_cursor("tracks", after, 2)
        longest_s = self._longest_s() if wanted.start else 0.0
        few = None if wanted.min_duration_s is None else self._long_tracks(wanted.min_duration_s)
        rows, last = walk(
            lambda place, count: self._rows(track_page(wanted, few, place, count, longest_s)),
            lambda row: track_fits(row, wanted),
            lambda row: place_of(row.first_seen, row.id),
            start,
            limit,
        )
        return Page(tuple(map(_track_of, rows)), encode_cursor("tracks", *last) if last else None)

    def track(self, track_uid: str) -> TrackRecord | None:
        """The track of that uid, if it is known."""
        rows = self._rows(select(schema.tracks).where(schema.tracks.c.track_uid == track_uid))
        return _track_of(rows[0]) if rows else None

    def timeline(
        self,
        track_uid: str,
        limit: int,
        after: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> Page[Sample]:
        """A page of one track's samples, at most one for each second, oldest first.

        Raises:
            BadCursor: `after` belongs to another kind of query.
        """
        place = None if after is None else decode_cursor("timeline", after, 1)
        rows = self._rows(readings.timeline_page(track_uid, place, limit, start, end))
        return _page(rows, limit, "timeline", lambda row: (row.second,), readings.sample_of)

    def stats(self, wanted: StatsFilter, by_source: bool = True) -> tuple[EmotionBucket, ...]:
        """How much each emotion was seen, in buckets of time; buckets in which no face was seen are left out."""
        with self._database.read() as connection:
            query = readings.stats_query(wanted, by_source, added_up(connection))
            return readings.buckets_of(connection.execute(query).all())

    def stats_of_many(self, wanted: StatsFilter, k: int) -> tuple[EmotionBucket, ...]:
        """`stats` by source, but only what at least `k` faces showed that were in view at one moment."""
        with self._database.read() as connection:
            done = added_up(connection)
            most = most_together(connection.execute(together_query(wanted, done)))
            rows = connection.execute(readings.stats_query(wanted, True, done)).all()
        return readings.buckets_of([row for row in rows if most.get((row.bucket, row.source_id, row.label), 0) >= k])

    def sources(self) -> tuple[SourceRecord, ...]:
        """All sources that ever had an event here, by name."""
        return tuple(SourceRecord(*row) for row in self._rows(select(*_SOURCE).order_by(_SOURCE[0])))

    def counts(self) -> dict[str, int]:
        """Rows of each table, counted one by one."""
        return {table.name: self._value(select(func.count()).select_from(table)) or 0 for table in _TABLES}

    def _longest_s(self) -> float:
        """How long the longest of all tracks has lasted."""
        known = schema.tracks.c
        ended = self._value(select(func.max(known.lasted_s)))
        active = self._value(select(func.max(known.duration_s)).where(known.state == "active"))
        return max(ended or 0.0, active or 0.0)

    def _tracks_of(self, wanted: EventFilter) -> list[str] | None:
        """The tracks whose events are wanted where they are few, otherwise None."""
        if wanted.track_uid is None:
            return None if wanted.min_duration_s is None else self._long_tracks(wanted.min_duration_s)
        if wanted.min_duration_s is not None:
            track = self.track(wanted.track_uid)
            if track is None or track.duration_s < wanted.min_duration_s:
                return []
        return [wanted.track_uid]

    def _long_tracks(self, min_duration_s: float) -> list[str] | None:
        """The tracks that have lasted so long where they are few, otherwise None."""
        with self._database.read() as connection:
            found = list(connection.scalars(long_tracks(min_duration_s)))
        return found if len(found) <= FEW_TRACKS else None

    def _rows(self, query: Select[Any]) -> Sequence[Any]:
        with self._database.read() as connection:
            return connection.execute(query).all()

    def _value(self, query: Select[Any]) -> Any:
        with self._database.read() as connection:
            return connection.scalar(query)


def _page(
    rows: Sequence[Any], limit: int, kind: str, place: Callable[[Any], tuple[int, ...]], item_of: Callable[[Any], T]
) -> Page[T]:
    shown = rows[:limit]
    cursor = encode_cursor(kind, *place(shown[-1])) if len(rows) > limit else None
    return Page(tuple(item_of(row) for row in shown), cursor)


def _track_of(row: Any) -> TrackRecord:
    return TrackRecord(**{name: getattr(row, name) for name in _TRACK})
