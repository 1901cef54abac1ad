"""The history itself: runs, append, send, remove; what can be asked of it stands in `engine.history.answers`."""

import logging
from collections.abc import Sequence
from datetime import datetime
from threading import Lock

from sqlalchemy import Connection, func, select

from engine.clock import Clock, SystemClock
from engine.errors import HistoryError
from engine.history import erasures, minutes, removal, schema
from engine.history.answers import Answers
from engine.history.database import Database
from engine.history.outbox import Outbox
from engine.history.records import Erasure, Removed, RunRecord
from engine.history.runs import Runs
from engine.history.sources import SourceStore
from engine.history.writing import know_runs, set_position, store
from engine.items import EmotionEvent
from engine.status import SinkSnapshot

logger = logging.getLogger(__name__)


class History(Answers):
    """Events and tracks in an SQL database: SQLite (`sqlite:///FILE`, `sqlite://` in memory) or PostgreSQL.

    Any thread may call any method between `open` and `close`; every one of them raises `HistoryError`
    when the database does not do what it should.
    """

    def __init__(self, url: str, clock: Clock | None = None) -> None:
        super().__init__(Database(url))
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
        leaves open whether they are stored. Events of a track captured before it was erased are left out.
        """
        if not events:
            return
        now = self._clock.utc()
        with self._lock:
            strange = sorted({event.run_id for event in events} - self._known_runs)
            try:
                with self._database.write(appends=True) as connection:
                    wanted = erasures.not_erased(connection, events)
                    if wanted and (self._in_doubt != events[-1].event_id or not _all_stored(connection, wanted)):
                        if strange:
                            know_runs(connection, strange, now)
                        minutes.roll(connection, now, store(connection, wanted, now))
            except HistoryError:
                self._in_doubt = events[-1].event_id
                raise
            self._in_doubt = None
            self._known_runs.update(strange)

    def runs(self, limit: int = 100) -> tuple[RunRecord, ...]:
        """The latest runs, latest first."""
        return self._runs.listed(limit)

    def outbox(self, consumer: str = removal.BUS) -> Outbox:
        """What is to be sent to `consumer`. One at a time for each consumer."""
        return Outbox(self._database, self._runs, consumer, self._clock)

    def source_store(self, name: str) -> SourceStore:
        """What was added to the sources of the pipeline `name` while it ran."""
        return SourceStore(self._database, self._runs, name, self._clock)

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
        """Delete all that is known of a track and note that; what is captured of it later comes back."""
        return removal.erase_track(self._database, track_uid, self._clock.utc())

    def erase_track(self, track_uid: str) -> int:
        """`erase`; the number of events deleted."""
        return self.erase(track_uid).events

    def erasures(self, after: int = 0) -> tuple[Erasure, ...]:
        """Erasures with a higher id than `after`, oldest first, whoever asked for them."""
        return erasures.noted(self._database, after)

    def forget_erasures(self, older_than: datetime) -> None:
        """Drop the notes of erasures from before `older_than`."""
        erasures.forget(self._database, older_than)

    def size_bytes(self) -> int:
        """What rows and indices take up, without free room. On PostgreSQL an estimate."""
        return self._database.size_bytes()

    def snapshot(self) -> SinkSnapshot:
        """`down` from a failed write to the next that succeeds."""
        failure = self._database.failure
        return SinkSnapshot(self._database.name, "down" if failure else "ok", failure, 0)

    def _counted(self, removed: Removed) -> Removed:
        self.dropped_unsent += removed.unsent
        return removed


def _all_stored(connection: Connection, events: Sequence[EmotionEvent]) -> bool:
    ids = [event.event_id for event in events]
    found = connection.scalar(select(func.count()).where(schema.events.c.event_id.in_(ids)))
    return bool(found == len(ids))
