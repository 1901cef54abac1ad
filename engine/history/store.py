"""The history itself: append, read, page, remove."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import datetime
from threading import Lock
from typing import Any, TypeVar

from sqlalchemy import Select, func, select

from engine.clock import Clock, SystemClock
from engine.errors import HistoryError
from engine.history import readings, removal, schema
from engine.history.database import Database
from engine.history.outbox import Outbox
from engine.history.queries import FEW_TRACKS, event_page, event_terms, long_tracks, place_of, track_page
from engine.history.records import (
    EmotionBucket,
    EventFilter,
    Page,
    Removed,
    RunRecord,
    Sample,
    SourceRecord,
    StatsFilter,
    TrackFilter,
    TrackRecord,
    decode_cursor,
    encode_cursor,
)
from engine.history.rows import event_of
from engine.history.runs import Runs
from engine.history.writing import know_runs, set_position, store
from engine.items import EmotionEvent
from engine.status import SinkSnapshot

logger = logging.getLogger(__name__)

T = TypeVar("T")

_TRACK = tuple(field.name for field in fields(TrackRecord))
_SOURCE = tuple(schema.sources.c[field.name] for field in fields(SourceRecord))


class History:
    """Events and tracks in an SQL database: SQLite (`sqlite:///FILE`, `sqlite://` in memory) or PostgreSQL.

    Any thread may call any method between `open` and `close`; every one of them raises `HistoryError`
    when the database does not do what it should.
    """

    def __init__(self, url: str, clock: Clock | None = None) -> None:
        self._database = Database(url)
        self._clock = clock or SystemClock()
        self._runs = Runs(self._database)
        self._known_runs: set[str] = set()
        self._in_doubt: str | None = None
        self._lock = Lock()
        self.dropped_unsent = 0
        """How many events were removed, by age or size, before they had been broadcast."""

    @property
    def run_id(self) -> str | None:
        """The run that was begun here; None before."""
        return self._runs.own

    def open(self) -> None:
        """Connect, create missing tables, bring older ones up to date. A file's folder must exist."""
        self._database.open()

    def close(self) -> None:
        """Let go of the database. Closing twice does nothing."""
        self._runs.release()
        self._database.close()

    def begin_run(self, run_id: str, name: str, started_at: datetime) -> None:
        """Note that a run begins; no two runs have one id, and no two at a time one history file.

        Runs that were left without an end are closed, and so are their tracks.
        """
        self._runs.begin(run_id, name, started_at)
        self._known_runs.add(run_id)
        for left in self._runs.close_dead():
            logger.info("run %s was interrupted", left)

    def end_run(self) -> None:
        """Note that the run has ended. What says so when nobody did is the next `begin_run`."""
        self._runs.end(self._clock.utc())

    def append(self, events: Sequence[EmotionEvent]) -> None:
        """Store `events` and what they say of tracks and sources, all of it or nothing.

        The same events may be given again after an error: a connection lost at the very end of a transaction
        leaves open whether they are stored.
        """
        if not events:
            return
        now = self._clock.utc()
        with self._lock:
            strange = sorted({event.run_id for event in events} - self._known_runs)
            try:
                with self._database.write(appends=True) as connection:
                    if self._in_doubt != events[-1].event_id or not _all_stored(connection, events):
                        if strange:
                            know_runs(connection, strange, now)
                        store(connection, events, now)
            except HistoryError:
                self._in_doubt = events[-1].event_id
                raise
            self._in_doubt = None
            self._known_runs.update(strange)

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

    def outbox(self, consumer: str = removal.BUS) -> Outbox:
        """What is to be sent to `consumer`. One at a time for each consumer."""
        return Outbox(self._database, self._runs, consumer, self._clock)

    def cursor(self, consumer: str) -> int:
        """The last row id `consumer` is done with; 0 at first."""
        cursors = schema.cursors.c
        return self._value(select(cursors.position).where(cursors.consumer == consumer, cursors.run_id == "")) or 0

    def set_cursor(self, consumer: str, row_id: int) -> None:
        """`consumer` is done with all rows up to `row_id`."""
        with self._database.write() as connection:
            set_position(connection, consumer, "", row_id)

    def pending(self, consumer: str) -> int:
        """How many rows lie past the cursor of `consumer`; does not count them, so it is cheap."""
        row_id = schema.events.c.id
        with self._database.read() as connection:
            first = connection.scalar(select(func.min(row_id)))
            last = connection.scalar(select(func.max(row_id)))
        if first is None or last is None:
            return 0
        return max(0, int(last) - max(self.cursor(consumer), int(first) - 1))

    def events(
        self, wanted: EventFilter, limit: int, after: str | None = None, oldest_first: bool = False
    ) -> Page[EmotionEvent]:
        """A page of events by `captured_at`, newest first unless told otherwise.

        `after` is the previous page's cursor. Events that come while one turns pages change no page before them.

        Raises:
            BadCursor: `after` belongs to another kind of query.
        """
        kind = "events+" if oldest_first else "events"
        start = None if after is None else decode_cursor(kind, after, 2)
        of_tracks = self._tracks_of(wanted)
        if of_tracks == []:
            return Page((), None)
        rows = self._rows(event_page(wanted, of_tracks, start, limit, oldest_first))
        return _page(rows, limit, kind, lambda row: place_of(row.captured_at, row.id), event_of)

    def count_events(self, wanted: EventFilter) -> int:
        """How many events match, counted one by one."""
        return self._value(select(func.count()).select_from(schema.events).where(*event_terms(wanted))) or 0

    def tracks(self, wanted: TrackFilter, limit: int, after: str | None = None) -> Page[TrackRecord]:
        """A page of tracks, the most recently begun first; `after` is the previous page's cursor.

        Raises:
            BadCursor: `after` belongs to another kind of query.
        """
        start = None if after is None else decode_cursor("tracks", after, 2)
        longest_s = self._value(select(func.max(schema.tracks.c.duration_s))) or 0.0 if wanted.start else 0.0
        rows = self._rows(track_page(wanted, start, limit, longest_s))
        return _page(rows, limit, "tracks", lambda row: place_of(row.first_seen, row.id), _track_of)

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
        return readings.buckets_of(self._rows(readings.stats_query(wanted, by_source)))

    def sources(self) -> tuple[SourceRecord, ...]:
        """All sources that ever had an event here, by name."""
        return tuple(SourceRecord(*row) for row in self._rows(select(*_SOURCE).order_by(_SOURCE[0])))

    def runs(self, limit: int = 100) -> tuple[RunRecord, ...]:
        """The latest runs, latest first."""
        return self._runs.listed(limit)

    def prune(self, older_than: datetime, tell: removal.Tell = lambda _events: None) -> int:
        """Delete what was stored before `older_than`, broadcast or not; the number of events deleted.

        Works in short transactions, so that `append` gets its turn; `tell` hears how many each deleted.
        """
        return self._counted(removal.remove_older(self._database, older_than, tell)).events

    def prune_to(self, limit_bytes: int, tell: removal.Tell = lambda _events: None) -> int:
        """Delete the oldest events until `size_bytes` is at most this; the number of events deleted."""
        return self._counted(removal.remove_down_to(self._database, limit_bytes, tell)).events

    def shrink(self) -> None:
        """Give some of the room that deleted rows left back to the disk, where the database can."""
        self._database.shrink()

    def erase(self, track_uid: str) -> Removed:
        """Delete all that is known of a track; what is told of it later comes back."""
        return removal.erase_track(self._database, track_uid)

    def erase_track(self, track_uid: str) -> int:
        """`erase`; the number of events deleted."""
        return self.erase(track_uid).events

    def size_bytes(self) -> int:
        """What rows and indices take up, without free room. On PostgreSQL an estimate."""
        return self._database.size_bytes()

    def counts(self) -> dict[str, int]:
        """Rows of each table, counted one by one."""
        with self._database.read() as connection:
            return removal.count_rows(connection)

    def snapshot(self) -> SinkSnapshot:
        """`down` from a failed write to the next that succeeds."""
        failure = self._database.failure
        return SinkSnapshot(self._database.name, "down" if failure else "ok", failure, 0)

    def _counted(self, removed: Removed) -> Removed:
        self.dropped_unsent += removed.unsent
        return removed

    def _tracks_of(self, wanted: EventFilter) -> list[str] | None:
        """The tracks whose events are wanted where they are few, otherwise None."""
        if wanted.track_uid is not None:
            return [wanted.track_uid]
        if wanted.min_duration_s is None:
            return None
        with self._database.read() as connection:
            found = list(connection.scalars(long_tracks(wanted.min_duration_s)))
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


def _all_stored(connection: Any, events: Sequence[EmotionEvent]) -> bool:
    ids = [event.event_id for event in events]
    found = connection.scalar(select(func.count()).where(schema.events.c.event_id.in_(ids)))
    return bool(found == len(ids))


def _track_of(row: Any) -> TrackRecord:
    return TrackRecord(**{name: getattr(row, name) for name in _TRACK})
