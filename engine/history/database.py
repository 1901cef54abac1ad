"""An open database: one writer at a time, many readers, and errors in one line."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from sqlalchemy import Connection, Engine, make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from engine.errors import HistoryError
from engine.history import migrations
from engine.history.backend import Backend, Ownership
from engine.history.postgres import Postgres
from engine.history.sqlite import Sqlite


def _backend(url: str) -> Backend:
    parsed = make_url(url)
    return Sqlite(parsed) if parsed.get_backend_name() == "sqlite" else Postgres(parsed)


class Database:
    """Any thread may read or write; writers wait for each other."""

    def __init__(self, url: str) -> None:
        self._backend = _backend(url)
        self.name = self._backend.name
        self._engine: Engine | None = None
        self._lock = Lock()
        self.failure = ""
        """Why the latest write failed; empty when it did not."""

    @property
    def file(self) -> Path | None:
        """Where it is kept; None in memory and on a server."""
        return self._backend.file

    def open(self) -> None:
        """Connect, create what is missing and bring older tables up to date.

        Raises:
            HistoryError: it cannot be reached or opened, or belongs to a newer or another program.
        """
        engine: Engine | None = None
        try:
            engine = self._backend.create()
            self._migrate(engine)
        except (SQLAlchemyError, HistoryError) as error:
            if engine is not None:
                engine.dispose()
            raise HistoryError(f"history {self.name} cannot be opened: {self._reason(error)}") from error
        self._engine = engine

    def _migrate(self, engine: Engine) -> None:
        with engine.connect() as connection:
            if migrations.is_current(connection):
                return
            used = not migrations.is_new(connection)
        ownership = self._backend.ownership(engine)
        try:
            if used:
                # A run of the older program could not go on with the new tables.
                ownership.begin()
            with self._backend.exclusive(engine) as connection:
                migrations.upgrade(connection)
        finally:
            ownership.release()

    def close(self) -> None:
        """Close every connection. Closing twice does nothing."""
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.dispose()

    def ownership(self) -> Ownership:
        """Which runs are this process's; one object for each open history."""
        return self._backend.ownership(self._opened())

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection to read with.

        Raises:
            HistoryError: the database is closed or does not answer.
        """
        if self._backend.one_connection:
            # In one shared connection a reader must not end the writer's transaction.
            with self._lock, self._connection() as connection:
                yield connection
        else:
            with self._connection() as connection:
                yield connection

    @contextmanager
    def write(self, appends: bool = False, shreds: bool = False) -> Iterator[Connection]:
        """A transaction: all of it is stored when the block ends, nothing when it raises.

        `appends` keeps other processes from adding events meanwhile; with `shreds` what is deleted is overwritten.

        Raises:
            HistoryError: nothing was stored, as far as is known: a connection lost at the very end may have
                stored everything.
        """
        with self._lock:
            try:
                with self._connection(writes=True) as connection, connection.begin():
                    if appends:
                        self._backend.begin_append(connection)
                    if shreds:
                        self._backend.shred(connection)
                    yield connection
            except HistoryError as error:
                self.failure = str(error)
                raise
            self.failure = ""

    def size_bytes(self) -> int:
        """What the rows take up, indices included, and room that is free for new ones not."""
        with self.read() as connection:
            return self._backend.size_bytes(connection)

    def shrink(self) -> None:
        """Give some free room back to the disk."""
        self._tidy(self._backend.shrink)

    def settle(self) -> None:
        """What was deleted is gone from the log beside the database, too."""
        self._tidy(self._backend.settle)

    def _tidy(self, action: Callable[[Engine], None]) -> None:
        with self._lock:
            try:
                action(self._opened())
            except (SQLAlchemyError, sqlite3.Error) as error:
                raise HistoryError(f"history {self.name}: {self._reason(error)}") from error

    def _opened(self) -> Engine:
        if self._engine is None:
            raise HistoryError(f"history {self.name} is not open")
        return self._engine

    @contextmanager
    def _connection(self, writes: bool = False) -> Iterator[Connection]:
        engine = self._opened()
        try:
            with engine.connect() as plain:
                yield plain.execution_options(writes=True) if writes else plain
        except SQLAlchemyError as error:
            raise HistoryError(f"history {self.name}: {self._reason(error)}") from error

    def _reason(self, error: Exception) -> str:
        cause = error.orig if isinstance(error, DBAPIError) else error
        lines = self._backend.safe(str(cause)).strip().splitlines()
        return (lines or [type(cause).__name__])[0][:300]
