"""Random changes to a batch of faces that keep their expression, as tensor arithmetic on the whole batch."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from engine.fields import Positive, Unit, settings


@settings
class AugmentConfig:
    """How far a face may be changed. Turns are in degrees, shifts and patches in shares of the side,
    light in standard deviations of the pixels; the `_share` fields say how many faces of a batch."""

    turn: float = 12.0
    zoom: Unit = 0.12
    shift: Unit = 0.07
    contrast: Unit = 0.3
    brightness: Positive = 0.3
    blur_share: Unit = 0.25
    noise_share: Unit = 0.25
    noise: Positive = 0.12
    cutout_share: Unit = 0.5
    cutout: Unit = 0.4


def augment(batch: Tensor, config: AugmentConfig, generator: torch.Generator) -> Tensor:
    """`batch` float32 `(N, C, H, W)`, changed differently for each face; same shape, and no value outside
    the range that came in. All randomness comes from `generator`."""
    low, high = batch.amin(), batch.amax()
    batch = _move(batch, config, generator)
    batch = _light(batch, config, generator)
    batch = _blur(batch, config.blur_share, generator)
    noisy = _chosen(batch, config.noise_share, generator)
    batch = batch + noisy * config.noise * torch.randn(batch.shape, generator=generator)
    batch = batch.clamp(low, high)
    return _cut_out(batch, config, generator)


def _uniform(count: int, extent: float, generator: torch.Generator) -> Tensor:
    return (torch.rand(count, generator=generator) * 2 - 1) * extent


def _chosen(batch: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """1.0 for about `share` of the faces, 0.0 for the others; `(N, 1, 1, 1)`."""
    return (torch.rand(len(batch), generator=generator) < share).float().view(-1, 1, 1, 1)


def _move(batch: Tensor, config: AugmentConfig, generator: torch.Generator) -> Tensor:
    """Mirror, turn, zoom, stretch and shift in one resampling."""
    count = len(batch)
    angle = _uniform(count, math.radians(config.turn), generator)
    mirror = torch.where(torch.rand(count, generator=generator) < 0.5, -1.0, 1.0)
    zoom = 1 + _uniform(count, config.zoom, generator)
    stretch = 1 + _uniform(count, config.zoom / 2, generator)
    cosine, sine = torch.cos(angle), torch.sin(angle)
    matrix = torch.stack(
        [
            torch.stack([mirror * cosine * zoom, -sine * zoom, _uniform(count, 2 * config.shift, generator)]),
            torch.stack(
                [
                    mirror * sine * zoom * stretch,
                    cosine * zoom * stretch,
                    _uniform(count, 2 * config.shift, generator),
                ]
            ),
        ]
    ).permute(2, 0, 1)
    grid = functional.affine_grid(matrix, list(batch.shape), align_corners=False)
    return functional.grid_sample(batch, grid, padding_mode="border", align_corners=False)


def _light(batch: Tensor, config: AugmentConfig, generator: torch.Generator) -> Tensor:
    contrast = (1 + _uniform(len(batch), config.contrast, generator)).view(-1, 1, 1, 1)
    brightness = _uniform(len(batch), config.brightness, generator).view(-1, 1, 1, 1)
    mean = batch.mean((1, 2, 3), keepdim=True)
    return (batch - mean) * contrast + mean + brightness


def _blur(batch: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Some faces as if they had been small in their frame: shrunk and enlarged again."""
    height, width = batch.shape[-2:]
    factor = 0.4 + 0.4 * float(torch.rand(1, generator=generator))
    small = functional.interpolate(batch, (max(1, int(height * factor)), max(1, int(width * factor))), mode="area")
    soft = functional.interpolate(small, (height, width), mode="bilinear", align_corners=False)
    return torch.lerp(batch, soft, _chosen(batch, share, generator))


def _cut_out(batch: Tensor, config: AugmentConfig, generator: torch.Generator) -> Tensor:
    """One rectangle of some faces set to 0, the mean gray (DeVries and Taylor 2017, arXiv 1708.04552)."""
    count, _, height, width = batch.shape
    keep = torch.ones(count, 1, height, width)
    for axis, size in ((2, height), (3, width)):
        centre = torch.rand(count, generator=generator) * size
        half = torch.rand(count, generator=generator) * config.cutout * size / 2
        distance = (torch.arange(size) + 0.5 - centre[:, None]).abs()
        outside = (distance > half[:, None]).float()
        shape = (count, 1, size, 1) if axis == 2 else (count, 1, 1, size)
        keep = outside.view(shape) if axis == 2 else torch.maximum(keep, outside.view(shape))
    keep = torch.maximum(keep, 1 - _chosen(batch, config.cutout_share, generator))
    return batch * keep
