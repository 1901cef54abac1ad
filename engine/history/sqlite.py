"""SQLite: a file in WAL mode, or memory."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, StaticPool, create_engine, event

from engine import ownerfiles
from engine.errors import HistoryError
from engine.history.backend import Ownership
from engine.history.lease import FileOwnership, NoOwnership

_BUSY_S = 5.0
"""How long to wait for another process to finish writing; `?timeout=` in the URL overrides it."""
_WAL_KEPT_BYTES = 64 * 2**20
_READ_CACHE_KIB, _WRITE_CACHE_KIB = 8 * 1024, 64 * 1024
_CHECKPOINT_PAGES = 8000
"""The log is copied into the file each 32 MB: pages that many events touch are then written once, not each time."""
_READERS = 40
"""As many as the API has threads, so that none waits for a connection."""
_PAGES_AT_ONCE = 2000
"""8 MB: freeing them takes some ten milliseconds, during which nobody else writes."""

logger = logging.getLogger(__name__)


class Sqlite:
    """See `Backend`. Writers begin with the right to write, so that none is refused half-way."""

    def __init__(self, url: URL) -> None:
        self._url = url
        self.name: str = url.render_as_string(hide_password=True)
        self.one_connection = url.database in (None, "", ":memory:")
        self.file: Path | None = None if self.one_connection else Path(url.database or "")

    def create(self) -> Engine:
        engine = self._create()
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
        return engine

    def _create(self) -> Engine:
        if self.file is None:
            # A database in memory lives in one connection, so all threads share it.
            return create_engine(
                self._url, poolclass=StaticPool, connect_args={"check_same_thread": False}, hide_parameters=True
            )
        if not self.file.parent.is_dir():
            raise HistoryError(f"folder {str(self.file.parent)!r} does not exist; create it")
        self._keep_private(self.file)
        return create_engine(
            self._url.update_query_dict({"timeout": str(_BUSY_S), **self._url.query}),
            pool_size=4,
            max_overflow=_READERS,
            hide_parameters=True,
        )

    def _keep_private(self, file: Path) -> None:
        """The file holds people and passwords of cameras. SQLite gives its log and index the file's own mode."""
        try:
            others = [file] if ownerfiles.make(file) else []
        except OSError as error:
            raise HistoryError(f"it cannot be written: {error.strerror}") from error
        beside = [file.with_name(file.name + end) for end in ("-wal", "-shm", ".lock")]
        others += [one for one in beside if ownerfiles.tighten(one)]
        for one in others:
            logger.warning("history: other users could read %s and %s", one, ownerfiles.outcome(one))

    @contextmanager
    def exclusive(self, engine: Engine) -> Iterator[Connection]:
        with engine.connect().execution_options(writes=True) as connection, connection.begin():
            yield connection

    def begin_append(self, connection: Connection) -> None:
        """A writer is alone from its first word."""

    def ownership(self, engine: Engine) -> Ownership:  # noqa: ARG002
        return FileOwnership(self.file, self.name) if self.file else NoOwnership()

    def size_bytes(self, connection: Connection) -> int:
        pages, free, page_bytes = (
            int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())
            for name in ("page_count", "freelist_count", "page_size")
        )
        return (pages - free) * page_bytes

    def shrink(self, engine: Engine) -> None:
        """Cuts off up to 8 MB of free pages, in files made with `auto_vacuum`; older ones fill them again."""
        with engine.connect() as connection:
            raw: Any = connection.connection.driver_connection
            # Each step frees one page, and only `executescript` takes all of them.
            raw.executescript(f"PRAGMA incremental_vacuum({_PAGES_AT_ONCE})").close()

    def shred(self, connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA secure_delete=ON").close()

    def settle(self, engine: Engine) -> None:
        with engine.connect() as connection:
            raw: Any = connection.connection.driver_connection
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def safe(self, reason: str) -> str:
        return reason


def _prepare(connection: Any, _record: object) -> None:
    """Settings of one SQLite connection; `synchronous=NORMAL` survives a crash of the process."""
    # Transactions begin when SQLAlchemy says so (`_begin`), not when the driver thinks fit.
    connection.isolation_level = None
    for setting in (
        "auto_vacuum=INCREMENTAL",  # counts only while the file is empty, and must come before WAL
        "journal_mode=WAL",
        "synchronous=NORMAL",
        f"journal_size_limit={_WAL_KEPT_BYTES}",
        f"wal_autocheckpoint={_CHECKPOINT_PAGES}",
        f"cache_size=-{_READ_CACHE_KIB}",
        "secure_delete=FAST",
    ):
        connection.execute(f"PRAGMA {setting}").close()


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    if writes:
        connection.exec_driver_sql(f"PRAGMA cache_size=-{_WRITE_CACHE_KIB}").close()
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
