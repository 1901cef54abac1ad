"""Fitting pictures of any size into a network's input without distorting faces."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.items import Floats, Image
from engine.pixels import InputSpec, fit

STRIDE = 8
"""Sides are padded to multiples of the finest stride: 640x360 stays as it is, 633x361 joins 640x368."""


@dataclass(frozen=True, slots=True, eq=False)
class Letterboxed:
    """A picture in the upper left corner of a canvas `(H, W, 3)` that fits the network."""

    image: Image
    scale: Floats
    """float32 `(2,)`: source pixels per canvas pixel in x and in y."""
    size: tuple[int, int]
    """`(width, height)` of the source."""

    def to_source(self, points: Floats) -> Floats:
        """Canvas pixels `(..., 2)` as source pixels."""
        mapped: Floats = points * self.scale
        return mapped


def letterbox(
    image: Image,
    size: int,
    fill: tuple[int, int, int],
    shape: tuple[int, int] | None = None,
) -> Letterboxed:
    """Shrink `image` so that its long side is at most `size`, then pad it at the bottom and on the right.

    A smaller picture keeps its size: enlarging it costs time and shows no more than it held.
    `shape` is the `(height, width)` of a network that takes no other; without one, padding goes to the
    next multiple of `STRIDE` only. `fill` is the padding's BGR colour.
    """
    height, width = image.shape[:2]
    limit = min(size / max(width, height), 1.0)
    if shape is not None:
        limit = min(limit, shape[0] / height, shape[1] / width)
    new_width, new_height = max(round(width * limit), 1), max(round(height * limit), 1)
    small = fit(image, new_width, new_height)
    canvas = _pad(small, shape or (_ceil(new_height), _ceil(new_width)), fill)
    scale = np.array([width / new_width, height / new_height], np.float32)
    return Letterboxed(canvas, scale, (width, height))


def _ceil(side: int) -> int:
    return -(-side // STRIDE) * STRIDE


def _pad(image: Image, shape: tuple[int, int], fill: tuple[int, int, int]) -> Image:
    height, width = image.shape[:2]
    if (height, width) == shape:
        return image
    canvas = np.empty((*shape, 3), np.uint8)
    canvas[:height, :width] = image
    canvas[height:] = fill
    canvas[:height, width:] = fill
    return canvas


def neutral(spec: InputSpec) -> tuple[int, int, int]:
    """The BGR colour that `to_tensor` turns into (nearly) zero, which is how convolutions pad too.

    >>> neutral(InputSpec(None, None, "RGB", 1.0, (123.0, 117.0, 104.0), (1.0, 1.0, 1.0)))
    (104, 117, 123)
    """
    values = [min(max(round(mean / spec.scale), 0), 255) for mean in spec.mean]
    blue, green, red = values if spec.colour == "BGR" else (values * 3)[2::-1]
    return blue, green, red


def by_shape(boxes: Sequence[Letterboxed]) -> dict[tuple[int, ...], list[int]]:
    """The positions of the pictures that can share a batch."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for position, boxed in enumerate(boxes):
        groups.setdefault(boxed.image.shape, []).append(position)
    return groups
