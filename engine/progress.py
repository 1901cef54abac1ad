"""Progress: every worker's sign of life, and the watch that notices a call which does not return."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from engine.clock import Clock

logger = logging.getLogger(__name__)

STUCK_S = 8.0
"""A call that takes longer is stuck: the run is not ready then. A locked database may take six."""
_LONGEST_STEP_S = 1.0
"""Time between two looks counts up to this: a process that was suspended has not hung meanwhile."""

_here = threading.local()


class Progress:
    """One worker's. Its own thread writes, any thread reads."""

    def __init__(self) -> None:
        self.ticks = 0
        self.inside = False
        """In its stage; otherwise it waits for items or for room behind it, which is no fault of its own."""

    def begin(self) -> None:
        """The calling thread, this worker's, enters its stage."""
        _here.progress = self
        self.ticks += 1
        self.inside = True

    def end(self) -> None:
        self.inside = False


def tick() -> None:
    """The calling thread gets on: a model's call has returned, or a wait that is known and told elsewhere goes on."""
    progress: Progress | None = getattr(_here, "progress", None)
    if progress is not None:
        progress.ticks += 1


@dataclass(frozen=True, slots=True)
class StuckStage:
    """A stage whose call has not returned for `for_s` seconds."""

    stage: str
    for_s: float


@dataclass
class _Watched:
    name: Callable[[], str]
    progress: Progress
    ticks: int = -1
    still_s: float = 0.0
    told: str | None = None


@dataclass
class Watch:
    """Looks at the progress of workers. One thread calls `look`; any thread may read `stuck`."""

    clock: Clock
    stuck: tuple[StuckStage, ...] = ()
    _watched: list[_Watched] = field(default_factory=list)
    _looked_s: float | None = None

    def add(self, name: Callable[[], str], progress: Progress) -> None:
        """`name` says which stage the worker is in."""
        self._watched.append(_Watched(name, progress))

    def look(self) -> Sequence[StuckStage]:
        """Calls that are stuck now, the longest first; each is logged once when it begins and once when it is over."""
        now_s = self.clock.monotonic()
        step_s = 0.0 if self._looked_s is None else min(now_s - self._looked_s, _LONGEST_STEP_S)
        self._looked_s = now_s
        found = [stuck for one in self._watched if (stuck := self._look_at(one, step_s))]
        self.stuck = tuple(sorted(found, key=lambda one: -one.for_s))
        return self.stuck

    def _look_at(self, one: _Watched, step_s: float) -> StuckStage | None:
        ticks = one.progress.ticks
        still = one.progress.inside and ticks == one.ticks
        if not still:
            if one.told:
                logger.info("stage %s works again, after %.0f s", one.told, one.still_s)
            one.ticks, one.still_s, one.told = ticks, 0.0, None
            return None
        one.still_s += step_s
        if one.still_s < STUCK_S:
            return None
        if one.told is None:
            one.told = one.name()
            logger.error(
                "stage %s hangs: its call has not returned for %.0f s; the run is not ready", one.told, STUCK_S
            )
        return StuckStage(one.told, round(one.still_s, 1))
