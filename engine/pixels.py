"""Pixel arithmetic: the one conversion from images to tensors, for training, evaluation and serving."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Literal, get_args

import cv2
import numpy as np

from engine.items import Floats, Image

ColourOrder = Literal["BGR", "RGB", "GRAY"]


@dataclass(frozen=True, slots=True)
class InputSpec:
    """What a model's input tensor looks like: `(N, channels, height, width)` float32.

    A value becomes `(pixel * scale - mean) / std`, per channel in the model's own colour order.
    `width` and `height` are None for a fully convolutional model that takes any size.
    """

    width: int | None
    height: int | None
    colour: ColourOrder
    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        if self.colour not in get_args(ColourOrder):
            raise ValueError(f"colour must be BGR, RGB or GRAY, got {self.colour!r}")
        channels = 1 if self.colour == "GRAY" else 3
        if len(self.mean) != channels or len(self.std) != channels:
            raise ValueError(f"{self.colour} needs {channels} values of mean and std")
        if not all(isinstance(value, int | float) and isfinite(value) for value in (self.scale, *self.mean, *self.std)):
            raise ValueError(f"scale, mean and std must be finite numbers: {self.scale}, {self.mean}, {self.std}")
        if min(self.scale, *self.std) <= 0:
            raise ValueError(f"scale and std must be positive, got {self.scale} and {self.std}")
        self._check_size()

    def _check_size(self) -> None:
        sides = (self.width, self.height)
        if sides == (None, None):
            return
        if not all(isinstance(side, int) and side > 0 for side in sides):
            raise ValueError(f"width and height must be positive whole numbers, or both null; got {sides}")

    @property
    def channels(self) -> int:
        return len(self.mean)


def fit(image: Image, width: int, height: int) -> Image:
    """`image` at exactly `(height, width)`: area averaging when it shrinks, bilinear when it grows."""
    if image.shape[1] == width and image.shape[0] == height:
        return image
    shrinks = width * height < image.shape[0] * image.shape[1]
    resized: Image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return resized


def to_tensor(images: Sequence[Image], spec: InputSpec) -> Floats:
    """uint8 BGR images `(H, W, 3)`, or gray `(H, W)` for gray models, as one float32 batch `(N, C, H, W)`.

    Each image is resized to the spec's size, where it has one; without one, all must have the same size.

    Raises:
        ValueError: when images of different sizes meet a spec without a size.
    """
    if not images:
        return np.empty((0, spec.channels, spec.height or 0, spec.width or 0), np.float32)
    height = spec.height or images[0].shape[0]
    width = spec.width or images[0].shape[1]
    if spec.width is None and any(image.shape[:2] != (height, width) for image in images):
        raise ValueError("images of one batch must have one size")
    batch = np.empty((len(images), spec.channels, height, width), np.float32)
    for row, image in zip(batch, images, strict=True):
        for plane, channel, mean, std in zip(
            row, _channels(fit(image, width, height), spec.colour), spec.mean, spec.std, strict=True
        ):
            # Straight into its place in the batch, and in one pass where there is nothing to scale.
            factor, shift = np.float32(spec.scale / std), np.float32(mean / std)
            if factor == 1:
                np.subtract(channel, shift, out=plane)
            else:
                np.multiply(channel, factor, out=plane)
                np.subtract(plane, shift, out=plane)
    return batch


def _channels(image: Image, colour: ColourOrder) -> Sequence[Image]:
    if colour == "GRAY":
        return [image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)]
    if image.ndim == 2:
        return [image] * 3
    planes: Sequence[Image] = cv2.split(image)
    return planes if colour == "BGR" else planes[::-1]
