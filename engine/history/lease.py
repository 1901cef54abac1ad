"""One run at a time writes into a history file: two relays over one cursor would each send the other's events."""

import fcntl
import logging
import os
from pathlib import Path

from engine.errors import HistoryError

logger = logging.getLogger(__name__)


class Lease:
    """The right to run on a history file, held until `release` or the end of the process, however it ends.

    It is an advisory lock on `<file>.lock`, which stays behind empty. The database itself must not be opened
    for this: closing it would drop the locks that SQLite holds on it.
    """

    def __init__(self, database: Path, name: str) -> None:
        """Raises `HistoryError` when another run holds it; `name` is what the message calls the history."""
        path = database.with_name(database.name + ".lock")
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise HistoryError(f"history {name}: {path.name} cannot be written: {error.strerror}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._file)
            raise HistoryError(
                f"history {name} is in use by another run; give each run a file of its own, or stop the other"
            ) from error
        except OSError as error:
            logger.warning("history %s: %s; nothing keeps a second run away", name, error.strerror)

    def release(self) -> None:
        os.close(self._file)
