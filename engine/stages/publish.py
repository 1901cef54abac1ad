"""Publish: first one durable row per event, then word that there is something to broadcast."""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event, Lock

from engine.clock import Clock, SystemClock
from engine.errors import HistoryError
from engine.history import History
from engine.items import EmotionEvent
from engine.progress import tick

logger = logging.getLogger(__name__)

RETRY_S = 1.0
_MEASURED_S = 5.0
TELL_S = 60.0
"""How often it is said again that events wait."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Events that wait in memory since the history takes none; `lasts_s` is None while nothing tells how long."""

    events: int
    for_s: float
    lasts_s: float | None

    def __str__(self) -> str:
        if self.lasts_s is None:
            return f"{self.events} events wait in memory"
        if not self.lasts_s:
            return f"{self.events} events wait in memory, which is full: faces are not read until the history is back"
        left = f"{self.lasts_s / 60:.0f} min" if self.lasts_s >= 90 else f"{self.lasts_s:.0f} s"
        return f"{self.events} events wait in memory, which lasts about {left}; then faces are not read"


class Publish:
    """Writes each batch in one transaction and then calls `on_committed`, which must not block.

    What the history does not take, because the disk is full or another program has locked it, is tried again
    for as long as `may_wait` says; what comes meanwhile waits in the channel before it, and when that is full live
    chips make room. How much waits, and how long memory lasts, is logged once a minute and told by `waiting`.
    """

    def __init__(
        self,
        history: History,
        on_committed: Callable[[], None],
        clock: Clock | None = None,
        may_wait: Callable[[], bool] = lambda: False,
        queue: Callable[[], tuple[int, int]] = lambda: (0, 0),
    ) -> None:
        """`queue` tells how many events stand in the channel before this stage, and how many could."""
        self._history = history
        self._on_committed = on_committed
        self._clock = clock or SystemClock()
        self._may_wait = may_wait
        self._queue = queue
        self._held: tuple[float, int, int] | None = None
        """Since when a batch waits, its size, and how many stood behind it then."""
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
        never, told_s = Event(), float("-inf")
        while True:
            may_wait = self._may_wait()
            try:
                self._history.append(items)
            except HistoryError as error:
                if not may_wait:
                    raise
                now_s = self._clock.monotonic()
                if self._held is None:
                    self._held = now_s, len(items), self._queue()[0]
                if now_s - told_s >= TELL_S:
                    told_s = now_s
                    logger.warning("%s; they are sent to the bus when they are stored: %s", self.waiting, error)
                tick()
                self._clock.wait(never, RETRY_S)
            else:
                if self._held:
                    logger.info("the history takes events again")
                self._held = None
                return

    @property
    def waiting(self) -> Waiting | None:
        """What waits for the history; None when nothing does. Any thread."""
        held = self._held
        if held is None:
            return None
        since_s, batch, before = held
        depth, room = self._queue()
        for_s = self._clock.monotonic() - since_s
        rate = (depth - before) / for_s if for_s > 0 else 0.0
        full = room > 0 and depth >= room
        lasts_s = 0.0 if full else (room - depth) / rate if rate > 0 and for_s >= _MEASURED_S else None
        return Waiting(batch + depth, for_s, lasts_s)

    def flush(self) -> Sequence[EmotionEvent]:
        return ()

    def close(self) -> None:
        """Nothing to free: the history belongs to whoever opened it."""

    def counts(self) -> dict[str, int]:
        """Published events by type; any thread may ask."""
        with self._lock:
            return dict(self._counts)
