"""Tracking: Norfair associates and filters, the stream's clock decides who lives."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine import ids
from engine.fields import Positive, Seconds, settings
from engine.items import Box, Detection, Frame, SourceStatus, TrackedFace, TrackEnded, TrackKey
from engine.numbering import Numbering
from engine.stages.detect import DetectedFrame
from engine.stages.likeness import Nearest

# Norfair counts lives in frames and starts a track with one `period` of them. With a period no stream
# lasts, it never ends a track, young or old; `SourceTracker` does, in seconds.
_NO_END = 1 << 40
_FINAL_STATES = {"frozen", "stalled", "offline", "ended"}
_EPSILON_S = 1e-6
FAINT_S = 1.0
"""So long a place that may be a face is hidden after it was seen."""
_STEPS = 9
_HOLE_STEPS = 3


@settings
class TrackConfig:
    """Lifetimes are in seconds of the stream's clock."""

    max_missing_s: Seconds = 1.0
    """A track ends this long after its last sight."""
    confirm_s: Seconds = 0.3
    """A face must have been seen over this time before it becomes a track."""
    max_distance: Positive = 1.0
    """How far a face may jump between detections, in face sizes, and still be the same."""


@dataclass(frozen=True, slots=True, eq=False)
class TrackedFrame:
    """A frame and the faces on it, confirmed or not, seen or predicted."""

    frame: Frame
    faces: tuple[TrackedFace, ...]
    looked: bool = False
    """Whether the detector has looked at this very frame."""
    astray: tuple[Box, ...] = ()
    """Where faces were seen last of which nobody can say where they are by now."""
    faint: tuple[Box, ...] = ()
    """Places that may be faces, below the threshold, seen within the last `FAINT_S`."""


def _library() -> Any:
    """Norfair, with SciPy a second of CPU to import: not for those who only want the settings."""
    import norfair

    return norfair


def _new_norfair(config: TrackConfig) -> Any:
    norfair = _library()
    tracker = norfair.Tracker(
        "iou",
        distance_threshold=config.max_distance,
        hit_counter_max=_NO_END,
        initialization_delay=0,
        filter_factory=norfair.OptimizedKalmanFilterFactory(),
        past_detections_length=0,
    )
    # Norfair takes a distance over all pairs at once only after construction.
    tracker.distance_function = Nearest()
    return tracker


@dataclass(slots=True)
class _Life:
    """What seconds say about one Norfair object."""

    first_seen_s: float
    last_seen_s: float
    sights: int
    detection: Detection
    key: TrackKey | None = None
    uid: str = ""
    period: int = 0
    """In which period of rotating ids it got its own."""


