"""The sizes at which detectors look at a picture."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.detectors.base import Detector
from engine.errors import ConfigError
from engine.items import Detection, Image
from engine.pixels import fit

FULL = 8192
"""Larger than any picture: nothing is shrunk."""


@dataclass(frozen=True, slots=True)
class Size:
    """A long side. Pictures beyond it are shrunk; smaller ones are `enlarged` to it, or stay as they are."""

    name: str
    side: int
    enlarged: bool = False

    def scale(self, image: Image) -> float:
        """Pixels the network sees for one pixel of `image`."""
        wanted: float = self.side / max(image.shape[:2])
        return wanted if self.enlarged else min(wanted, 1.0)


def size_of(text: str) -> Size:
    """`640`, `full`, or `=640` to enlarge as well.

    Raises:
        ConfigError: it is none of these.

    >>> size_of("=640")
    Size(name='=640', side=640, enlarged=True)
    """
    name = text.strip()
    if name == "full":
        return Size(name, FULL)
    digits = name.removeprefix("=")
    if not (digits.isascii() and digits.isdecimal() and 16 <= int(digits) <= FULL):
        raise ConfigError(f"--sizes: expected sides of 16 to {FULL} pixels, full, or =640 to enlarge too; got {text!r}")
    return Size(name, int(digits), name.startswith("="))


def scaled(face: Detection, x: float, y: float) -> Detection:
    """`face` in a picture `x` times as wide and `y` times as high."""
    x1, y1, x2, y2 = face.box
    points = None if face.landmarks is None else (face.landmarks * np.array([x, y], np.float32)).astype(np.float32)
    return replace(face, box=(x1 * x, y1 * y, x2 * x, y2 * y), landmarks=points)


class Canvas:
    """Shows `detector`, whose input is fixed at `side`, pictures of at most `size` in the corner of a black square."""

    def __init__(self, detector: Detector, side: int, size: int) -> None:
        self._detector = detector
        self._side, self._size = side, min(side, size)
        self.name = detector.name
        self.has_landmarks = detector.has_landmarks

    def detect(self, images: Sequence[Image]) -> list[tuple[Detection, ...]]:
        return [self._detect(image) for image in images]

    def _detect(self, image: Image) -> tuple[Detection, ...]:
        height, width = image.shape[:2]
        shrink = min(self._size / max(height, width), 1.0)
        small = fit(image, max(round(width * shrink), 1), max(round(height * shrink), 1))
        canvas = np.zeros((self._side, self._side, 3), np.uint8)
        canvas[: small.shape[0], : small.shape[1]] = small
        x, y = width / small.shape[1], height / small.shape[0]
        return tuple(scaled(face, x, y) for face in self._detector.detect([canvas])[0])


def look(detector: Detector, image: Image, size: Size) -> tuple[Detection, ...]:
    """What `detector`, built for `size`, finds in `image`: boxes in its pixels."""
    if not size.enlarged or max(image.shape[:2]) >= size.side:
        return detector.detect([image])[0]
    scale = size.side / max(image.shape[:2])
    height, width = (max(round(side * scale), 1) for side in image.shape[:2])
    faces = detector.detect([fit(image, width, height)])[0]
    return tuple(scaled(face, image.shape[1] / width, image.shape[0] / height) for face in faces)
