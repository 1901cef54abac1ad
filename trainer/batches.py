"""Which images are trained on, and one epoch of them as shuffled, augmented batches."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine import pixels
from engine.errors import ConfigError
from engine.items import Floats
from trainer import data
from trainer.augment import augment
from trainer.config import TrainConfig
from trainer.data import Ints
from trainer.preprocess import Packed

Batch = tuple[Tensor, Tensor]
"""Images float32 `(N, C, H, W)` and label distributions float32 `(N, 8)`."""


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """Row numbers of the training and validation images, and the targets of all rows `(N, 8)`."""

    train: Ints
    validation: Ints
    targets: Floats


def select(packed: Packed) -> Selection:
    """The rows with a usable distribution that are not blank; for training also none that stands
    pixel for pixel in validation or test.

    Raises:
        ConfigError: when nothing is left for training or validation.
    """
    faces = packed.faces
    targets, usable = data.distributions(faces.votes)
    usable &= ~data.blank(faces.images)
    train = usable & (faces.split == 0) & ~data.leaked(faces, into=0, of=(1, 2))
    validation = usable & (faces.split == 1)
    for name, rows in (("training", train), ("validation", validation)):
        if not rows.any():
            raise ConfigError(f"data: no image is left for {name}")
    return Selection(np.flatnonzero(train), np.flatnonzero(validation), targets)


def training_epoch(packed: Packed, selection: Selection, config: TrainConfig, epoch: int) -> Iterator[Batch]:
    """Shuffled batches of `epoch` (0, 1, ...), each face aligned or whole by chance, then augmented.

    Depends on the recipe's seed and `epoch` alone. The last batch is left out when it is not full, unless
    it is the only one.
    """
    generator = torch.Generator().manual_seed(config.seed * 100_003 + epoch)
    order = selection.train[torch.randperm(len(selection.train), generator=generator).numpy()]
    aligned = (torch.rand(len(order), generator=generator) < config.aligned_share).numpy()
    for start in range(batches_per_epoch(selection, config)):
        part = slice(start * config.batch_size, (start + 1) * config.batch_size)
        rows = order[part]
        images = [(packed.aligned if use else packed.whole)[row] for row, use in zip(rows, aligned[part], strict=True)]
        batch = torch.from_numpy(pixels.to_tensor(images, config.input))
        yield augment(batch, config.augment, generator), torch.from_numpy(selection.targets[rows])


def batches_per_epoch(selection: Selection, config: TrainConfig) -> int:
    return max(1, len(selection.train) // config.batch_size)


def validation_epoch(packed: Packed, selection: Selection, config: TrainConfig) -> Iterator[Batch]:
    """Every validation image once aligned and once whole, unchanged and in order."""
    for view in (packed.aligned, packed.whole):
        for start in range(0, len(selection.validation), config.batch_size):
            rows = selection.validation[start : start + config.batch_size]
            batch = pixels.to_tensor([view[row] for row in rows], config.input)
            yield torch.from_numpy(batch), torch.from_numpy(selection.targets[rows])
