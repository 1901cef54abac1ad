"""What a database of one kind needs beyond SQL: how to connect, to keep others away, to tell and to shrink its size."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, Engine


class Ownership(Protocol):
    """Which runs belong to this process: whoever else asks for one of them is refused. Not for several threads."""

    def begin(self) -> None:
        """Raises `HistoryError` when no further run may use this database now."""

    def take(self, run_id: str) -> bool:
        """Make the run this process's own; False when it is another's. Raises `HistoryError` when nobody can tell."""

    def give_back(self, run_id: str) -> None:
        """Let others have the run."""

    def release(self) -> None:
        """Let go of everything."""


class Backend(Protocol):
    """One kind of database."""

    name: str
    """Its URL as it may be shown."""
    file: Path | None
    one_connection: bool
    """Readers and the writer share one connection, so they take turns."""

    def create(self) -> Engine:
        """The engine; connects nowhere yet. Raises `HistoryError` when that cannot work."""

    def exclusive(self, engine: Engine) -> AbstractContextManager[Connection]:
        """A transaction during which no other process migrates."""

    def begin_append(self, connection: Connection) -> None:
        """Called first in each transaction that adds events: until it ends no other process adds any."""

    def ownership(self, engine: Engine) -> Ownership: ...

    def size_bytes(self, connection: Connection) -> int:
        """What the rows take up, without room that is free for new ones."""

    def shrink(self, engine: Engine) -> None:
        """Give free room back to the disk, a little of it; does nothing where the server sees to that."""

    def shred(self, connection: Connection) -> None:
        """What is deleted in this transaction is overwritten, where the database can."""

    def settle(self, engine: Engine) -> None:
        """Nothing of what was deleted stays in a log of the database, where it has one in a file of its own."""

    def safe(self, reason: str) -> str:
        """`reason`, a message of the driver, without credentials."""
