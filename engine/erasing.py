"""Erasing a track everywhere: the history notes it, and each run on that history forgets it elsewhere, too."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from threading import Condition

from engine.bus import Bus
from engine.clock import Clock
from engine.errors import BusError, HistoryError
from engine.history import History
from engine.ids import fingerprint

logger = logging.getLogger(__name__)

LOOK_S = 0.5
"""How soon an erasure by another process is seen."""
RETRY_S = 10.0
NOTED = timedelta(days=7)
"""Erasures stay noted so long, for runs that could not reach their bus or did not run."""


@dataclass(frozen=True, slots=True)
class Erased:
    """How much was erased of one track."""

    events: int
    samples: int
    stream: int | None
    """Entries of the bus; None when it does not answer now: they are erased when it does."""


class Erasing:
    """The one way to erase a track, whoever asks: over HTTP, or `moodline history erase` in another process.

    `look` and `send` are for the thread that also publishes, so that nothing is on its way to the bus meanwhile. Any
    thread may call `erase`.
    """

    def __init__(
        self, history: History, bus: Bus, clock: Clock, forget: Callable[[str], None], wake: Callable[[], None]
    ) -> None:
        """`forget` takes a track out of memory, by its fingerprint; `wake` has `look` and `send` called soon."""
        self._history, self._bus, self._clock = history, bus, clock
        self._forget, self._wake = forget, wake
        self._seen = 0
        self._asked = False
        self._look_s = self._send_s = clock.monotonic()
        self._waiting: dict[int, str] = {}
        self._trouble = ""
        self._sent: dict[str, int] = {}
        self._changed = Condition()

    @property
    def note(self) -> str:
        """What a person should know; empty when all that was erased is gone."""
        with self._changed:
            count, trouble = len(self._waiting), self._trouble
        return f"{count} erased tracks are still in the stream: {trouble}" if count and trouble else ""

    def erase(self, track_uid: str, wait_s: float) -> Erased:
        """Erase a track; waits up to `wait_s` for the bus.

        Raises:
            HistoryError: nothing was erased.
        """
        whose = fingerprint(track_uid)
        with self._changed:
            self._sent.pop(whose, None)
        removed = self._history.erase(track_uid)
        self._forget(whose)
        with self._changed:
            self._asked = True
        self._wake()
        with self._changed:
            self._changed.wait_for(lambda: whose in self._sent, wait_s)
            return Erased(removed.events, removed.samples, self._sent.pop(whose, None))

    def look(self) -> None:
        """Forget what was erased since, by whichever process."""
        now_s = self._clock.monotonic()
        with self._changed:
            if not self._asked and now_s < self._look_s:
                return
            self._asked = False
        self._look_s = now_s + LOOK_S
        try:
            found = self._history.erasures(self._seen)
        except HistoryError as error:
            logger.debug("erasures cannot be read: %s", error)
            return
        for one in found:
            self._forget(one.fingerprint)
            self._seen = one.id
        if found:
            self._send_s = now_s
        with self._changed:
            self._waiting.update((one.id, one.fingerprint) for one in found)

    def again(self) -> None:
        """The bus was away and may have come back with what it had long ago: take all out of it that is noted."""
        with self._changed:
            self._seen, self._asked = 0, True

    def send(self) -> None:
        """Take what `look` found out of the bus, which is there. Tried again later when it refuses."""
        now_s = self._clock.monotonic()
        with self._changed:
            waiting = dict(self._waiting)
        if not waiting or now_s < self._send_s:
            return
        try:
            counts = self._bus.erase(set(waiting.values()))
        except BusError as error:
            self._fell(error, now_s)
            return
        with self._changed:
            for number, whose in waiting.items():
                self._waiting.pop(number, None)
                self._sent[whose] = counts.get(whose, 0)
            while len(self._sent) > _REMEMBERED:
                del self._sent[next(iter(self._sent))]
            self._trouble = ""
            self._changed.notify_all()
        self._tidy()

    def _fell(self, error: BusError, now_s: float) -> None:
        if str(error) != self._trouble:
            logger.warning("erased tracks are still in the stream: %s", error)
        with self._changed:
            self._trouble = str(error)
        self._send_s = now_s + RETRY_S

    def _tidy(self) -> None:
        try:
            self._history.forget_erasures(self._clock.utc() - NOTED)
        except HistoryError as error:
            logger.debug("old erasures stay noted: %s", error)


_REMEMBERED = 64
"""Counts that nobody waits for: erasures of other processes."""
