"""Publish: first one durable row per event, then word that there is something to broadcast."""

from collections import Counter
from collections.abc import Callable, Sequence
from threading import Lock

from engine.history import History
from engine.items import EmotionEvent


class Publish:
    """Writes each batch in one transaction and then calls `on_committed`, which must not block."""

    def __init__(self, history: History, on_committed: Callable[[], None]) -> None:
        self._history = history
        self._on_committed = on_committed
        self._counts: Counter[str] = Counter()
        self._lock = Lock()

    def process(self, items: Sequence[EmotionEvent]) -> Sequence[EmotionEvent]:
        """The same events, now in the history.

        Raises:
            HistoryError: none of them was stored, and none will be broadcast.
        """
        if items:
            self._history.append(items)
            with self._lock:
                self._counts.update(event.type for event in items)
            self._on_committed()
        return items

    def flush(self) -> Sequence[EmotionEvent]:
        return ()

    def close(self) -> None:
        """Nothing to free: the history belongs to whoever opened it."""

    def counts(self) -> dict[str, int]:
        """Published events by type; any thread may ask."""
        with self._lock:
            return dict(self._counts)
