"""Connections on which nothing is being answered: bounded for each address, so that nobody takes up all of them."""

from collections import OrderedDict
from typing import Protocol

from engine.api.failures import household

AT_ONCE = 128
"""Idle connections of one address, which may be a proxy. Streams and whatever else is being answered do not count."""


class Closable(Protocol):
    def close_idle(self) -> None: ...


class Idle:
    """All of one server; for its event loop. Of an address that has too many the one that is idle longest is closed."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._at_once = at_once
        self._of: dict[str, OrderedDict[Closable, None]] = {}
        self._whose: dict[Closable, str] = {}

    def add(self, connection: Closable, address: str) -> None:
        """Nothing is being answered on it: a request is yet to come, or is still coming."""
        self.discard(connection)
        whose = self._whose[connection] = household(address)
        connections = self._of.setdefault(whose, OrderedDict())
        connections[connection] = None
        if len(connections) > self._at_once:
            oldest = next(iter(connections))
            self.discard(oldest)
            oldest.close_idle()

    def discard(self, connection: Closable) -> None:
        """It has a whole request now, or is gone."""
        whose = self._whose.pop(connection, None)
        if whose is not None:
            del self._of[whose][connection]
            if not self._of[whose]:
                del self._of[whose]

    def count(self, address: str) -> int:
        return len(self._of.get(household(address), ()))
