"""Putting pictures into a scene while keeping track of where their faces end up, and how much is seen of them."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.items import Box, Floats, Image
from trainer.detector.pictures import Face, Picture

Matrix = NDArray[np.float64]
Region = tuple[int, int, int, int]
"""x1, y1, x2, y2 in pixels of the scene, x2 and y2 excluded."""
LEAST_SEEN = 0.55
"""A face of which less is seen is neither face nor background."""
_TRACE = 0.08
_SHARP = 0.75
_MIRRORED = [1, 0, 2, 4, 3]
"""In a mirror image the left eye is the right one."""


class Scene:
    """A uint8 BGR picture `(H, W, 3)` in the making, with the faces and the ignored regions on it. `clean` is the
    finished picture before what cameras and light did to it."""

    def __init__(self, image: Image) -> None:
        self.image = self.clean = image
        self.faces: list[Face] = []
        self.ignored: list[Floats] = []

    @property
    def whole(self) -> Region:
        height, width = self.image.shape[:2]
        return 0, 0, width, height

    def put(
        self, image: Image, picture: Picture, matrix: Matrix, region: Region, least: float, covers: bool = True
    ) -> None:
        """Draw `image` through `matrix` `(2, 3)` (picture to scene) within `region`, and take over its faces;
        what lies outside the picture stays as it is. Faces smaller than `least` pixels are ignored regions.
        With `covers`, faces that were there before are taken for hidden by the region."""
        x1, y1, x2, y2 = region
        small, moved = shrunk(image, moved_by(matrix, -x1, -y1))
        target = np.ascontiguousarray(self.image[y1:y2, x1:x2])
        size = (x2 - x1, y2 - y1)
        cv2.warpAffine(small, moved, size, target, cv2.INTER_LINEAR, cv2.BORDER_TRANSPARENT)
        self.image[y1:y2, x1:x2] = target
        if covers:
            self.cover(region)
        self.take(picture.faces, matrix, region, least)
        self.ignored += [
            seen for box in picture.ignored if (seen := clipped(turned_box(box, matrix), region)) is not None
        ]

    def take(self, faces: Sequence[Face], matrix: Matrix, region: Region, least: float) -> None:
        """Add `faces` through `matrix`, cut off at the edges of `region`."""
        for face in faces:
            box = turned_box(face.box, matrix)
            seen = clipped(box, region)
            share = 0.0 if seen is None else area(seen) / max(area(box), 1e-6)
            if seen is None or share < _TRACE:
                continue
            if share < LEAST_SEEN or np.sqrt(area(box)) < least:
                self.ignored.append(seen)
            else:
                self.faces.append(Face(as_box(seen), turned_points(face.landmarks, matrix), face.score))

    def cover(self, box: Box) -> None:
        """Faces behind `box` are hidden, or ignored where something still shows."""
        kept = []
        for face in self.faces:
            seen = 1 - shared(face.box, box) / max(area(face.box), 1e-6)
            if seen >= LEAST_SEEN:
                kept.append(face)
            elif seen > _TRACE:
                self.ignored.append(np.array(face.box, np.float32))
        self.faces = kept


def placing(source: tuple[float, float], target: tuple[float, float], scale: float, turn: float, flip: bool) -> Matrix:
    """The matrix `(2, 3)` that brings point `source` onto `target`, `scale` times as large, turned by `turn`
    radians, mirrored first where `flip` says so."""
    cosine, sine = np.cos(turn) * scale, np.sin(turn) * scale
    linear = np.array([[cosine, -sine], [sine, cosine]])
    if flip:
        linear[:, 0] *= -1
    return np.column_stack([linear, np.array(target) - linear @ np.array(source)])


def moved_by(matrix: Matrix, x: float, y: float) -> Matrix:
    moved = matrix.copy()
    moved[:, 2] += (x, y)
    return moved


def shrunk(image: Image, matrix: Matrix) -> tuple[Image, Matrix]:
    """The picture averaged down to about the size it will have, and the matrix that belongs to it: sampling one
    pixel in many would give grain that no camera gives."""
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if scale > _SHARP:
        return image, matrix
    height, width = image.shape[:2]
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    ratio = np.array([width / size[0], height / size[1]])
    moved = matrix.copy()
    moved[:, :2] *= ratio
    # Pixel j of the small picture has its centre at (j + 0.5) * ratio - 0.5 of the large one.
    moved[:, 2] += matrix[:, :2] @ (ratio / 2 - 0.5)
    return small, moved


def turned_points(points: Floats | None, matrix: Matrix) -> Floats | None:
    """Landmarks `(5, 2)` through `matrix`, in the order of the image they are now in."""
    if points is None:
        return None
    moved = points @ matrix[:, :2].T + matrix[:, 2]
    if np.linalg.det(matrix[:, :2]) < 0:
        moved = moved[_MIRRORED]
    return moved.astype(np.float32)


def turned_box(box: Sequence[float], matrix: Matrix) -> Floats:
    """The upright box `(4,)` around the ellipse that fills `box`, turned by `matrix`. A face fills its box as an
    ellipse does; the box around the turned corners would be too large."""
    x1, y1, x2, y2 = box
    centre = matrix[:, :2] @ ((x1 + x2) / 2, (y1 + y2) / 2) + matrix[:, 2]
    half = np.sqrt((matrix[:, :2] ** 2) @ (((x2 - x1) / 2) ** 2, ((y2 - y1) / 2) ** 2))
    return np.concatenate([centre - half, centre + half]).astype(np.float32)


def clipped(box: Floats, region: Sequence[float]) -> Floats | None:
    """What of `box` lies in `region`, None where nothing does."""
    low, high = np.maximum(box[:2], region[:2]), np.minimum(box[2:], region[2:])
    return None if (high <= low + 1).any() else np.concatenate([low, high]).astype(np.float32)


def area(box: Box | Floats) -> float:
    return float((box[2] - box[0]) * (box[3] - box[1]))


def shared(first: Box, second: Box) -> float:
    """The area two boxes have in common; plain numbers, since arrays of four cost ten times as much."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    return max(width, 0.0) * max(height, 0.0)


def as_box(box: Floats) -> Box:
    x1, y1, x2, y2 = box.tolist()
    return x1, y1, x2, y2
