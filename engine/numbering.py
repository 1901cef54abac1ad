"""Numbers that go on where they left off when a name comes back."""

from collections import OrderedDict
from threading import Lock

KEPT = 4096
"""So many names are remembered one by one."""


class Numbering:
    """Gives each name its numbers in turn, from `first` on, none twice. Any thread may call it.

    Of more than `kept` names those unused for longest are forgotten; names that are new or come back
    after that begin above everything those had, so that memory is bounded and still no number comes twice.

    >>> numbering = Numbering(first=1)
    >>> [numbering.take(name) for name in ("door", "door", "desk", "door")]
    [1, 2, 1, 3]
    """

    def __init__(self, first: int, kept: int = KEPT) -> None:
        self._first = first
        self._kept = kept
        self._next: OrderedDict[str, int] = OrderedDict()
        self._lock = Lock()

    def take(self, name: str) -> int:
        """The next number of `name`."""
        with self._lock:
            number = self._next.pop(name, self._first)
            self._next[name] = number + 1
            if len(self._next) > self._kept:
                _, above = self._next.popitem(last=False)
                self._first = max(self._first, above)
        return number
