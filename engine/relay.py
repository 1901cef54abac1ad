"""The relay: broadcasts the rows of the history, in order, whenever the bus takes them."""

import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from enum import Enum, auto
from threading import Event
from typing import Any

from engine.bus import Bus
from engine.clock import Clock, rfc3339
from engine.erasing import Erasing
from engine.errors import BusError, BusForgot, HistoryError
from engine.events import gap_event
from engine.history import History
from engine.items import EmotionEvent
from engine.status import SinkSnapshot, SourceSnapshot

logger = logging.getLogger(__name__)

BATCH = 500
HEARTBEAT_S = 5.0
MAX_BACKOFF_S = 1.5
_BACKOFF_S = 0.2
_IDLE_S = 0.5
_FORGETS_AGAIN_S = 60.0
_TRIM_S = 60.0


class _Step(Enum):
    SENT = auto()
    IDLE = auto()
    DOWN = auto()


class Relay:
    """Sends what the outbox of `consumer` holds and then confirms it: at least once, in order.

    While the bus is away the rows wait in the history and the relay tries again, after 0.2 s at first and
    every 1.5 s later. A bus that has lost what it had gets it again, as far as the history still has it. Events
    that the history no longer has are counted, and a `gap` is broadcast in their place. `run` is the body of
    one thread; any thread may call the other methods.
    """

    def __init__(
        self,
        history: History,
        bus: Bus,
        clock: Clock,
        consumer: str = "bus",
        sources: Callable[[], Sequence[SourceSnapshot]] = lambda: (),
        forget: Callable[[str], None] = lambda _fingerprint: None,
        keep: timedelta | None = None,
    ) -> None:
        """`forget` takes a track that was erased out of memory, by its fingerprint. With `keep` the bus forgets, once
        a minute, what is older."""
        self._history = history
        self._outbox = history.outbox(consumer)
        self._bus = bus
        self._clock = clock
        self._sources = sources
        self.erasing = Erasing(history, bus, clock, forget, self.notify)
        self._keep = keep
        self._trim_s = clock.monotonic()
        self._news = Event()
        self._stopping = Event()
        self._drain_s = 0.0
        self._resumed = False
        self._followed: dict[str, int] = {}
        """The number of the last event sent of each run; the next has the next."""
        self._missed: dict[str, list[tuple[int, int]]] = {}
        """First and last numbers of each run's gaps, counted in `lost`; they grow together as the history is pruned."""
        self._sent = 0
        self._lost = 0
        self._batch = BATCH
        self._backoff_s = _BACKOFF_S
        self._next_beat_s: float | None = None
        self._forgot_s: float | None = None
        self._trouble: str | None = "not connected yet"
        self._cause: str | None = None
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
        trouble, cause = self._trouble, self._cause
        try:
            self._pending = self._outbox.pending()
        except HistoryError as error:
            logger.debug("pending events cannot be counted: %s", error)
        notes = "; ".join(note for note in (self._bus.note, self.erasing.note) if note)
        state, detail = ("down", trouble) if trouble else ("ok", notes)
        return SinkSnapshot(self._bus.url, state, detail, self._pending, cause, self._lost)

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
        self.erasing.look()
        try:
            try:
                sent = self._send_batch()
                beaten = alive and self._beat()
                self._trim()
            except BusForgot as error:
                self._fell(error)
                self._restore()
                return _Step.DOWN
        except (BusError, HistoryError) as error:
            self._fell(error)
            return _Step.DOWN
        if sent or beaten:
            self._rose()
        self.erasing.send()
        return _Step.SENT if sent else _Step.IDLE

    def _send_batch(self) -> bool:
        if not self._resumed:
            self._resume()
        rows = self._outbox.take(self._batch)
        if rows:
            self._send([event for _, event in rows])
            self._outbox.done(rows[-1][0])
        return bool(rows)

    def _resume(self) -> None:
        """See whether the bus still has what an earlier process sent; ask once, as what it lacks is sent again then."""
        last = self._outbox.last()
        if last:
            try:
                self._bus.resume(last)
            except BusForgot:
                self._resumed = True
                raise
            self._followed[last.run_id] = last.seq
        self._resumed = True

    def _send(self, events: Sequence[EmotionEvent]) -> None:
        whole = self._with_gaps(events)
        self._bus.publish(whole)
        self._followed[events[-1].run_id] = events[-1].seq
        self._sent += len(events)
        self._count_lost(whole)
        if any(event.type == "status" for event in events):
            self._next_beat_s = None

    def _count_lost(self, whole: Sequence[EmotionEvent]) -> None:
        """A bus that is filled again gets its gaps again; what they stand for is lost once."""
        for gap in whole:
            if gap.type == "gap":
                known = self._missed.get(gap.run_id, [])
                merged = _merged(known, (gap.document["first_seq"], gap.seq))
                self._lost += _numbers(merged) - _numbers(known)
                self._missed[gap.run_id] = merged

    def _with_gaps(self, events: Sequence[EmotionEvent]) -> list[EmotionEvent]:
        """`events`, and a `gap` wherever numbers are missing between them."""
        before = self._before(events[0])
        whole: list[EmotionEvent] = []
        for event in events:
            if event.seq > before + 1:
                whole.append(gap_event(event.run_id, before + 1, event.seq - 1, self._clock))
            whole.append(event)
            before = event.seq
        return whole

    def _before(self, first: EmotionEvent) -> int:
        """The number after which `first` should come; where nobody knows, there is no gap."""
        run_id = first.run_id
        if run_id not in self._followed:
            own = run_id == self._history.run_id
            self._followed[run_id] = 0 if own else self._bus.sent(run_id) or first.seq - 1
        return self._followed[run_id]

    def _restore(self) -> None:
        """Send again what the bus had, as far as it would keep it and the history has it; it skips what it has."""
        found = self._outbox.again(self._bus.keeps)
        rows = self._outbox.take(1)
        known: dict[str, int] = {}
        if rows:
            first = rows[0][1]
            # With less found than would be kept, what is missing before the first is missing from the history.
            start = 0 if found < self._bus.keeps else first.seq - 1
            known[first.run_id] = self._bus.sent(first.run_id) or start
        self._followed = known
        logger.warning("up to %d events are sent again", found)

    def _beat(self) -> bool:
        """Tell the bus that the run is alive, every few seconds and when a source changes; whether that was due."""
        now = self._clock.monotonic()
        run_id = self._history.run_id
        if run_id is None or (self._next_beat_s is not None and now < self._next_beat_s):
            return False
        at = rfc3339(self._clock.utc())
        sources = {source.source_id: _told(source, run_id, at) for source in self._sources()}
        self._bus.heartbeat(run_id, {"run_id": run_id, "at": at, "events_sent": self._sent}, sources)
        self._next_beat_s = now + HEARTBEAT_S
        return True

    def _trim(self) -> None:
        now_s = self._clock.monotonic()
        if self._keep is not None and now_s >= self._trim_s:
            self._trim_s = now_s + _TRIM_S
            self._bus.forget_older(self._clock.utc() - self._keep)

    def _fell(self, error: BusError | HistoryError) -> None:
        trouble = str(error)
        if self._trouble != trouble:
            logger.warning("events wait in the history: %s", trouble)
        self._cause = error.cause.value if isinstance(error, BusError) else "history"
        self._trouble = trouble
        # A batch too large for a slow line must not fail for ever; a heartbeat tells when the bus is back.
        self._batch = max(1, self._batch // 4)
        self._next_beat_s = None
        if isinstance(error, BusForgot):
            self._slow_down()

    def _slow_down(self) -> None:
        """A bus that forgets again and again must not be filled again and again without a pause."""
        now = self._clock.monotonic()
        if self._forgot_s is not None and now - self._forgot_s < _FORGETS_AGAIN_S:
            self._backoff_s = MAX_BACKOFF_S
        self._forgot_s = now

    def _rose(self) -> None:
        if self._trouble is not None:
            logger.info("events go to %s", self._bus.url)
            self.erasing.again()
        self._trouble = self._cause = None
        self._batch = min(2 * self._batch, BATCH)
        self._backoff_s = _BACKOFF_S


def _merged(ranges: Sequence[tuple[int, int]], one: tuple[int, int]) -> list[tuple[int, int]]:
    """`ranges` of numbers and `one` more, in order; those that touch are one.

    >>> _merged([(1, 3), (9, 9)], (3, 5))
    [(1, 5), (9, 9)]
    """
    merged: list[tuple[int, int]] = []
    for first, last in sorted([*ranges, one]):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged


def _numbers(ranges: Sequence[tuple[int, int]]) -> int:
    return sum(last - first + 1 for first, last in ranges)


def _told(source: SourceSnapshot, run_id: str, at: str) -> dict[str, Any]:
    """What `<prefix>:source:<id>` holds."""
    return {
        "source_id": source.source_id,
        "state": source.state,
        "cause": source.cause,
        "fps": round(source.fps, 2),
        "run_id": run_id,
        "at": at,
    }
