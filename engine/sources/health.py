"""What is known about a source: its state, what arrived and when, and how long to wait before the next try."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Lock

from engine.clock import Clock
from engine.errors import Cause

_FIRST_DELAY_S, _MAX_DELAY_S = 0.5, 2.0
_LOOK_EVERY_S = 2.0
"""How often a source that does not answer is looked for."""
_BETWEEN_OPENS_S = 1.0
# Cameras lock accounts out: a refused password is not tried more often.
_AUTH_DELAY_S = 30.0
_STEADY_S = 10.0
_WINDOW_S = 5.0
_DELIVERING = ("online", "degraded", "frozen")


class Backoff:
    """Pauses between tries: 0.5 s doubling to 2 s, each shortened at random by up to a half, but never so short that
    a source is opened twice within a second.

    >>> backoff = Backoff(jitter=lambda: 1.0)
    >>> [backoff.next_s(Cause.REFUSED, opened_s_ago=60) for _ in range(4)]
    [0.5, 1.0, 2.0, 2.0]
    >>> backoff.next_s(Cause.AUTH, opened_s_ago=60)
    30.0
    """

    def __init__(self, jitter: Callable[[], float]) -> None:
        self._jitter = jitter
        self._full_s = _FIRST_DELAY_S

    def next_s(self, cause: Cause, opened_s_ago: float) -> float:
        """Seconds to wait now; the last try began `opened_s_ago`. `jitter` gives a number from 0 to 1."""
        full_s, self._full_s = self._full_s, min(2 * self._full_s, _MAX_DELAY_S)
        if cause is Cause.AUTH:
            return _AUTH_DELAY_S
        return max(full_s * (0.5 + 0.5 * self._jitter()), _BETWEEN_OPENS_S - opened_s_ago)

    def reset(self) -> None:
        """The source was well for a while: the next outage begins with a short pause."""
        self._full_s = _FIRST_DELAY_S


def look_for(answers: Callable[[], bool], clock: Clock, stop: Event) -> bool:
    """Wait until a source `answers`, asking every 2 s; whether `stop` was set meanwhile."""
    while not stop.is_set():
        asked_s = clock.monotonic()
        if answers():
            return False
        clock.wait(stop, max(0.0, asked_s + _LOOK_EVERY_S - clock.monotonic()))
    return True


@dataclass(frozen=True, slots=True)
class Vitals:
    """One consistent look at a source's health."""

    state: str
    cause: Cause | None
    detail: str
    size: tuple[int, int] | None
    fps: float
    last_frame_age_s: float | None
    lag_s: float | None
    reconnects: int


class Health:
    """State and arrivals of one source. All times are monotonic seconds; any thread may call any method."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._state = "connecting"
        self._cause: Cause | None = None
        self._detail = ""
        self._causes: set[Cause | None] = set()
        self._size: tuple[int, int] | None = None
        self._reconnects = 0
        self._was_lost = False
        self._lag_s: float | None = None
        self._alive_s = self._online_s = 0.0
        self._arrivals: deque[float] = deque(maxlen=1024)

    @property
    def state(self) -> str:
        return self._state

    def alive(self, now_s: float) -> None:
        """A picture arrived, wanted or not."""
        with self._lock:
            self._alive_s = now_s

    def picture(self, now_s: float, size: tuple[int, int], lag_s: float | None = None) -> None:
        """A wanted picture of `(width, height)` arrived, `lag_s` old."""
        with self._lock:
            self._alive_s = now_s
            self._lag_s = lag_s
            self._size = size
            self._arrivals.append(now_s)

    def delivers(self, now_s: float, state: str, cause: Cause | None = None, detail: str = "") -> bool:
        """Data comes, and `state` is `online`, `degraded` or `frozen`; whether that is news."""
        with self._lock:
            is_new = self._state != state
            if self._state not in (*_DELIVERING, "stalled"):
                self._online_s = now_s
                self._reconnects += self._was_lost
                self._was_lost = False
                self._causes.clear()
            self._state, self._cause, self._detail = state, cause, detail
            return is_new

    def waits(self, detail: str) -> bool:
        """Data comes, from which no picture can be made yet; whether that is news."""
        with self._lock:
            if self._state not in ("connecting", "offline") or self._detail == detail:
                return False
            self._state, self._cause, self._detail = "connecting", None, detail
            return True

    def stalled(self, now_s: float, after_s: float) -> bool:
        """Whether the source delivers but nothing has arrived for `after_s`; then it is stalled."""
        with self._lock:
            if self._state not in _DELIVERING or now_s - self._alive_s <= after_s:
                return False
            self._state, self._cause = "stalled", None
            self._detail = f"no picture for {now_s - self._alive_s:.1f} s"
            return True

    def lost(self, state: str, cause: Cause | None, detail: str) -> bool:
        """The source is `offline` or `ended`, and why; whether that is news: each cause is, once per outage."""
        with self._lock:
            news = self._state != state or cause not in self._causes
            self._causes.add(cause)
            self._was_lost = state == "offline"
            self._lag_s = None
            self._state, self._cause, self._detail = state, cause, detail
            return news

    def steady(self, now_s: float) -> bool:
        """Whether the source has been delivering for so long that an outage is a new one."""
        with self._lock:
            return self._state in (*_DELIVERING, "stalled") and now_s - self._online_s >= _STEADY_S

    def vitals(self, now_s: float) -> Vitals:
        with self._lock:
            recent = [moment for moment in self._arrivals if now_s - moment <= _WINDOW_S]
            # The first arrival opens the window, so it is not counted until the window is full.
            spans_all = len(recent) < len(self._arrivals)
            seconds = now_s - recent[0] if recent and not spans_all else _WINDOW_S
            count = len(recent) if spans_all else len(recent) - 1
            fps = count / seconds if recent and seconds > 0 else 0.0
            age_s = now_s - self._arrivals[-1] if self._arrivals else None
            return Vitals(self._state, self._cause, self._detail, self._size, fps, age_s, self._lag_s, self._reconnects)
