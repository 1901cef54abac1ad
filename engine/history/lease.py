"""Whose run is whose: no two processes may send the events of one run."""

import fcntl
import hashlib
import logging
import os
from pathlib import Path

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from engine.errors import HistoryError

logger = logging.getLogger(__name__)


class NoOwnership:
    """Of a history in memory, which nobody else can see."""

    def begin(self) -> None:
        """Nobody is in the way."""

    def take(self, run_id: str) -> bool:  # noqa: ARG002
        return True

    def give_back(self, run_id: str) -> None:
        """Nobody wants it."""

    def release(self) -> None:
        """Nothing is held."""


class FileOwnership:
    """Of a history file: one run at a time, and with it all runs before.

    It is an advisory lock on `<file>.lock`, which stays behind empty, held until `release` or the end of the
    process, however it ends. The database itself must not be opened for this: closing it would drop the locks
    that SQLite holds on it.
    """

    def __init__(self, database: Path, name: str) -> None:
        self._path = database.with_name(database.name + ".lock")
        self._name = name
        self._file: int | None = None

    def begin(self) -> None:
        if self._file is not None:
            return
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise HistoryError(
                f"history {self._name}: {self._path.name} cannot be written: {error.strerror}"
            ) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(file)
            raise HistoryError(
                f"history {self._name} is in use by another run; give each run a file of its own, or stop the other"
            ) from error
        except OSError as error:
            logger.warning("history %s: %s; nothing keeps a second run away", self._name, error.strerror)
        self._file = file

    def take(self, run_id: str) -> bool:  # noqa: ARG002
        return True

    def give_back(self, run_id: str) -> None:
        """All runs of the file go together."""

    def release(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            os.close(file)


class AdvisoryOwnership:
    """Of a PostgreSQL database: any number of runs, each held by an advisory lock of one session.

    The server drops the locks when the process ends or its machine is gone for half a minute. When the server
    itself was restarted they are taken again; what another process has taken meanwhile is that one's, until it
    gives it back.
    """

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine = engine
        self._name = name
        self._session: Connection | None = None
        self._held: set[str] = set()

    def begin(self) -> None:
        """Any number of runs may use one database."""

    def take(self, run_id: str) -> bool:
        session = self._alive()
        if run_id not in self._held and self._lock(session, "pg_try_advisory_lock", run_id):
            self._held.add(run_id)
        return run_id in self._held

    def give_back(self, run_id: str) -> None:
        if run_id in self._held:
            self._lock(self._alive(), "pg_advisory_unlock", run_id)
            self._held.discard(run_id)

    def release(self) -> None:
        session, self._session = self._session, None
        self._held.clear()
        if session is not None:
            # Back in the pool the session would live on, and its locks with it.
            session.invalidate()
            session.close()

    def _alive(self) -> Connection:
        """The session, after a word with the server; a new one that holds nothing when the server had forgotten."""
        try:
            if self._session is not None:
                self._session.execute(text("SELECT 1"))
                return self._session
        except SQLAlchemyError:
            logger.info("history %s: the session that holds the run is gone; taking another", self._name)
            self.release()
        try:
            self._session = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        except SQLAlchemyError as error:
            raise HistoryError(f"history {self._name} does not answer") from error
        return self._session

    def _lock(self, session: Connection, function: str, run_id: str) -> bool:
        try:
            return bool(session.execute(text(f"SELECT {function}(:key)"), {"key": lock_key("run", run_id)}).scalar())
        except SQLAlchemyError as error:
            self.release()
            raise HistoryError(f"history {self._name} does not answer") from error


def lock_key(*parts: str) -> int:
    """The number of an advisory lock: 64 bits, signed."""
    digest = hashlib.blake2b("\x1f".join(("moodline", *parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
