"""The outbox: what is to be broadcast, run by run, and whose business that is."""

import logging
from threading import Lock

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from engine.clock import Clock
from engine.history.database import Database
from engine.history.rows import event_of
from engine.history.runs import Runs
from engine.history.schema import cursors, events, runs
from engine.history.writing import set_position
from engine.items import EmotionEvent

logger = logging.getLogger(__name__)

LOOK_S = 30.0
"""How often it looks for what dead runs have left."""
_YOUNG_S = 20.0
_LOOK_YOUNG_S = 1.0
"""How often at first: a server takes a moment to notice that the process before this one is gone."""


class Outbox:
    """The unsent events of the own run, and before them those that dead runs have left.

    Several processes may share a database: each run has a cursor of its own, and only the process that owns a
    run sends its events. Used by one thread, except `pending`.
    """

    def __init__(self, database: Database, owners: Runs, consumer: str, clock: Clock) -> None:
        self._database = database
        self._owners = owners
        self._consumer = consumer
        self._clock = clock
        self._left: list[str] = []
        self._looked_s: float | None = None
        self._made_s = clock.monotonic()
        self._wanted_again = 0
        self._positions: dict[str, int] = {}
        self._unsaved: str | None = None
        self._taken: dict[int, int] = {}
        self._taken_of: str | None = None
        self._had_own = True
        self._lock = Lock()

    def take(self, limit: int) -> list[tuple[int, EmotionEvent]]:
        """Up to `limit` events of one run that are not confirmed, in order, each with its row id.

        The same again until they are confirmed by `done`.

        Raises:
            HistoryError: the database does not answer.
        """
        self._save()
        self._look()
        for run_id in list(self._left):
            if rows := self._unsent(run_id, limit):
                return rows
            self._owners.give_back(run_id)
            with self._lock:
                self._left.remove(run_id)
                self._positions.pop(run_id, None)
        own = self._owners.own
        return self._unsent(own, limit) if own is not None and self._is_still_mine() else []

    def done(self, row_id: int) -> None:
        """All up to `row_id` of what `take` gave is confirmed. Known here even when it cannot be stored now.

        Raises:
            HistoryError: it was not stored; the next `take` tries again.
        """
        if self._taken_of is None or row_id not in self._taken:
            raise ValueError(f"row {row_id} was not taken")
        with self._lock:
            self._positions[self._taken_of] = self._taken[row_id]
        self._unsaved = self._taken_of
        self._save()

    def pending(self) -> int:
        """How many events wait, gaps in their numbers included; does not count them, so it is cheap."""
        own = self._owners.own
        with self._lock:
            waiting = [*self._left, *([own] if own is not None else [])]
            known = dict(self._positions)
        with self._database.read() as connection:
            return sum(_waiting(connection, run_id, known.get(run_id), self._consumer) for run_id in waiting)

    def last(self) -> EmotionEvent | None:
        """The newest event that any run has confirmed and that is still here.

        Raises:
            HistoryError: the database does not answer.
        """
        query = select(events).where(*self._confirmed(), events.c.seq == cursors.c.position)
        with self._database.read() as connection:
            row = connection.execute(query.order_by(events.c.id.desc()).limit(1)).first()
        return event_of(row) if row else None

    def again(self, count: int) -> int:
        """Up to `count` of the newest confirmed events, of the own run and of ended ones, are to be sent again.

        How many those are: fewer than `count` when the database has no more. A run that turns out to be dead
        only later follows then.

        Raises:
            HistoryError: nothing has changed.
        """
        self._wanted_again = count
        self._looked_s = None
        found = self._take_back(count, or_(runs.c.run_id == self._owners.own, runs.c.state != "running"))
        with self._lock:
            self._positions.clear()
        self._unsaved = None
        return found

    def _take_back(self, count: int, whose: ColumnElement[bool]) -> int:
        newest = select(events.c.run_id, events.c.seq).where(*self._confirmed(), whose)
        newest_rows = newest.order_by(events.c.id.desc()).limit(count).subquery()
        found_in = newest_rows.c
        query = select(found_in.run_id, func.min(found_in.seq), func.count()).group_by(found_in.run_id)
        with self._database.write() as connection:
            found = connection.execute(query).all()
            for run_id, first, _ in found:
                set_position(connection, self._consumer, run_id, first - 1)
        return sum(row[2] for row in found)

    def _confirmed(self) -> tuple[ColumnElement[bool], ...]:
        cursor = and_(cursors.c.run_id == events.c.run_id, cursors.c.consumer == self._consumer)
        return cursor, events.c.run_id == runs.c.run_id, events.c.seq <= cursors.c.position

    def _save(self) -> None:
        if self._unsaved is not None:
            with self._database.write() as connection:
                set_position(connection, self._consumer, self._unsaved, self._positions[self._unsaved])
            self._unsaved = None

    def _look(self) -> None:
        now_s = self._clock.monotonic()
        every_s = _LOOK_YOUNG_S if now_s - self._made_s < _YOUNG_S else LOOK_S
        if self._looked_s is not None and now_s - self._looked_s < every_s:
            return
        for run_id in self._owners.close_dead():
            logger.info("run %s was interrupted", run_id)
            if self._wanted_again:
                self._take_back(self._wanted_again, events.c.run_id == run_id)
        found = [run_id for run_id in self._unsent_runs() if run_id != self._owners.own]
        mine = [run_id for run_id in found if run_id in self._left or self._owners.is_mine(run_id)]
        with self._lock:
            self._left = mine
        self._looked_s = now_s

    def _unsent_runs(self) -> list[str]:
        last = select(func.max(events.c.seq)).where(events.c.run_id == runs.c.run_id).scalar_subquery()
        cursor = and_(cursors.c.run_id == runs.c.run_id, cursors.c.consumer == self._consumer)
        query = select(runs.c.run_id).outerjoin_from(runs, cursors, cursor)
        query = query.where(func.coalesce(last, -1) > func.coalesce(cursors.c.position, -1))
        with self._database.read() as connection:
            return list(connection.scalars(query.order_by(runs.c.started_at, runs.c.run_id)))

    def _is_still_mine(self) -> bool:
        """Whether this process still owns its run; while the server was away another may have taken it for dead."""
        own = self._owners.own
        mine = own is not None and self._owners.is_mine(own)
        if mine and not self._had_own:
            self._owners.reopen()
            # The other one may have sent some of it meanwhile.
            with self._lock:
                self._positions.pop(str(own), None)
        elif self._had_own and not mine:
            logger.warning("another process took run %s for dead; waiting until it gives it back", own)
        self._had_own = mine
        return mine

    def _unsent(self, run_id: str, limit: int) -> list[tuple[int, EmotionEvent]]:
        with self._database.read() as connection:
            if run_id not in self._positions:
                position = _position(connection, self._consumer, run_id)
                with self._lock:
                    self._positions[run_id] = position
            terms = (events.c.run_id == run_id, events.c.seq > self._positions[run_id])
            found = connection.execute(select(events).where(*terms).order_by(events.c.seq).limit(limit)).all()
        self._taken = {row.id: row.seq for row in found}
        self._taken_of = run_id
        return [(row.id, event_of(row)) for row in found]


def _position(connection: Connection, consumer: str, run_id: str) -> int:
    query = select(cursors.c.position).where(cursors.c.consumer == consumer, cursors.c.run_id == run_id)
    found = connection.scalar(query)
    return -1 if found is None else found


def _waiting(connection: Connection, run_id: str, known: int | None, consumer: str) -> int:
    position = _position(connection, consumer, run_id) if known is None else known
    # Asked one by one: both ends of an index in one statement would be a walk through it.
    first = connection.scalar(select(func.min(events.c.seq)).where(events.c.run_id == run_id))
    last = connection.scalar(select(func.max(events.c.seq)).where(events.c.run_id == run_id))
    return 0 if first is None or last is None else max(0, last - max(position, first - 1))
