"""What travels through the engine: frozen items whose arrays are read-only.

All boxes are `(x1, y1, x2, y2)` in pixels of the source frame; all images uint8 `(H, W, 3)` BGR.
`time_s` is the stream's own clock and drives all logic; `captured_at` is for people reading a record.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.errors import Cause

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]
Box = tuple[float, float, float, float]


class TrackKey(NamedTuple):
    """Names one track within one run."""

    source_id: str
    track_id: int


def frozen_image(image: Image) -> Image:
    """`image` itself, checked to be uint8 `(H, W, 3)` and marked read-only.

    Raises:
        ValueError: for any other dtype or shape, or an empty image.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ValueError(f"expected a uint8 image (H, W, 3), got {image.dtype} {image.shape}")
    image.flags.writeable = False
    return image


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of one source."""

    source_id: str
    index: int
    time_s: float
    captured_at: datetime
    image: Image
    received_s: float = 0.0
    """Monotonic arrival time less `lag_s`, for latency and staleness; 0.0 where neither has a meaning (files)."""
    lossless: bool = False
    """From a file: wait for room instead of dropping."""
    cut: bool = False
    """Another scene begins: no face of the frames before is in it."""
    lag_s: float = 0.0
    """How late it arrived: `received_s` is when it would have arrived without delay."""

    def __post_init__(self) -> None:
        frozen_image(self.image)

    @property
    def size(self) -> tuple[int, int]:
        """`(width, height)` in pixels."""
        return self.image.shape[1], self.image.shape[0]


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """A face in one frame. `landmarks` is float32 `(5, 2)`: right eye, left eye, nose, right and left
    mouth corner as the camera sees them (image left first), or None where the detector gives none."""

    box: Box
    score: float
    landmarks: Floats | None = None

    def __post_init__(self) -> None:
        x1, y1, x2, y2 = self.box
        if not (np.isfinite(self.box).all() and x2 > x1 and y2 > y1):
            raise ValueError(f"expected a finite box with x2 > x1 and y2 > y1, got {self.box}")
        if self.landmarks is not None:
            if self.landmarks.shape != (5, 2):
                raise ValueError(f"expected landmarks (5, 2), got {self.landmarks.shape}")
            self.landmarks.flags.writeable = False


@dataclass(frozen=True, slots=True, eq=False)
class TrackedFace:
    """A detection, or between detections a prediction, that belongs to a track."""

    key: TrackKey
    track_uid: str
    detection: Detection
    age_s: float
    confirmed: bool
    predicted: bool = False
    seen_box: Box | None = None
    """Of a predicted face: where it was seen last."""
    unseen_s: float = 0.0
    """Of a predicted face: for how long it has not been seen."""


@dataclass(frozen=True, slots=True)
class TrackEnded:
    """A confirmed track, last seen at `last_seen_s`, was given up at `time_s`."""

    key: TrackKey
    track_uid: str
    frame_index: int
    time_s: float
    last_seen_s: float
    captured_at: datetime
    box: Box
    frame_size: tuple[int, int]
    age_s: float
    received_s: float = 0.0
    lossless: bool = False


@dataclass(frozen=True, slots=True)
class Unseen:
    """A confirmed track's face that has not been seen for a while: where it is, is a prediction.

    `looked` says whether the detector looked at this frame and missed it. On other frames nobody knows.
    """

    key: TrackKey
    track_uid: str
    frame_index: int
    time_s: float
    captured_at: datetime
    box: Box
    frame_size: tuple[int, int]
    age_s: float
    looked: bool
    received_s: float = 0.0
    lossless: bool = False


@dataclass(frozen=True, slots=True)
class Quality:
    """How fit a chip is for classification, 0..1, and why it is not classified (empty: it is).

    `aligned` is False for a plain box crop, where the detector gave no landmarks.
    """

    score: float
    gated: tuple[str, ...] = ()
    aligned: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class FaceChip:
    """An aligned face, cut out of a frame and small enough to wait in a channel.

    `image` is uint8 `(size, size, 3)` BGR and read-only. The chip keeps no reference
    to its frame, so the frame's memory is free once its chips are cut.
    """

    key: TrackKey
    track_uid: str
    frame_index: int
    time_s: float
    captured_at: datetime
    box: Box
    frame_size: tuple[int, int]
    score: float
    age_s: float
    quality: Quality
    image: Image
    received_s: float = 0.0
    lossless: bool = False
    landmarks: Floats | None = None
    """Of the detection, in pixels of the source frame."""

    def __post_init__(self) -> None:
        frozen_image(self.image)


@dataclass(frozen=True, slots=True, eq=False)
class EmotionScores:
    """What the classifier says: `values` float32 `(C,)` summing to 1, in the order of `labels`."""

    labels: tuple[str, ...]
    values: Floats

    def __post_init__(self) -> None:
        if self.values.shape != (len(self.labels),):
            raise ValueError(f"expected {len(self.labels)} scores, got shape {self.values.shape}")
        if not abs(float(self.values.sum()) - 1.0) < 1e-3:
            raise ValueError(f"expected scores that sum to 1, got {float(self.values.sum()):.4f}")
        self.values.flags.writeable = False


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """A chip and its scores; `scores` is None when the chip was gated by quality."""

    chip: FaceChip
    scores: EmotionScores | None


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """A source changed its state (`connecting`, `online`, `degraded`, `frozen`, `stalled`, `offline`, `ended`)."""

    source_id: str
    state: str
    cause: Cause | None
    detail: str
    time_s: float
    captured_at: datetime
    lossless: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class EmotionEvent:
    """One line of the event contract. `document` is the JSON object that is stored and broadcast."""

    event_id: str
    run_id: str
    seq: int
    type: str
    source_id: str
    track_uid: str | None
    document: dict[str, Any]
