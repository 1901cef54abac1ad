"""Runs: begun, ended, or left behind by a process that died."""

from datetime import datetime
from threading import Lock

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from engine.errors import HistoryError
from engine.history.backend import Ownership
from engine.history.database import Database
from engine.history.records import RunRecord
from engine.history.schema import events, runs, tracks


class Runs:
    """Which runs are this process's own, and what becomes of those that are nobody's. Any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ownership: Ownership | None = None
        self._lock = Lock()
        self.own: str | None = None
        """The run that was begun here."""

    def begin(self, run_id: str, name: str, started_at: datetime) -> None:
        """Note that a run begins. Raises `HistoryError` when it cannot, or when its id has been used."""
        with self._lock:
            self._owner().begin()
            row = {"run_id": run_id, "name": name, "started_at": started_at, "state": "running"}
            with self._database.write() as connection:
                try:
                    connection.execute(insert(runs).values(row))
                except IntegrityError as error:
                    raise HistoryError(
                        f"run {run_id!r} is already in history {self._database.name}; choose another run id"
                    ) from error
            self._owner().take(run_id)
            self.own = run_id

    def end(self, at: datetime) -> None:
        """Note that the own run has ended, and with it every track of it."""
        if self.own is None:
            return
        with self._database.write(appends=True) as connection:
            _close(connection, self.own, "ended", at)

    def is_mine(self, run_id: str) -> bool:
        """Whether the run belongs to this process; takes it when it is nobody's.

        Raises:
            HistoryError: the database does not answer.
        """
        with self._lock:
            return self._owner().take(run_id)

    def give_back(self, run_id: str) -> None:
        with self._lock:
            self._owner().give_back(run_id)

    def close_dead(self) -> tuple[str, ...]:
        """End the runs that say they are running although no process has them; their tracks end with them."""
        closed = []
        for run_id in self._running():
            if run_id != self.own and self.is_mine(run_id):
                with self._database.write(appends=True) as connection:
                    _close(connection, run_id, "interrupted", _last_sign(connection, run_id))
                self.give_back(run_id)
                closed.append(run_id)
        return tuple(closed)

    def reopen(self) -> None:
        """The own run goes on, although another process took it for dead while the server was away."""
        with self._database.write() as connection:
            connection.execute(update(runs).where(runs.c.run_id == self.own).values(state="running", ended_at=None))

    def _running(self) -> list[str]:
        query = select(runs.c.run_id).where(runs.c.state == "running").order_by(runs.c.started_at, runs.c.run_id)
        with self._database.read() as connection:
            return list(connection.scalars(query))

    def listed(self, limit: int) -> tuple[RunRecord, ...]:
        """The latest runs first."""
        columns = (runs.c.run_id, runs.c.name, runs.c.state, runs.c.started_at, runs.c.ended_at)
        query = select(*columns).order_by(runs.c.started_at.desc(), runs.c.run_id.desc()).limit(limit)
        with self._database.read() as connection:
            return tuple(RunRecord(*row) for row in connection.execute(query))

    def release(self) -> None:
        """Others may have what was this process's."""
        with self._lock:
            ownership, self._ownership = self._ownership, None
            if ownership is not None:
                ownership.release()

    def _owner(self) -> Ownership:
        if self._ownership is None:
            self._ownership = self._database.ownership()
        return self._ownership


def _last_sign(connection: Connection, run_id: str) -> datetime:
    """When the run last stored something; when it began, if it never did."""
    query = select(events.c.stored_at).where(events.c.run_id == run_id).order_by(events.c.seq.desc()).limit(1)
    started = select(runs.c.started_at).where(runs.c.run_id == run_id)
    moment: datetime = connection.scalar(query) or connection.scalars(started).one()
    return moment


def _close(connection: Connection, run_id: str, state: str, at: datetime) -> None:
    ended = func.coalesce(runs.c.ended_at, at)
    connection.execute(update(runs).where(runs.c.run_id == run_id).values(state=state, ended_at=ended))
    connection.execute(
        update(tracks)
        .where(tracks.c.state == "active", tracks.c.run_id == run_id)
        .values(state="ended", lasted_s=tracks.c.duration_s)
    )
