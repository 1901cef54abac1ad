"""A real photo with a face, and a detector that sees what it is told."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from engine.align import TEMPLATE
from engine.items import Detection, Image
from tests.support.photos import astronaut

__all__ = ["Told", "astronaut", "face_at"]


@dataclass
class Told:
    """A detector that finds `faces` in every picture and keeps the pictures."""

    faces: tuple[Detection, ...]
    name: str = "told"
    has_landmarks: bool = True
    seen: list[Image] = field(default_factory=list)

    def detect(self, images: Sequence[Image]) -> list[tuple[Detection, ...]]:
        self.seen += images
        return [self.faces for _ in images]


def face_at(scale: float = 1.0, shift: tuple[float, float] = (0, 0), score: float = 0.9, size: float = 80) -> Detection:
    """A face whose landmarks are the template's, `scale` times as large and moved by `shift`."""
    points = (TEMPLATE * scale + np.float32(shift)).astype(np.float32)
    x, y = points.mean(0)
    return Detection((x - size / 2, y - size / 2, x + size / 2, y + size / 2), score, points)
