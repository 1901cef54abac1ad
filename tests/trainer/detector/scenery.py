"""A tiny set of labelled pictures for tests: bright discs with dots for eyes stand in for faces."""

from pathlib import Path

import cv2
import numpy as np

from engine.items import Image
from trainer.detector.pictures import Face, PictureSet, PictureWriter, open_pictures


def drawn(width: int, height: int, centre: tuple[float, float], side: float) -> tuple[Image, Face]:
    """A gray picture with one drawn face, and its label."""
    image = np.full((height, width, 3), 90, np.uint8)
    x, y = centre
    cv2.ellipse(image, (round(x), round(y)), (round(side * 0.4), round(side / 2)), 0, 0, 360, (150, 180, 220), -1)
    points = np.array([(-0.16, -0.12), (0.16, -0.12), (0, 0.05), (-0.12, 0.22), (0.12, 0.22)]) * side + centre
    for point in points:
        cv2.circle(image, tuple(int(value) for value in point.round()), max(round(side / 20), 1), (20, 20, 60), -1)
    box = (x - side * 0.4, y - side / 2, x + side * 0.4, y + side / 2)
    return image, Face(box, points.astype(np.float32), 1.0)


def scenery(folder: Path, count: int = 12) -> PictureSet:
    """`count` portraits, half as many empty pictures and three frames of a clip; one picture in four for validation."""
    random = np.random.default_rng(0)
    with PictureWriter(folder) as writer:
        for number in range(count):
            image, face = drawn(120, 150, (60 + random.uniform(-8, 8), 70), 80)
            writer.add(
                f"portrait-{number}", f"portrait-{number}", "validation" if number % 4 == 0 else "train", image, [face]
            )
        for number in range(count // 2):
            empty = random.integers(60, 120, (90, 140, 3)).astype(np.uint8)
            name, split = f"empty-{number}", "validation" if number % 4 == 0 else "train"
            writer.add(name, name, split, empty)
        for number in range(3):
            image, face = drawn(320, 200, (100 + 20 * number, 100), 60)
            writer.add(f"clip-{number}", "clip", "train", image, [face], [(0.0, 0.0, 30.0, 30.0)])
    return open_pictures(folder)
