"""Cutting faces out: five-point alignment to the standard template, and square crops without landmarks."""

from math import ceil, floor, log2

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.items import Box, Floats, Image
from engine.pixels import fit

TEMPLATE_SIZE = 112
TEMPLATE: Floats = np.array(
    [
        (38.2946, 51.6963),
        (73.5318, 51.5014),
        (56.0252, 71.7366),
        (41.5493, 92.3655),
        (70.7299, 92.2041),
    ],
    np.float32,
)
"""Where eyes, nose and mouth corners go in a 112x112 chip: the template of insightface (ArcFace)."""
TEMPLATE.flags.writeable = False

Matrix = NDArray[np.float64]
# Points of the template between which brows, eyes, nose, mouth and chin lie, 5 pixels apart, as (x, y, 1).
_FEATURES: Matrix = np.array([(x, y, 1) for y in range(27, 113, 5) for x in range(16, 97, 5)], np.float64)


def similarity(landmarks: Floats, size: int = TEMPLATE_SIZE) -> Matrix:
    """The rotation, scale and shift, float64 `(2, 3)`, that brings `landmarks` `(5, 2)` onto the template.

    Least squares in closed form (Umeyama, 1991; in the plane without a decomposition, and never a
    reflection). Five points in one place have no scale: they are centred at scale 1.

    >>> similarity(TEMPLATE).round(4).tolist()
    [[1.0, -0.0, 0.0], [0.0, 1.0, 0.0]]
    """
    source = landmarks.astype(np.float64)
    target = TEMPLATE.astype(np.float64) * (size / TEMPLATE_SIZE)
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    x, y = (source - source_mean).T
    u, v = (target - target_mean).T
    spread = float(x @ x + y @ y)
    cosine = float(x @ u + y @ v) / spread if spread > 1e-9 else 1.0
    sine = float(x @ v - y @ u) / spread if spread > 1e-9 else 0.0
    linear = np.array([[cosine, -sine], [sine, cosine]])
    return np.column_stack([linear, target_mean - linear @ source_mean])


def shown_share(landmarks: Floats, width: int, height: int) -> float:
    """The share 0..1 of a face's features, from brows to chin, that lies within a picture of `width` times `height`.

    The rest of an aligned chip is made up of repeated edge pixels.
    """
    matrix = similarity(landmarks)
    if abs(float(np.linalg.det(matrix[:, :2]))) < 1e-12:
        return 0.0
    seen = _FEATURES @ cv2.invertAffineTransform(matrix).T
    return float(((seen >= -0.5) & (seen <= (width - 0.5, height - 0.5))).all(axis=1).mean())


def align(image: Image, landmarks: Floats, size: int = TEMPLATE_SIZE) -> Image:
    """The face as a new uint8 BGR image `(size, size, 3)`, its landmarks on the template.

    Beyond the picture its edge pixels repeat: no black corner that a classifier could take for a sign.
    Faces more than twice as large as the chip are averaged down first, since sampling one pixel in
    many would flicker.
    """
    matrix = similarity(landmarks, size)
    step = 2 ** floor(log2(max(1 / max(float(np.hypot(*matrix[:, 0])), 1e-6), 1)))
    if step >= 2:
        image, matrix = _shrunk(image, matrix, size, step)
    return warp(image, matrix, size)


def warp(image: Image, matrix: Matrix, size: int) -> Image:
    """`image` through `matrix` `(2, 3)` (source to chip) as `(size, size, 3)`; edge pixels repeat."""
    chip: Image = cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return chip


def _shrunk(image: Image, matrix: Matrix, size: int, step: int) -> tuple[Image, Matrix]:
    """The region the chip will show, averaged down by `step`, a power of two, and the matrix that belongs to it."""
    inverse = cv2.invertAffineTransform(matrix)
    corners = inverse @ np.array([[0, size, size, 0], [0, 0, size, size], [1, 1, 1, 1]], np.float64)
    height, width = image.shape[:2]
    left, right = _span(corners[0], step, width)
    top, bottom = _span(corners[1], step, height)
    if right - left < step or bottom - top < step:
        return image, matrix
    small = image[top:bottom, left:right]
    for _ in range(step.bit_length() - 1):  # halving is OpenCV's fast path, four times as fast as one go
        small = cv2.resize(small, (small.shape[1] // 2, small.shape[0] // 2), interpolation=cv2.INTER_AREA)
    # The centre of pixel 0 of the small picture is at (step - 1) / 2 in the region.
    moved = matrix.copy()
    moved[:, 2] += matrix[:, :2] @ np.array([left + (step - 1) / 2, top + (step - 1) / 2])
    moved[:, :2] *= step
    return small, moved


def _span(values: Matrix, step: int, limit: int) -> tuple[int, int]:
    """Whole steps around `values`, one to spare on each side, within `0..limit`."""
    low = max(floor(float(values.min())) - step, 0)
    high = min(ceil(float(values.max())) + step, limit)
    return low, low + max(high - low, 0) // step * step


def square_crop(image: Image, box: Box, size: int = TEMPLATE_SIZE) -> Image:
    """The square around `box` on its longer side, as a new uint8 BGR image `(size, size, 3)`.

    Beyond the picture its edge pixels repeat.
    """
    x1, y1, x2, y2 = box
    side = max(round(max(x2 - x1, y2 - y1)), 1)
    left, top = round((x1 + x2 - side) / 2), round((y1 + y2 - side) / 2)
    height, width = image.shape[:2]
    if left >= 0 and top >= 0 and left + side <= width and top + side <= height:
        region = image[top : top + side, left : left + side]
    else:
        rows = np.clip(np.arange(top, top + side), 0, height - 1)
        columns = np.clip(np.arange(left, left + side), 0, width - 1)
        region = image[np.ix_(rows, columns)]
    return fit(region, size, size).copy()
