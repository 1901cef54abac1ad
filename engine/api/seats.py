"""How many may do something at a time: a place is looked for and taken in one step, so that no two get the last one."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock


class Full(Exception):
    """All places are taken."""


class Seats:
    """`limit` places. Any thread, and any number of tasks: nothing can come between looking and taking."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._taken = 0
        self._lock = Lock()

    @property
    def taken(self) -> int:
        return self._taken

    @contextmanager
    def one(self) -> Iterator[None]:
        """A place for as long as the block lasts.

        Raises:
            Full: none is free.
        """
        with self._lock:
            if self._taken >= self.limit:
                raise Full
            self._taken += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken -= 1
