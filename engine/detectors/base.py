"""What every face detector offers."""

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np

from engine.items import Detection, Floats, Image


class Detector(Protocol):
    """Finds faces. Several workers may share one detector: any thread may call `detect` at any time."""

    @property
    def name(self) -> str:
        """What it is called in the configuration, the status and the log."""

    @property
    def has_landmarks(self) -> bool:
        """Whether its detections carry five landmarks."""

    def detect(self, images: Sequence[Image]) -> list[tuple[Detection, ...]]:
        """The faces of each image (uint8 BGR, sizes may differ), best score first.

        Boxes and landmarks are in pixels of the image they were found in; boxes lie within it,
        landmarks need not. An image too thin to hold a face has none: no image is an error.
        """


class TunableDetector(Detector, Protocol):
    """One whose threshold can be changed while it works."""

    min_score: float
    """Faces below are not given; any thread may set it, for the pictures that follow."""
    faint_score: float | None
    """Where it is set, what is below `min_score` and not below this is given too, after the faces and without
    landmarks: places that are to be hidden in case they are faces."""


def warm_up(detector: Detector, sizes: Iterable[tuple[int, int]]) -> None:
    """Show `detector` one gray picture of each `(width, height)`, so that no camera pays for first times.

    Raises:
        ModelError: when the network refuses that size.
    """
    for width, height in sizes:
        detector.detect([np.full((height, width, 3), 127, np.uint8)])


def sound_detections(
    boxes: Floats, scores: Floats, landmarks: Floats | None, size: tuple[int, int]
) -> tuple[Detection, ...]:
    """What of `boxes` `(N, 4)` and `landmarks` `(N, 5, 2)`, in source pixels, is a face in the picture.

    Boxes are clipped to `size` (width, height), landmarks are not. Dropped is what is not finite and
    what is not wider and higher than one pixel after clipping. Order is kept.
    """
    points = landmarks if landmarks is not None else np.zeros((len(boxes), 5, 2), np.float32)
    clipped = np.clip(boxes, 0, np.array([*size, *size], boxes.dtype))
    sound = (clipped[:, 2:] > clipped[:, :2] + 1).all(axis=1) & np.isfinite(boxes).all(axis=1)
    sound &= np.isfinite(scores) & np.isfinite(points).all(axis=(1, 2))
    return tuple(
        Detection((x1, y1, x2, y2), float(score), None if landmarks is None else np.array(five, np.float32))
        for (x1, y1, x2, y2), score, five in zip(clipped[sound].tolist(), scores[sound], points[sound], strict=True)
    )
