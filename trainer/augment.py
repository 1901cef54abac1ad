"""Random changes to a batch of faces that keep their expression, as tensor arithmetic on the whole batch."""

import math
from dataclasses import fields, replace

import torch
from torch import Tensor
from torch.nn import functional

from engine.fields import NonNegative, Positive, Unit, settings
from trainer.camera import as_filmed, share_of, sharpened, uniform


@settings
class AugmentConfig:
    """How far a face may be changed. Turns are in degrees, shifts and patches in shares of the side; light
    and noise in standard deviations of the input tensor, `gamma` in powers of e, `sharpen` in multiples of
    the detail that is added. The `_share` fields say how many faces of a batch."""

    turn: float = 12.0
    zoom: Unit = 0.12
    shift: Unit = 0.06
    contrast: Unit = 0.3
    brightness: NonNegative = 0.3
    gamma: NonNegative = 0.3
    side_light: NonNegative = 0.5
    low_resolution_share: Unit = 0.2
    smear_share: Unit = 0.1
    sharpen_share: Unit = 0.0
    sharpen: NonNegative = 2.0
    jpeg_share: Unit = 0.15
    noise_share: Unit = 0.25
    noise: Positive = 0.2
    cutout_share: Unit = 0.4
    cutout: Unit = 0.4

    def times(self, factor: float) -> "AugmentConfig":
        """The same with every extent and share multiplied by `factor`; the strength of noise and the size of
        patches, which their shares ration already, stay."""
        names = [item.name for item in fields(self) if item.name not in ("noise", "cutout", "sharpen")]
        return replace(self, **{name: getattr(self, name) * factor for name in names})


def augment(batch: Tensor, low: float, high: float, config: AugmentConfig, generator: torch.Generator) -> Tensor:
    """`batch` float32 `(N, C, H, W)`, changed differently for each face; same shape, and no value outside
    `low..high`, the range of the pixels. All randomness comes from `generator`."""
    batch = _move(batch, config, generator)
    batch = sharpened(batch, config.sharpen_share, config.sharpen, generator)
    batch = as_filmed(
        batch,
        (low, high),
        generator,
        contrast=config.contrast,
        brightness=config.brightness,
        gamma=config.gamma,
        side_light=config.side_light,
        smear_share=config.smear_share,
        low_resolution_share=config.low_resolution_share,
        noise_share=config.noise_share,
        noise=config.noise,
    )
    return _cut_out(batch, config, generator)


def mix_up(batch: Tensor, targets: Tensor, share: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """About `share` of the faces blended with another face of the batch, and their targets in the same
    proportion, at least half the first (mixup, Zhang et al. 2018, arXiv 1710.09412)."""
    if not share:
        return batch, targets
    chosen = (torch.rand(len(batch), generator=generator) < share).float()
    first = 1 - chosen * 0.5 * torch.rand(len(batch), generator=generator)
    other = torch.randperm(len(batch), generator=generator)
    wide, narrow = first.view(-1, 1, 1, 1), first.view(-1, 1)
    return batch * wide + batch[other] * (1 - wide), targets * narrow + targets[other] * (1 - narrow)


def _move(batch: Tensor, config: AugmentConfig, generator: torch.Generator) -> Tensor:
    """Mirror, turn, zoom, stretch and shift in one resampling."""
    count = len(batch)
    angle = uniform(count, math.radians(config.turn), generator)
    mirror = torch.where(torch.rand(count, generator=generator) < 0.5, -1.0, 1.0)
    zoom = 1 + uniform(count, config.zoom, generator)
    stretch = 1 + uniform(count, config.zoom / 2, generator)
    cosine, sine = torch.cos(angle), torch.sin(angle)
    right, down = (uniform(count, 2 * config.shift, generator) for _ in range(2))
    rows = [
        torch.stack([mirror * cosine * zoom, -sine * zoom, right]),
        torch.stack([mirror * sine * zoom * stretch, cosine * zoom * stretch, down]),
    ]
    matrix = torch.stack(rows).permute(2, 0, 1)
    grid = functional.affine_grid(matrix, list(batch.shape), align_corners=False)
    return functional.grid_sample(batch, grid, padding_mode="border", align_corners=False)


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
    keep = torch.maximum(keep, 1 - share_of(count, config.cutout_share, generator))
    return batch * keep
