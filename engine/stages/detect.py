"""Finding faces in the frames that are due; on the others the tracker predicts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from engine.clock import Clock
from engine.detectors.base import Detector
from engine.devices import Device
from engine.fields import Count, Pixels, Seconds, Text, Unit, settings
from engine.items import Box, Detection, Frame, SourceStatus
from engine.ledger import Ledger, Outcome

_TOLERANCE_S = 1e-6
"""Media times are sums of fractions: a frame this much early is on time."""


@settings
class DetectConfig:
    """`stages: {detect: ...}`."""

    model: Text = "retinaface-mnet025"
    """The shipped one, another model's name on the search path, a path ending in `.onnx`, or `haar`."""
    min_score: Unit = 0.6
    device: Device = "auto"
    every_s: Seconds = 0.1
    """How often each source is detected, in stream time; 0 for every frame."""
    size: Pixels = 640
    """The long side of what the detector sees; smaller pictures are not enlarged."""
    threads: Count | None = None
    """CPU threads within one call; None for one, since the workers already use the cores."""
    workers: Count | Literal["auto"] = "auto"
    """How many threads detect; each has its own sources, all share one detector."""
    max_age_s: Seconds = 2.0
    """A live frame that has waited longer is dropped: its faces have moved on."""


@dataclass(frozen=True, slots=True, eq=False)
class DetectedFrame:
    """A frame and its faces, or None where it was not its turn to be detected."""

    frame: Frame
    faces: tuple[Detection, ...] | None
    faint: tuple[Box, ...] = ()
    """Places below the threshold, to be hidden in pictures in case they are faces."""


@dataclass(slots=True)
class _Schedule:
    """When one source is due next, in its stream time."""

    next_s: float
    last_s: float

    def take(self, time_s: float, every_s: float, cut: bool) -> bool:
        """Whether the frame at `time_s` is due. Keeps its phase unless it is late by a whole interval.

        The first frame of a scene (`cut`) always is.
        """
        if cut or time_s < self.last_s:  # a loop or a new connection: the stream's clock began anew
            self.next_s = time_s
        self.last_s = time_s
        if time_s < self.next_s - _TOLERANCE_S:
            return False
        self.next_s += every_s
        if self.next_s <= time_s:
            self.next_s = time_s + every_s
        return True


class Detect:
    """Frames become `DetectedFrame`s, in order; frames that waited too long vanish, counted.

    All due frames of one call go to the detector as one batch. State per source lives until the
    source's status says `ended` or `offline`.
    """

    def __init__(
        self, detector: Detector, config: DetectConfig, ledger: Ledger, clock: Clock, faint: bool = False
    ) -> None:
        """`faint`: the detector gives places below `min_score`, too, which are no faces to be tracked."""
        self._detector = detector
        self._faint = faint
        self._config = config
        self._ledger = ledger
        self._clock = clock
        self._schedules: dict[str, _Schedule] = {}

    def process(self, items: Sequence[Frame | SourceStatus]) -> Sequence[DetectedFrame | SourceStatus]:
        kept, due = self._sort(items)
        faces = self._detect(due)
        return [self._detected(item, faces.get(id(item))) if isinstance(item, Frame) else item for item in kept]

    def flush(self) -> Sequence[DetectedFrame | SourceStatus]:
        return []

    def close(self) -> None:
        self._schedules.clear()

    def adopt(self, config: DetectConfig) -> None:
        """From the next batch on `every_s` and `max_age_s` are these; any thread."""
        self._config = config

    def _detected(self, frame: Frame, found: tuple[Detection, ...] | None) -> DetectedFrame:
        if found is None or not self._faint:
            return DetectedFrame(frame, found)
        least = self._config.min_score
        clear = tuple(face for face in found if face.score >= least)
        return DetectedFrame(frame, clear, tuple(face.box for face in found if face.score < least))

    def _sort(self, items: Sequence[Frame | SourceStatus]) -> tuple[list[Frame | SourceStatus], list[Frame]]:
        """What goes on, and the frames among it that are due."""
        kept: list[Frame | SourceStatus] = []
        due: list[Frame] = []
        for item in items:
            if not isinstance(item, Frame):
                self._forget(item)
            elif self._is_stale(item):
                self._ledger.settle(item.source_id, Outcome.DROPPED_STALE)
                continue
            elif self._is_due(item):
                due.append(item)
            else:
                self._ledger.settle(item.source_id, Outcome.SKIPPED_INTERVAL)
            kept.append(item)
        return kept, due

    def _detect(self, due: Sequence[Frame]) -> dict[int, tuple[Detection, ...]]:
        """Faces by the frame's `id`; frames are settled once the detector is through with them."""
        if not due:
            return {}
        found = self._detector.detect([frame.image for frame in due])
        for frame in due:
            self._ledger.settle(frame.source_id, Outcome.INFERRED)
        return {id(frame): faces for frame, faces in zip(due, found, strict=True)}

    def _is_stale(self, frame: Frame) -> bool:
        age_s = self._clock.monotonic() - frame.received_s - frame.lag_s
        return not frame.lossless and age_s > self._config.max_age_s

    def _is_due(self, frame: Frame) -> bool:
        schedule = self._schedules.setdefault(frame.source_id, _Schedule(frame.time_s, frame.time_s))
        return schedule.take(frame.time_s, self._config.every_s, frame.cut)

    def _forget(self, item: SourceStatus) -> None:
        if isinstance(item, SourceStatus) and item.state in ("ended", "offline"):
            self._schedules.pop(item.source_id, None)
