"""The history itself: append, read, page, prune."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, delete, func, insert, select
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.exc import IntegrityError

from engine.clock import Clock, SystemClock
from engine.errors import HistoryError
from engine.history import schema
from engine.history.database import Database
from engine.history.lease import Lease
from engine.history.queries import event_query, page, track_query
from engine.history.records import EventFilter, Page, TrackFilter, TrackRecord, decode_cursor, encode_cursor
from engine.history.rows import event_of, event_row, track_rows
from engine.items import EmotionEvent
from engine.status import SinkSnapshot

T = TypeVar("T")

_PRUNED_AT_ONCE = 1000
_LATEST = ("last_seen", "duration_s", "label", "confidence", "state", "stored_at")
_RECORD = tuple(field.name for field in fields(TrackRecord))


class History:
    """Events and tracks in an SQL database, `sqlite:///FILE` or `sqlite://` (in memory).

    Any thread may call any method between `open` and `close`; every one of them raises `HistoryError`
    when the database does not do what it should.
    """

    def __init__(self, url: str, clock: Clock | None = None) -> None:
        self._database = Database(url)
        self._clock = clock or SystemClock()
        self._run_id: str | None = None
        self._lease: Lease | None = None

    @property
    def run_id(self) -> str | None:
        """The run that was begun here; None before."""
        return self._run_id

    def open(self) -> None:
        """Connect and create missing tables. The file's folder must exist."""
        self._database.open()

    def close(self) -> None:
        """Let go of the database. Closing twice does nothing."""
        self._database.close()
        if self._lease:
            self._lease.release()
            self._lease = None

    def begin_run(self, run_id: str, name: str, started_at: datetime) -> None:
        """Note that a run begins; no two runs have one id, and no two at a time one history."""
        if self._database.file and not self._lease:
            self._lease = Lease(self._database.file, self._database.name)
        row = {"run_id": run_id, "name": name, "started_at": started_at}
        with self._database.write() as connection:
            try:
                connection.execute(insert(schema.runs).values(row))
            except IntegrityError as error:
                raise HistoryError(
                    f"run {run_id!r} is already in history {self._database.name}; choose another run id"
                ) from error
        self._run_id = run_id

    def append(self, events: Sequence[EmotionEvent]) -> None:
        """Store `events` and what they say of their tracks, all of it or nothing."""
        if not events:
            return
        now = self._clock.utc()
        rows, tracks = [event_row(event, now) for event in events], track_rows(events, now)
        with self._database.write() as connection:
            connection.execute(insert(schema.events), rows)
            if tracks:
                _place_last_sight(connection, tracks)
                connection.execute(_UPSERT_TRACK, tracks)

    def events_after(self, row_id: int, limit: int) -> list[tuple[int, EmotionEvent]]:
        """Up to `limit` events with a higher row id, oldest first, each with its row id."""
        found = schema.events.c.id
        query = select(schema.events).where(found > row_id).order_by(found).limit(limit)
        return [(row.id, event_of(row)) for row in self._rows(query)]

    def cursor(self, consumer: str) -> int:
        """The last row id `consumer` is done with; 0 at first."""
        query = select(schema.cursors.c.row_id).where(schema.cursors.c.consumer == consumer)
        with self._database.read() as connection:
            return connection.scalar(query) or 0

    def set_cursor(self, consumer: str, row_id: int) -> None:
        """`consumer` is done with all rows up to `row_id`."""
        with self._database.write() as connection:
            connection.execute(_UPSERT_CURSOR, {"consumer": consumer, "row_id": row_id})

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
        """A page of events, newest first unless told otherwise; `after` is the previous page's cursor.

        Raises:
            BadCursor: `after` belongs to another kind of query.
        """
        kind = "events+" if oldest_first else "events"
        return self._page(event_query(wanted), schema.events, kind, limit, after, event_of)

    def tracks(self, wanted: TrackFilter, limit: int, after: str | None = None) -> Page[TrackRecord]:
        """A page of tracks, the most recently begun first; `after` is the previous page's cursor.

        Raises:
            BadCursor: `after` belongs to another kind of query.
        """
        return self._page(track_query(wanted), schema.tracks, "tracks", limit, after, _track_of)

    def track(self, track_uid: str) -> TrackRecord | None:
        """The track of that uid, if it is known."""
        rows = self._rows(select(schema.tracks).where(schema.tracks.c.track_uid == track_uid))
        return _track_of(rows[0]) if rows else None

    def prune(self, older_than: datetime) -> int:
        """Delete what was stored before `older_than`, broadcast or not; the number of events deleted.

        Works in short transactions, so that `append` gets its turn.
        """
        deleted = 0
        while chunk := self._prune_events(older_than):
            deleted += chunk
        with self._database.write() as connection:
            connection.execute(delete(schema.tracks).where(schema.tracks.c.stored_at < older_than))
        return deleted

    def snapshot(self) -> SinkSnapshot:
        """`down` from a failed write to the next that succeeds."""
        failure = self._database.failure
        return SinkSnapshot(self._database.name, "down" if failure else "ok", failure, 0)

    def _prune_events(self, older_than: datetime) -> int:
        # Ids grow as time does, so the rows to delete are the first ones.
        row_id = schema.events.c.id
        first = select(row_id).order_by(row_id).limit(_PRUNED_AT_ONCE)
        statement = delete(schema.events).where(row_id.in_(first), schema.events.c.stored_at < older_than)
        with self._database.write() as connection:
            return connection.execute(statement).rowcount

    def _rows(self, query: Select[Any]) -> Sequence[Any]:
        with self._database.read() as connection:
            return connection.execute(query).all()

    def _page(
        self,
        query: Select[Any],
        table: Any,
        kind: str,
        limit: int,
        after: str | None,
        item_of: Callable[[Any], T],
    ) -> Page[T]:
        start = None if after is None else decode_cursor(kind, after)
        rows = self._rows(page(query, table.c.id, start, limit, oldest_first=kind.endswith("+")))
        shown = rows[:limit]
        cursor = encode_cursor(kind, shown[-1].id) if len(rows) > limit else None
        return Page(tuple(item_of(row) for row in shown), cursor)


def _place_last_sight(connection: Connection, tracks: Sequence[dict[str, Any]]) -> None:
    """Set `last_seen` of the ended ones among `tracks`, counted from when the face was first seen."""
    ended = [row for row in tracks if row["state"] == "ended"]
    if not ended:
        return
    known = schema.tracks.c
    query = select(known.track_uid, known.first_seen).where(known.track_uid.in_([row["track_uid"] for row in ended]))
    first_seen: dict[str, datetime] = {row.track_uid: row.first_seen for row in connection.execute(query)}
    for row in ended:
        first = first_seen.get(row["track_uid"], row["first_seen"])
        row["last_seen"] = first + timedelta(seconds=row["duration_s"])


def _track_of(row: Any) -> TrackRecord:
    return TrackRecord(**{name: getattr(row, name) for name in _RECORD})


def _upsert_track() -> Any:
    statement = upsert(schema.tracks)
    latest: dict[str, Any] = {name: statement.excluded[name] for name in _LATEST}
    latest["events"] = schema.tracks.c.events + statement.excluded.events
    return statement.on_conflict_do_update(index_elements=["track_uid"], set_=latest)


def _upsert_cursor() -> Any:
    statement = upsert(schema.cursors)
    return statement.on_conflict_do_update(index_elements=["consumer"], set_={"row_id": statement.excluded.row_id})


_UPSERT_TRACK = _upsert_track()
_UPSERT_CURSOR = _upsert_cursor()
