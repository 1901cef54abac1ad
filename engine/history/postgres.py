"""PostgreSQL, by psycopg."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, text

from engine.errors import HistoryError
from engine.history.backend import Ownership
from engine.history.lease import AdvisoryOwnership, lock_key
from engine.redact import redact, shown

# It warns of each connection that it finds dead; what follows from that is said here, once.
logging.getLogger("psycopg").setLevel(logging.ERROR)

_READERS = 40
# A server that is gone is noticed within half a minute, in both directions; one that is merely slow is an error
# that can be tried again. A process frozen in the middle of a transaction must not keep the others waiting.
_CLIENT = {
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
    "application_name": "moodline",
}
_SERVER = {
    "TimeZone": "UTC",
    "lock_timeout": "10s",
    "statement_timeout": "60s",
    "idle_in_transaction_session_timeout": "20s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}
_BESIDE_BYTES = 1140
"""What an event takes up beside its own row: its share of eight indices, of its samples and of its track."""
_SIZE = """
SELECT (SELECT max(id) - min(id) + 1 FROM events) * (
  SELECT avg(bytes) + :beside
  FROM (SELECT pg_column_size(e.*) AS bytes FROM events e ORDER BY id DESC LIMIT 500) AS newest)
"""


class Postgres:
    """See `Backend`."""

    file: Path | None = None
    one_connection = False

    def __init__(self, url: URL) -> None:
        self._url = url
        self.name = shown(url.set(query={}).render_as_string(hide_password=True))

    def create(self) -> Engine:
        try:
            return self._create()
        except ModuleNotFoundError as error:
            raise HistoryError("psycopg is not installed: pip install 'moodline[postgres]'") from error

    def _create(self) -> Engine:
        options = " ".join(f"-c {name}={value}" for name, value in _SERVER.items())
        return create_engine(
            self._url.update_query_dict({**_CLIENT, **self._url.query, "options": options}),
            pool_size=4,
            max_overflow=_READERS,
            pool_pre_ping=True,
            pool_timeout=10,
            hide_parameters=True,
        )

    @contextmanager
    def exclusive(self, engine: Engine) -> Iterator[Connection]:
        with engine.begin() as connection:
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            connection.execute(text("SET LOCAL lock_timeout = 0"))
            self._alone(connection, "migrate")
            yield connection

    def begin_append(self, connection: Connection) -> None:
        """Row ids are then in the order of commits, also when several processes write: who reads on misses none."""
        self._alone(connection, "append")

    def _alone(self, connection: Connection, what: str) -> None:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": lock_key(what)})

    def ownership(self, engine: Engine) -> Ownership:
        return AdvisoryOwnership(engine, self.name)

    def size_bytes(self, connection: Connection) -> int:
        """An estimate from the number of events and the size of the newest: what the server has set aside does not
        become less when rows are deleted, it is filled again."""
        return int(connection.execute(text(_SIZE), {"beside": _BESIDE_BYTES}).scalar() or 0)

    def shrink(self, engine: Engine) -> None:
        """Autovacuum makes the room of deleted rows free for new ones."""

    def shred(self, connection: Connection) -> None:
        """PostgreSQL cannot: the room is overwritten after VACUUM, by new rows."""

    def settle(self, engine: Engine) -> None:
        """Its write-ahead log is the server's own affair."""

    def safe(self, reason: str) -> str:
        password = self._url.password
        return redact(reason.replace(str(password), "***") if password else reason)
