"""Faces as a camera would have delivered them: light, motion, distance, compression, noise."""

import math
from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from engine.items import Image

_RESOLUTIONS = (0.3, 0.42, 0.58, 0.75)
"""A distant face, as shares of the side that the network sees: 48 pixels come from 14 to 36."""
_QUALITY = (15, 80)
_DETAIL = 0.05
"""Share of the side; of 112 pixels 7, of 48 pixels 3."""


def as_filmed(
    batch: Tensor,
    limits: tuple[float, float],
    generator: torch.Generator,
    *,
    contrast: float,
    brightness: float,
    gamma: float,
    side_light: float,
    smear_share: float,
    low_resolution_share: float,
    noise_share: float,
    noise: float,
) -> Tensor:
    """`batch` float32 `(N, C, H, W)` under other light, moving, farther away, with noise; within `limits`."""
    batch = _gamma(batch, limits, gamma, generator)
    batch = _light(batch, contrast, brightness, generator)
    batch = _side_light(batch, side_light, generator)
    batch = _smear(batch, smear_share, generator)
    batch = _low_resolution(batch, low_resolution_share, generator)
    level = share_of(len(batch), noise_share, generator) * torch.rand(len(batch), generator=generator).view(-1, 1, 1, 1)
    batch = batch + level * noise * torch.randn(batch.shape, generator=generator)
    return batch.clamp(*limits)


def sharpened(batch: Tensor, share: float, extent: float, generator: torch.Generator) -> Tensor:
    """About `share` of `batch` float32 `(N, C, H, W)` with up to `extent` times its own detail added.

    Blurred training faces come nearer to the sharp ones of a good camera. The detail is what a mean over
    `_DETAIL` of the side takes away (unsharp masking).
    """
    if not share or not extent:
        return batch
    half = max(1, round(_DETAIL * batch.shape[-1] / 2))
    padded = functional.pad(batch, (half,) * 4, mode="replicate")
    blurred = functional.avg_pool2d(padded, 2 * half + 1, stride=1)
    strength = torch.rand(len(batch), generator=generator).view(-1, 1, 1, 1) * extent
    return batch + share_of(len(batch), share, generator) * strength * (batch - blurred)


def compressed(images: Sequence[Image], share: float, generator: torch.Generator) -> list[Image]:
    """About `share` of the gray uint8 `images` after a round through JPEG of quality 15 to 80."""
    if not share:
        return list(images)
    chosen = torch.rand(len(images), generator=generator) < share
    quality = torch.randint(*_QUALITY, (len(images),), generator=generator)
    return [
        _jpeg(image, int(level)) if pick else image for image, pick, level in zip(images, chosen, quality, strict=True)
    ]


def _jpeg(image: Image, quality: int) -> Image:
    _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE), np.uint8)


def uniform(count: int, extent: float, generator: torch.Generator) -> Tensor:
    """`count` numbers from -`extent` to `extent`."""
    return (torch.rand(count, generator=generator) * 2 - 1) * extent


def share_of(count: int, share: float, generator: torch.Generator) -> Tensor:
    """1.0 for about `share` of the faces, 0.0 for the others; `(N, 1, 1, 1)`."""
    return (torch.rand(count, generator=generator) < share).float().view(-1, 1, 1, 1)


def _gamma(batch: Tensor, limits: tuple[float, float], extent: float, generator: torch.Generator) -> Tensor:
    if not extent:
        return batch
    low, high = limits
    power = torch.exp(uniform(len(batch), extent, generator)).view(-1, 1, 1, 1)
    return ((batch - low) / (high - low)).clamp(1e-4, 1).pow(power) * (high - low) + low


def _light(batch: Tensor, contrast: float, brightness: float, generator: torch.Generator) -> Tensor:
    factor = (1 + uniform(len(batch), contrast, generator)).view(-1, 1, 1, 1)
    shift = uniform(len(batch), brightness, generator).view(-1, 1, 1, 1)
    mean = batch.mean((1, 2, 3), keepdim=True)
    return (batch - mean) * factor + mean + shift


def _side_light(batch: Tensor, extent: float, generator: torch.Generator) -> Tensor:
    """A ramp of light across the face from any direction."""
    count, _, height, width = batch.shape
    angle = torch.rand(count, generator=generator) * 2 * math.pi
    strength = uniform(count, extent, generator)
    down = torch.linspace(-1, 1, height).view(1, 1, height, 1)
    right = torch.linspace(-1, 1, width).view(1, 1, 1, width)
    across, along = (strength * torch.cos(angle)).view(-1, 1, 1, 1), (strength * torch.sin(angle)).view(-1, 1, 1, 1)
    return batch + across * right + along * down


def _smear(batch: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Some faces blurred along rows or columns over three pixels, as by motion."""
    axis = 2 + int(torch.randint(0, 2, (1,), generator=generator))
    soft = (batch + batch.roll(1, axis) + batch.roll(-1, axis)) / 3
    return torch.lerp(batch, soft, share_of(len(batch), share, generator))


def _low_resolution(batch: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Some faces shrunk and enlarged again, as if they had been small in their frame."""
    height, width = batch.shape[-2:]
    level = torch.randint(0, len(_RESOLUTIONS), (len(batch),), generator=generator)
    chosen = torch.rand(len(batch), generator=generator) < share
    result = batch.clone()
    for number, factor in enumerate(_RESOLUTIONS):
        rows = chosen & (level == number)
        if rows.any():
            side = (max(1, int(height * factor)), max(1, int(width * factor)))
            small = functional.interpolate(batch[rows], side, mode="area")
            result[rows] = functional.interpolate(small, (height, width), mode="bilinear", align_corners=False)
    return result