class SourceTracker:
    """All tracks of one source. One thread.

    With `rotate_s` no track lasts longer: at each multiple of it in stream time all tracks in view end, and at
    their next sight new ones begin, confirmed at once.
    """

    def __init__(
        self,
        source_id: str,
        run_id: str,
        config: TrackConfig,
        rotate_s: float | None = None,
        numbers: Numbering | None = None,
    ) -> None:
        self._source_id = source_id
        self._run_id = run_id
        self._config = config
        self._rotate_s = rotate_s
        self._norfair = _new_norfair(config)
        self._lives: dict[int, _Life] = {}
        self._numbers = numbers or Numbering(first=1)
        self._last: Frame | None = None
        self._places: list[tuple[float, Box]] = []
        self._steps_s: deque[float] = deque(maxlen=_STEPS)

    def update(
        self, frame: Frame, faces: Sequence[Detection] | None, faint: Sequence[Box] = ()
    ) -> tuple[TrackedFrame, list[TrackEnded]]:
        """Advance by one frame; `faces` None means that nobody looked: the tracker predicts.

        `faint` places are kept for `FAINT_S`, since their scores come and go.
        """
        ended = self._reset_if_discontinuous(frame)
        self._last = frame
        detection = _library().Detection
        points = [detection(np.array(face.box, np.float64).reshape(2, 2), data=face) for face in faces or ()]
        objects = self._norfair.update(points or None, period=_NO_END)
        ended += self._see(frame, objects)
        tracked = [self._face(frame, self._lives[item.initializing_id], item.estimate) for item in objects]
        astray = [face for face in tracked if not isinstance(face, TrackedFace)]
        if faces is not None:
            ended += self._end_missing(frame)
        known = tuple(face for face in tracked if isinstance(face, TrackedFace))
        self._places = [(at_s, box) for at_s, box in self._places if 0 <= frame.time_s - at_s <= FAINT_S]
        self._places += [(frame.time_s, box) for box in faint]
        hidden = tuple(box for _, box in self._places)
        return TrackedFrame(frame, known, faces is not None, tuple(astray), hidden), ended

    def end_all(self, time_s: float | None = None) -> list[TrackEnded]:
        """Give up every track, for instance because the source is lost; ids go on counting."""
        if self._last is None:
            return []
        at_s = self._last.time_s if time_s is None else max(time_s, self._last.time_s)
        ended = [self._ended(life, self._last, at_s) for life in self._lives.values() if life.key]
        self._lives.clear()
        self._norfair = _new_norfair(self._config)
        return ended

    def adopt(self, config: TrackConfig) -> None:
        """Go on with these settings and the same tracks."""
        self._config = config
        self._norfair.distance_threshold = config.max_distance

    @property
    def active(self) -> int:
        """Confirmed tracks alive."""
        return sum(life.key is not None for life in tuple(self._lives.values()))

    def _reset_if_discontinuous(self, frame: Frame) -> list[TrackEnded]:
        """A stream that changes size, jumps back, begins a scene or has a hole in time may show other faces."""
        last = self._last
        if last is None:
            return []
        step_s = frame.time_s - last.time_s
        if frame.cut or last.size != frame.size or step_s < -_EPSILON_S:
            self._steps_s.clear()
            return self.end_all()
        if self._is_hole(step_s):
            return self.end_all(last.time_s + self._config.max_missing_s)
        self._steps_s.append(step_s)
        return []

    def _is_hole(self, step_s: float) -> bool:
        """Whether nobody looked for longer than a track lives, by far more than the usual time between two frames."""
        if step_s <= self._config.max_missing_s or not self._steps_s:
            return False
        return step_s > _HOLE_STEPS * median(self._steps_s)

    def _see(self, frame: Frame, objects: Sequence[Any]) -> list[TrackEnded]:
        """Enter new sights; the tracks that end because their id has had its time."""
        ended = []
        for item in objects:
            life = self._lives.get(item.initializing_id)
            seen: Detection = item.last_detection.data
            if life is None:
                life = _Life(frame.time_s, frame.time_s, 1, seen)
                self._lives[item.initializing_id] = life
            elif seen is not life.detection:
                if life.key and life.period != self._period(frame.time_s):
                    ended.append(self._ended(life, frame, frame.time_s))
                    life.first_seen_s = frame.time_s
                    self._name(life, frame.time_s)
                life.detection, life.last_seen_s = seen, frame.time_s
                life.sights += 1
            self._confirm(life)
        return ended

    def _face(self, frame: Frame, life: _Life, estimate: NDArray[Any]) -> TrackedFace | Box:
        """The face as it is in `frame`, or where it was last when it cannot be said where it is."""
        predicted = life.last_seen_s < frame.time_s
        detection = _predicted(life.detection, estimate) if predicted else life.detection
        if detection is None:
            return life.detection.box
        key = life.key or TrackKey(self._source_id, 0)
        age_s = frame.time_s - life.first_seen_s
        seen_box = life.detection.box if predicted else None
        unseen_s = frame.time_s - life.last_seen_s
        return TrackedFace(key, life.uid, detection, age_s, life.key is not None, predicted, seen_box, unseen_s)

    def _confirm(self, life: _Life) -> None:
        seen_s = life.last_seen_s - life.first_seen_s
        needed = 2 if self._config.confirm_s else 1
        if life.key is None and life.sights >= needed and seen_s >= self._config.confirm_s - _EPSILON_S:
            self._name(life, life.last_seen_s)

    def _name(self, life: _Life, time_s: float) -> None:
        life.key = TrackKey(self._source_id, self._numbers.take(self._source_id))
        life.uid = ids.derive(self._run_id, "track", *life.key)
        life.period = self._period(time_s)

    def _period(self, time_s: float) -> int:
        return int(time_s // self._rotate_s) if self._rotate_s else 0

    def _end_missing(self, frame: Frame) -> list[TrackEnded]:
        """End tracks that a detection has missed and that were last seen too long ago."""
        limit_s = self._config.max_missing_s
        gone = {
            number
            for number, life in self._lives.items()
            if life.last_seen_s < frame.time_s and frame.time_s - life.last_seen_s >= limit_s - _EPSILON_S
        }
        self._norfair.tracked_objects = [
            item for item in self._norfair.tracked_objects if item.initializing_id not in gone
        ]
        lives = [self._lives.pop(number) for number in sorted(gone)]
        return [self._ended(life, frame, frame.time_s) for life in lives if life.key]

    def _ended(self, life: _Life, frame: Frame, at_s: float) -> TrackEnded:
        assert life.key is not None
        return TrackEnded(
            key=life.key,
            track_uid=life.uid,
            frame_index=frame.index,
            time_s=at_s,
            last_seen_s=life.last_seen_s,
            captured_at=frame.captured_at,
            box=life.detection.box,
            frame_size=frame.size,
            age_s=life.last_seen_s - life.first_seen_s,
            received_s=frame.received_s,
            lossless=frame.lossless,
        )


def _predicted(last: Detection, estimate: NDArray[Any]) -> Detection | None:
    x1, y1, x2, y2 = (float(value) for value in estimate.reshape(4))
    if not (np.isfinite(estimate).all() and x2 > x1 and y2 > y1):
        return None
    return Detection((x1, y1, x2, y2), last.score)


class Track:
    """One `SourceTracker` per source; a source's end gives up its tracks.

    Stages that share `numbers` give no track id of a source twice, also when it ends and comes back.
    """

    def __init__(
        self, config: TrackConfig, run_id: str, rotate_s: float | None = None, numbers: Numbering | None = None
    ) -> None:
        _library()  # now, so that no first frame waits for it
        self._config = self._wanted = config
        self._numbers = numbers or Numbering(first=1)
        self._run_id = run_id
        self._rotate_s = rotate_s
        self._trackers: dict[str, SourceTracker] = {}

    def process(
        self, items: Sequence[DetectedFrame | SourceStatus]
    ) -> Sequence[TrackedFrame | TrackEnded | SourceStatus]:
        self._take_over()
        out: list[TrackedFrame | TrackEnded | SourceStatus] = []
        for item in items:
            if isinstance(item, SourceStatus):
                out += self._end_source(item)
                out.append(item)
                continue
            tracked, ended = self._tracker(item.frame.source_id).update(item.frame, item.faces, item.faint)
            out += ended
            out.append(tracked)
        return out

    def flush(self) -> Sequence[TrackedFrame | TrackEnded | SourceStatus]:
        return [ended for tracker in self._trackers.values() for ended in tracker.end_all()]

    def close(self) -> None:
        self._trackers.clear()

    def adopt(self, config: TrackConfig) -> None:
        """From the next batch on these settings hold, also for the tracks that are alive; any thread."""
        self._wanted = config

    def active(self, source_id: str) -> int:
        """Confirmed tracks of one source; any thread."""
        tracker = self._trackers.get(source_id)
        return tracker.active if tracker else 0

    def _tracker(self, source_id: str) -> SourceTracker:
        if source_id not in self._trackers:
            tracker = SourceTracker(source_id, self._run_id, self._config, self._rotate_s, self._numbers)
            self._trackers[source_id] = tracker
        return self._trackers[source_id]

    def _take_over(self) -> None:
        if self._wanted is not self._config:
            self._config = self._wanted
            for tracker in self._trackers.values():
                tracker.adopt(self._config)

    def _end_source(self, status: SourceStatus) -> list[TrackEnded]:
        tracker = self._trackers.get(status.source_id)
        if tracker is None or status.state not in _FINAL_STATES:
            return []
        if status.state == "ended":
            del self._trackers[status.source_id]
        return tracker.end_all(status.time_s)
