"""An open database: one writer at a time, many readers, and errors in one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

from sqlalchemy import URL, Connection, Engine, StaticPool, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from engine.errors import HistoryError
from engine.history.schema import metadata

_BUSY_S = 5.0
"""How long to wait for another process to finish writing; `?timeout=` in the URL overrides it."""
_WAL_KEPT_BYTES = 64 * 2**20
_READERS = 40
"""As many as the API has threads, so that none waits for a connection."""


class Database:
    """Any thread may read or write; writers wait for each other."""

    def __init__(self, url: str) -> None:
        self._url: URL = make_url(url)
        self.name: str = self._url.render_as_string(hide_password=True)
        self._in_memory = self._url.database in (None, "", ":memory:")
        self._engine: Engine | None = None
        self._lock = Lock()
        self.failure = ""
        """Why the latest write failed; empty when it did not."""

    @property
    def file(self) -> Path | None:
        """Where it is kept; None in memory."""
        return None if self._in_memory else Path(self._url.database or "")

    def open(self) -> None:
        """Connect and create what is missing.

        Raises:
            HistoryError: the folder is missing, or the file cannot be opened or is no database.
        """
        self._check_folder()
        engine = self._create_engine()
        event.listen(engine, "connect", _prepare)
        try:
            metadata.create_all(engine)
        except SQLAlchemyError as error:
            engine.dispose()
            raise HistoryError(f"history {self.name} cannot be opened: {_reason(error)}") from error
        self._engine = engine

    def _check_folder(self) -> None:
        folder = Path(self._url.database or "").parent
        if not self._in_memory and not folder.is_dir():
            raise HistoryError(
                f"history {self.name} cannot be opened: folder {str(folder)!r} does not exist; create it"
            )

    def _create_engine(self) -> Engine:
        if self._in_memory:
            # A database in memory lives in one connection, so all threads share it.
            return create_engine(
                self._url,
                poolclass=StaticPool,
                connect_args={"check_same_thread": False},
                hide_parameters=True,
            )
        return create_engine(
            self._url.update_query_dict({"timeout": str(_BUSY_S), **self._url.query}),
            pool_size=4,
            max_overflow=_READERS,
            hide_parameters=True,
        )

    def close(self) -> None:
        """Close every connection. Closing twice does nothing."""
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection to read with.

        Raises:
            HistoryError: the database is closed or does not answer.
        """
        if self._in_memory:
            # In one shared connection a reader must not end the writer's transaction.
            with self._lock, self._connection() as connection:
                yield connection
        else:
            with self._connection() as connection:
                yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction: all of it is stored when the block ends, nothing when it raises.

        Raises:
            HistoryError: nothing was stored.
        """
        with self._lock:
            try:
                with self._connection() as connection, connection.begin():
                    yield connection
            except HistoryError as error:
                self.failure = str(error)
                raise
            self.failure = ""

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        if self._engine is None:
            raise HistoryError(f"history {self.name} is not open")
        try:
            with self._engine.connect() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise HistoryError(f"history {self.name}: {_reason(error)}") from error


def _prepare(connection: Any, _record: object) -> None:
    """Settings of one SQLite connection; `synchronous=NORMAL` survives a crash of the process."""
    for setting in (
        "journal_mode=WAL",
        "synchronous=NORMAL",
        f"journal_size_limit={_WAL_KEPT_BYTES}",
    ):
        connection.execute(f"PRAGMA {setting}").close()


def _reason(error: SQLAlchemyError) -> str:
    cause = error.orig if isinstance(error, DBAPIError) else error
    return (str(cause).splitlines() or [type(error).__name__])[0][:200]
