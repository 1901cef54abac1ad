"""Publish: first one durable row per event, then word that there is something to broadcast."""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from threading import Event, Lock

from engine.clock import Clock, SystemClock
from engine.errors import HistoryError
from engine.history import History
from engine.items import EmotionEvent

logger = logging.getLogger(__name__)

RETRY_S = 1.0


class Publish:
    """Writes each batch in one transaction and then calls `on_committed`, which must not block.

    What the history does not take, because the disk is full or another program has locked it, is tried again
    for as long as `may_wait` says; what comes meanwhile waits in the channels, where live chips make room.
    """

    def __init__(
        self,
        history: History,
        on_committed: Callable[[], None],
        clock: Clock | None = None,
        may_wait: Callable[[], bool] = lambda: False,
    ) -> None:
        self._history = history
        self._on_committed = on_committed
        self._clock = clock or SystemClock()
        self._may_wait = may_wait
        self._counts: Counter[str] = Counter()
        self._lock = Lock()

    def process(self, items: Sequence[EmotionEvent]) -> Sequence[EmotionEvent]:
        """The same events, now in the history.

        Raises:
            HistoryError: none of them was stored, and none will be broadcast.
        """
        if items:
            self._store(items)
            with self._lock:
                self._counts.update(event.type for event in items)
            self._on_committed()
        return items

    def _store(self, items: Sequence[EmotionEvent]) -> None:
        never, waiting = Event(), False
        while True:
            may_wait = self._may_wait()
            try:
                self._history.append(items)
            except HistoryError as error:
                if not may_wait:
                    raise
                if not waiting:
                    logger.warning("events wait until they can be stored: %s", error)
                waiting = True
                self._clock.wait(never, RETRY_S)
            else:
                if waiting:
                    logger.info("the history takes events again")
                return

    def flush(self) -> Sequence[EmotionEvent]:
        return ()

    def close(self) -> None:
        """Nothing to free: the history belongs to whoever opened it."""

    def counts(self) -> dict[str, int]:
        """Published events by type; any thread may ask."""
        with self._lock:
            return dict(self._counts)
