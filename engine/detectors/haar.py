"""The Haar cascade that ships in the OpenCV wheel: the baseline that needs no download.

Viola and Jones, "Rapid Object Detection using a Boosted Cascade of Simple Features", CVPR 2001.
"""

import threading
from collections.abc import Sequence
from math import exp
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from engine.errors import ModelError
from engine.items import Detection, Image
from engine.pixels import fit
from engine.progress import tick

CASCADE = "haarcascade_frontalface_alt2.xml"
SCALE_STEP = 1.2
MIN_NEIGHBOURS = 2
MIN_SIDE = 28
"""Pixels after shrinking. Chosen with the two above on 172 labelled photos: of the cascades in the wheel
this was the quickest, and 98 % of what it found were faces (it found 77 % of those of CMU+MIT)."""
_HALF, _STEEPNESS = 54.57, 3.36
"""Logistic fit of "is a face" to the last stage's sum on the same photos; the stage passes from 53.76 on."""


def score_of(weight: float) -> float:
    """The cascade's last-stage sum as a score 0..1: the share of such finds that were faces, rising.

    >>> [round(score_of(weight), 2) for weight in (53.76, 54.57, 55.0, 56.0)]
    [0.06, 0.5, 0.81, 0.99]
    """
    return 1.0 / (1.0 + exp(-_STEEPNESS * (weight - _HALF)))


class Haar:
    """Frontal faces without landmarks. Any thread may call `detect`; each has a cascade of its own.

    Boxes are the cascade's squares as they are, brows to chin: as large in area as RetinaFace's boxes,
    but wider and less high.
    """

    name = "haar"
    has_landmarks = False

    def __init__(self, size: int = 640, min_score: float = 0.6) -> None:
        """Raises `ModelError` when this OpenCV has no cascades (5.0 dropped them)."""
        self._size = size
        self.min_score = min_score
        self.faint_score: float | None = None
        self._local = threading.local()
        self._cascade()

    @staticmethod
    def version() -> str:
        """OpenCV's: the cascade comes with it."""
        return str(cv2.__version__)

    def detect(self, images: Sequence[Image]) -> list[tuple[Detection, ...]]:
        found = []
        for image in images:
            found.append(self._detect(image))
            tick()
        return found

    def _detect(self, image: Image) -> tuple[Detection, ...]:
        lowest = min(self.min_score, self.min_score if self.faint_score is None else self.faint_score)
        height, width = image.shape[:2]
        shrink = min(self._size / max(height, width), 1.0)
        small = fit(image, max(round(width * shrink), 1), max(round(height * shrink), 1))
        squares, _, weights = self._cascade().detectMultiScale3(
            cv2.cvtColor(small, cv2.COLOR_BGR2GRAY),
            scaleFactor=SCALE_STEP,
            minNeighbors=MIN_NEIGHBOURS,
            minSize=(MIN_SIDE, MIN_SIDE),
            outputRejectLevels=True,
        )
        corners = np.reshape(squares, (-1, 4)).astype(np.float64)
        corners[:, 2:] += corners[:, :2]
        corners[:, 0::2] *= width / small.shape[1]
        corners[:, 1::2] *= height / small.shape[0]
        faces = [
            Detection((x1, y1, x2, y2), score)
            for (x1, y1, x2, y2), score in zip(corners.tolist(), map(score_of, np.ravel(weights)), strict=True)
            if score >= lowest
        ]
        return tuple(sorted(faces, key=lambda face: -face.score))

    def _cascade(self) -> Any:
        """This thread's cascade: OpenCV's keeps buffers between calls."""
        cascade = getattr(self._local, "cascade", None)
        if cascade is None:
            cascade = self._local.cascade = _load()
        return cascade


def cascade_path() -> Path:
    """The cascade's XML file inside the OpenCV wheel."""
    return Path(cv2.__file__).parent / "data" / CASCADE


def _load() -> Any:
    if not hasattr(cv2, "CascadeClassifier"):
        raise ModelError(
            f"OpenCV {cv2.__version__} has no Haar cascades; install opencv-python-headless<5 "
            "(moodline doctor says which packages have put OpenCV there)"
        )
    path = cascade_path()
    cascade = cv2.CascadeClassifier(str(path))
    if cascade.empty():
        raise ModelError(f"cascade {str(path)!r} cannot be read; reinstall opencv-python-headless")
    return cascade
