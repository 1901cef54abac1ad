"""A limit to lines that repeat: whoever causes one at will, a client or a fault, must not fill the log."""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

SAME = 5
"""Lines a minute that say the same."""
ALIKE = 200
"""Lines a minute of one kind, such as one for each camera."""
WINDOW_S = 60.0
_KINDS = 1024


@dataclass
class _Kind:
    since_s: float
    passed: int = 0
    left_out: int = 0


class Repeats(logging.Filter):
    """Lets so many lines pass in a minute; the next that passes says how many were left out. Any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._kinds: OrderedDict[tuple[str, int, str], _Kind] = OrderedDict()
        self._lock = Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        with self._lock:
            same = self._kind((record.name, record.levelno, f"= {text[:300]}"))
            alike = self._kind((record.name, record.levelno, str(record.msg).partition("\n")[0][:80]))
            if same.passed >= SAME or alike.passed >= ALIKE:
                # Counted once: by what holds it back.
                (same if same.passed >= SAME else alike).left_out += 1
                return False
            same.passed += 1
            alike.passed += 1
            left_out = same.left_out + alike.left_out
            same.left_out = alike.left_out = 0
        if left_out:
            record.msg, record.args = f"{text} ({left_out} more like this were left out)", None
        return True

    def _kind(self, key: tuple[str, int, str]) -> _Kind:
        now_s = self._clock()
        kind = self._kinds.get(key)
        if kind is None:
            kind = self._kinds[key] = _Kind(now_s)
            if len(self._kinds) > _KINDS:
                self._kinds.popitem(last=False)
        elif now_s - kind.since_s >= WINDOW_S:
            kind.since_s, kind.passed = now_s, 0
        self._kinds.move_to_end(key)
        return kind
