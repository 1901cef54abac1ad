"""The frame ledger: nothing uncounted. For every source, captured = sum of outcomes, at every moment."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock


class Outcome(StrEnum):
    """What became of a frame; each frame has exactly one.

    `lost` and `damaged` never reach the detector: the stream or file did not hold them whole.
    """

    INFERRED = "inferred"
    SKIPPED_INTERVAL = "skipped_interval"
    SKIPPED_MOTION = "skipped_motion"
    DROPPED_STALE = "dropped_stale"
    DROPPED_QUEUE = "dropped_queue"
    LOST = "lost"
    DAMAGED = "damaged"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class FrameCounts:
    """A frame counts as captured in the instant its outcome is known; until then it is in flight."""

    captured: int
    in_flight: int
    outcomes: Mapping[Outcome, int]


NO_FRAMES = FrameCounts(0, 0, dict.fromkeys(Outcome, 0))


class Ledger:
    """Counts frames per source. Any thread may call any method; snapshots are consistent.

    The counts of removed sources are kept as one sum, so that memory does not grow with ever new ids.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._in_flight: dict[str, int] = {}
        self._outcomes: dict[str, dict[Outcome, int]] = {}
        self._leaving: set[str] = set()
        self._removed = dict.fromkeys(Outcome, 0)

    def register(self, source_id: str) -> None:
        """Make the source known, with zeros; one that was being removed stays, with its counts."""
        with self._lock:
            self._register(source_id)
            self._leaving.discard(source_id)

    def remove(self, source_id: str) -> None:
        """The source reads no more. Once its last frame is settled, its counts move into those of `removed`."""
        with self._lock:
            if source_id in self._outcomes:
                self._leaving.add(source_id)
                self._let_go(source_id)

    def enter(self, source_id: str) -> None:
        """A frame was read from the source."""
        with self._lock:
            self._register(source_id)
            self._in_flight[source_id] += 1

    def settle(self, source_id: str, outcome: Outcome) -> None:
        """The outcome of one frame that entered before is known.

        Raises:
            ValueError: more frames settled than entered.
        """
        with self._lock:
            if self._in_flight.get(source_id, 0) < 1:
                raise ValueError(f"no frame of {source_id!r} is in flight")
            self._in_flight[source_id] -= 1
            self._outcomes[source_id][outcome] += 1
            self._let_go(source_id)

    def fail_in_flight(self) -> None:
        """Settle as failed whatever is on the way: the run has ended without it."""
        with self._lock:
            for source_id, count in tuple(self._in_flight.items()):
                self._outcomes[source_id][Outcome.FAILED] += count
                self._in_flight[source_id] = 0
                self._let_go(source_id)

    def snapshot(self) -> dict[str, FrameCounts]:
        with self._lock:
            return {
                source_id: FrameCounts(sum(outcomes.values()), self._in_flight[source_id], dict(outcomes))
                for source_id, outcomes in self._outcomes.items()
            }

    def counts(self, source_id: str) -> FrameCounts:
        """Those of one source; zeros where it is not known."""
        with self._lock:
            outcomes = self._outcomes.get(source_id, dict.fromkeys(Outcome, 0))
            return FrameCounts(sum(outcomes.values()), self._in_flight.get(source_id, 0), dict(outcomes))

    def removed(self) -> FrameCounts:
        """Those of all sources that have been removed, together."""
        with self._lock:
            return FrameCounts(sum(self._removed.values()), 0, dict(self._removed))

    def _let_go(self, source_id: str) -> None:
        if source_id not in self._leaving or self._in_flight[source_id]:
            return
        self._leaving.discard(source_id)
        del self._in_flight[source_id]
        for outcome, count in self._outcomes.pop(source_id).items():
            self._removed[outcome] += count

    def _register(self, source_id: str) -> None:
        if source_id not in self._outcomes:
            self._in_flight[source_id] = 0
            self._outcomes[source_id] = dict.fromkeys(Outcome, 0)
