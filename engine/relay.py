"""The relay: broadcasts the rows of the history, in order, whenever the bus takes them."""

import logging
from enum import Enum, auto
from threading import Event

from engine.bus import Bus
from engine.clock import Clock, rfc3339
from engine.errors import BusError, HistoryError
from engine.history import History
from engine.status import SinkSnapshot

logger = logging.getLogger(__name__)

BATCH = 500
HEARTBEAT_S = 5.0
MAX_BACKOFF_S = 2.0
_BACKOFF_S = 0.2
_IDLE_S = 0.5


class _Step(Enum):
    SENT = auto()
    IDLE = auto()
    DOWN = auto()


class Relay:
    """Sends what lies past the cursor of `consumer` and then moves the cursor: at least once, in order.

    While the bus is away the rows wait in the history and the relay tries again, after 0.2 s at first and
    every 2 s later. `run` is the body of one thread; any thread may call the other methods.
    """

    def __init__(self, history: History, bus: Bus, clock: Clock, consumer: str = "bus") -> None:
        self._history = history
        self._bus = bus
        self._clock = clock
        self._consumer = consumer
        self._news = Event()
        self._stopping = Event()
        self._drain_s = 0.0
        self._position: int | None = None
        self._saved: int | None = None
        self._sent = 0
        self._batch = BATCH
        self._backoff_s = _BACKOFF_S
        self._next_beat_s: float | None = None
        self._trouble: str | None = "not connected yet"
        self._pending = 0

    def run(self) -> None:
        """Until `stop`; then what is left, for as long as `stop` allows."""
        while not self._stopping.is_set():
            step = self._step()
            if step is _Step.IDLE:
                self._clock.wait(self._news, _IDLE_S)
            elif step is _Step.DOWN:
                self._clock.wait(self._stopping, self._backoff_s)
                self._backoff_s = min(2 * self._backoff_s, MAX_BACKOFF_S)
        self._drain()

    def notify(self) -> None:
        """There are new rows."""
        self._news.set()

    def stop(self, drain_s: float) -> None:
        """Let `run` end: at once when nothing is left to send, otherwise after at most about `drain_s`.

        Returns at once; join the thread.
        """
        self._drain_s = drain_s
        self._stopping.set()
        self._news.set()

    def snapshot(self) -> SinkSnapshot:
        """`down` until the bus has taken something, and from a failure to the next success."""
        trouble = self._trouble
        try:
            self._pending = self._history.pending(self._consumer)
        except HistoryError as error:
            logger.debug("pending events cannot be counted: %s", error)
        return SinkSnapshot(self._bus.url, "down" if trouble else "ok", trouble or "", self._pending)

    def _drain(self) -> None:
        deadline = self._clock.monotonic() + self._drain_s
        never = Event()
        while self._clock.monotonic() < deadline:
            step = self._step(alive=False)
            if step is _Step.IDLE:
                return
            if step is _Step.DOWN:
                self._clock.wait(never, _BACKOFF_S)

    def _step(self, alive: bool = True) -> _Step:
        """One batch, and while `alive` a heartbeat when one is due."""
        self._news.clear()
        try:
            sent = self._send_batch()
            beaten = alive and self._beat()
        except (BusError, HistoryError) as error:
            self._fell(str(error))
            return _Step.DOWN
        if sent or beaten:
            self._rose()
        return _Step.SENT if sent else _Step.IDLE

    def _send_batch(self) -> bool:
        if self._position is None:
            self._position = self._saved = self._history.cursor(self._consumer)
        rows = self._history.events_after(self._position, self._batch)
        if rows:
            self._bus.publish([event for _, event in rows])
            self._position = rows[-1][0]
            self._sent += len(rows)
        if self._position != self._saved:
            self._history.set_cursor(self._consumer, self._position)
            self._saved = self._position
        return bool(rows)

    def _beat(self) -> bool:
        """Tell the bus that the run is alive, every few seconds; whether that was due."""
        now = self._clock.monotonic()
        run_id = self._history.run_id
        if run_id is None or (self._next_beat_s is not None and now < self._next_beat_s):
            return False
        self._bus.heartbeat(run_id, {"run_id": run_id, "at": rfc3339(self._clock.utc()), "events_sent": self._sent})
        self._next_beat_s = now + HEARTBEAT_S
        return True

    def _fell(self, trouble: str) -> None:
        if self._trouble != trouble:
            logger.warning("events wait in the history: %s", trouble)
        self._trouble = trouble
        # A batch too large for a slow line must not fail for ever; a heartbeat tells when the bus is back.
        self._batch = max(1, self._batch // 4)
        self._next_beat_s = None

    def _rose(self) -> None:
        if self._trouble is not None:
            logger.info("events go to %s", self._bus.url)
        self._trouble = None
        self._batch = min(2 * self._batch, BATCH)
        self._backoff_s = _BACKOFF_S
