"""Cutting face chips and judging whether they are fit for classification."""

from collections.abc import Sequence
from math import atan, degrees, prod
from typing import Annotated

import cv2
import numpy as np

from engine.align import TEMPLATE, TEMPLATE_SIZE, align, shown_share, square_crop
from engine.fields import Field, Luma, Pixels, Unit, settings
from engine.items import (
    Box,
    Detection,
    FaceChip,
    Floats,
    Frame,
    Image,
    Quality,
    SourceStatus,
    TrackedFace,
    TrackEnded,
    Unseen,
)
from engine.stages.track import TrackedFrame

_LOOK = 48
"""Sharpness and light are judged at the size a classifier works with, so enlarging does not count as blur."""
_CENTRE = slice(_LOOK // 8, -(_LOOK // 8))
_UNKNOWN_POSE = 0.7
_CROP_SCALE, _CROP_RISE = 1.31, 0.076
_UNSEEN_S = 0.25
"""Between two looks of the detector a face is not missed."""
_GOOD_SIDE, _GOOD_SHARPNESS, _GOOD_LUMA = 96.0, 0.3, 80.0


@settings
class ChipConfig:
    """What rules a chip out; 0 switches a lower limit off, 90 the one for the pose.

    The defaults were set by looking at 1,400 faces of photos and clips from 30 to 320 pixels.
    """

    size: Pixels = TEMPLATE_SIZE
    """Side of the chip."""
    min_size: Annotated[int, Field(ge=0, le=8192)] = 32
    """`small`: the face's side (root of its box's area) in source pixels."""
    min_sharpness: Unit = 0.05
    """`blurred`: see `sharpness`. Portraits had 0.19 to 1.3 (middle 96 %), the same faces enlarged from
    32 pixels 0.09 to 0.65, and under a Gaussian blur of 4 of 112 pixels 0.015 to 0.15, half below 0.05."""
    max_yaw_deg: Annotated[float, Field(ge=0, le=90)] = 50.0
    """`profile`: see `yaw_deg`. Beyond it the far eye is at the edge of the face."""
    min_brightness: Luma = 25.0
    """`dark`: mean luma 0..255 of the middle of the chip. Dark skin in ordinary light had 50 and more;
    below 25 nobody could read the face."""
    min_shown: Unit = 0.8
    """`cut`: the share of the face within the frame, from brows to chin. What the border cuts off is made up of
    repeated pixels, in which a classifier sees a calm face."""
    min_score: Unit = 0.6
    """`low_score`: the detector's; for when `detect.min_score` is lower to keep tracks together."""


def look(chip: Image) -> Floats:
    """The middle of `chip` as float32 luma `(36, 36)`: not rounded, since rounding would pass for detail."""
    gray = cv2.cvtColor(chip, cv2.COLOR_BGR2GRAY).astype(np.float32)
    middle: Floats = cv2.resize(gray, (_LOOK, _LOOK), interpolation=cv2.INTER_AREA)[_CENTRE, _CENTRE]
    return middle


def sharpness(middle: Floats) -> float:
    """Variance of the Laplacian over the variance of the luma, for what `look` gives.

    The first is the focus measure of Pech-Pacheco et al. (2000); the ratio takes out contrast and exposure.
    """
    laplacian = cv2.Laplacian(middle, cv2.CV_32F)
    return float(laplacian.var() / max(float(middle.var()), 1.0))


def yaw_deg(landmarks: Floats) -> float:
    """Roughly how far the head is turned, 0..90 degrees, from landmarks `(5, 2)`.

    The nose tip stands out about half the distance of the eyes, so its shift along the line of the eyes,
    in halves of that distance, is about the tangent of the angle. Rolling and nodding do not change it.
    """
    right, left, nose = landmarks[:3].astype(np.float64)
    axis = left - right
    middle_to_nose = nose - (right + left) / 2
    half_squared = max(float(axis @ axis) / 2, 1e-9)
    return degrees(atan(abs(float(middle_to_nose @ axis)) / half_squared))


def judge(face: Detection, chip: Image, config: ChipConfig, shown: float = 1.0) -> Quality:
    """The quality of `chip`, cut from `face`, of which the share `shown` lies within its frame.

    The score is the geometric mean of five shares, for size, sharpness, pose, light and the detector's
    score, times the share for `shown`: each 0.5 at its limit, 1 where more would not help. Without landmarks
    nobody knows the pose: its share is 0.7, which takes 7 % off, and `profile` is never given.
    """
    middle = look(chip)
    x1, y1, x2, y2 = face.box
    yaw = None if face.landmarks is None else yaw_deg(face.landmarks)
    measured = (
        ("small", ((x2 - x1) * (y2 - y1)) ** 0.5, float(config.min_size), _GOOD_SIDE),
        ("blurred", sharpness(middle), config.min_sharpness, _GOOD_SHARPNESS),
        ("dark", float(middle.mean()), config.min_brightness, _GOOD_LUMA),
        ("low_score", face.score, config.min_score, 1.0),
    )
    gated = [reason for reason, value, limit, _ in measured if value < limit]
    shares = [_share(value, limit, good) for _, value, limit, good in measured]
    if yaw is not None and yaw > config.max_yaw_deg:
        gated.append("profile")
    shares.append(_UNKNOWN_POSE if yaw is None else _share(90 - yaw, 90 - config.max_yaw_deg, 90))
    if shown < config.min_shown:
        gated.append("cut")
    whole = _share(shown, config.min_shown, 1.0)
    return Quality(round(whole * prod(shares) ** (1 / len(shares)), 4), tuple(gated), aligned=yaw is not None)


def _share(value: float, limit: float, good: float) -> float:
    """0 at 0, 0.5 at `limit`, 1 from `good` on, straight in between."""
    if value < limit:
        return 0.5 * value / limit
    if value >= good:
        return 1.0
    return 0.5 + 0.5 * (value - limit) / (good - limit)


def visible_share(image: Image, face: Detection) -> float:
    """The share 0..1 of `face` that lies within `image`."""
    height, width = image.shape[:2]
    if face.landmarks is not None:
        return shown_share(face.landmarks, width, height)
    x1, y1, x2, _ = framed(face.box)
    points: Floats = (TEMPLATE * ((x2 - x1) / TEMPLATE_SIZE) + (x1, y1)).astype(np.float32)
    return shown_share(points, width, height)


def cut(image: Image, face: Detection, size: int) -> Image:
    """The chip of `face`: aligned by its landmarks, or without them a square around its box."""
    if face.landmarks is not None:
        return align(image, face.landmarks, size)
    return square_crop(image, framed(face.box), size)


def framed(box: Box) -> Box:
    """The square that shows as much around a Haar box as an aligned chip would show.

    Medians over 676 portraits found by both detectors: the aligned square was 1.31 times as large as the
    Haar box (standard deviation 0.10) and its centre 0.076 of the box's side higher (0.02).
    """
    x1, y1, x2, y2 = box
    side = max(x2 - x1, y2 - y1)
    x, y, half = (x1 + x2) / 2, (y1 + y2) / 2 - _CROP_RISE * side, _CROP_SCALE * side / 2
    return x - half, y - half, x + half, y + half


class Chip:
    """Frames become the chips of their confirmed faces that were seen, not predicted; the rest passes on.

    A face that has only been predicted for a while becomes an `Unseen`, so that time passes for its track, too.

    Keeps no state and no frame. Any number of workers may share one.
    """

    def __init__(self, config: ChipConfig) -> None:
        self._config = config

    def process(
        self, items: Sequence[TrackedFrame | TrackEnded | SourceStatus]
    ) -> Sequence[FaceChip | Unseen | TrackEnded | SourceStatus]:
        chips: list[FaceChip | Unseen | TrackEnded | SourceStatus] = []
        for item in items:
            if isinstance(item, TrackedFrame):
                known = [face for face in item.faces if face.confirmed]
                chips += [self._chip(item.frame, face) for face in known if not face.predicted]
                chips += [_unseen(item, face) for face in known if face.predicted and face.unseen_s >= _UNSEEN_S]
            else:
                chips.append(item)
        return chips

    def flush(self) -> Sequence[FaceChip | Unseen | TrackEnded | SourceStatus]:
        return []

    def close(self) -> None:
        """Nothing to free."""

    def adopt(self, config: ChipConfig) -> None:
        """From the next batch on chips are cut and judged like this; any thread."""
        self._config = config

    def _chip(self, frame: Frame, face: TrackedFace) -> FaceChip:
        detection = face.detection
        image = cut(frame.image, detection, self._config.size)
        return FaceChip(
            key=face.key,
            track_uid=face.track_uid,
            frame_index=frame.index,
            time_s=frame.time_s,
            captured_at=frame.captured_at,
            box=detection.box,
            frame_size=frame.size,
            score=detection.score,
            age_s=face.age_s,
            quality=judge(detection, image, self._config, visible_share(frame.image, detection)),
            image=image,
            received_s=frame.received_s,
            lossless=frame.lossless,
            landmarks=detection.landmarks,
        )


def _unseen(tracked: TrackedFrame, face: TrackedFace) -> Unseen:
    frame = tracked.frame
    return Unseen(
        key=face.key,
        track_uid=face.track_uid,
        frame_index=frame.index,
        time_s=frame.time_s,
        captured_at=frame.captured_at,
        box=face.detection.box,
        frame_size=frame.size,
        age_s=face.age_s,
        looked=tracked.looked,
        received_s=frame.received_s,
        lossless=frame.lossless,
    )
