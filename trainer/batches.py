"""What is trained on, and one epoch of it as shuffled, augmented batches."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from engine import pixels
from engine.errors import ConfigError
from engine.items import Floats, Image
from trainer.augment import augment, mix_up
from trainer.camera import compressed
from trainer.config import TrainConfig
from trainer.faceset import FaceSet
from trainer.labels import Ints

Batch = tuple[Tensor, Tensor]
"""Images float32 `(N, C, H, W)` and label distributions float32 `(N, sum of all heads' labels)`."""


@dataclass(frozen=True, slots=True)
class Head:
    """One label set that a network learns: its name and labels."""

    name: str
    labels: tuple[str, ...]


def slices_of(heads: Sequence[Head]) -> list[slice]:
    """The columns of each of `heads` that stand side by side."""
    ends = np.cumsum([0, *(len(head.labels) for head in heads)])
    return [slice(int(start), int(end)) for start, end in itertools.pairwise(ends)]


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Faces with targets. `aligned` and `whole` are uint8 `(N, S, S)`; `targets` float32 `(N, L)` holds the
    distributions of all `heads` side by side, zeros where a face has no label of that set; `train` and
    `validation` are row numbers. `weights` float32 `(N,)` says how often each face is drawn; None: all alike."""

    aligned: Image
    whole: Image
    heads: tuple[Head, ...]
    targets: Floats
    train: Ints
    validation: Ints
    weights: Floats | None = None

    @property
    def slices(self) -> list[slice]:
        """Which columns of `targets` and of the network's output belong to each head."""
        return slices_of(self.heads)


def examples(faces: FaceSet, config: TrainConfig) -> Examples:
    """The training and validation rows of `faces` that show something and have a label of any of the
    recipe's sets; without those that a leak scan removed.

    Raises:
        ConfigError: a label set is missing, or nothing is left for training or validation.
    """
    names = config.labels or (next(iter(faces.answers)),)
    heads = tuple(Head(name, faces.label_set(name).labels) for name in names)
    targets = np.concatenate([_targets(faces, name, config.smoothing) for name in names], axis=1)
    targets[_no_face(faces)] = 0
    usable = ~faces.blank() & (targets.sum(1) > 0)
    split = np.asarray(faces.split)
    drawn = np.ones(len(faces), np.bool_) if faces.weights is None else np.asarray(faces.weights) > 0
    train = np.flatnonzero(usable & drawn & (split == 0) & ~np.asarray(faces.removed))
    validation = np.flatnonzero(usable & (split == 1))
    for name, rows in (("training", train), ("validation", validation)):
        if not len(rows):
            raise ConfigError(f"data {faces.origin.name!r}: no image is left for {name}")
    total = float(len(train) if faces.weights is None else np.asarray(faces.weights)[train].sum())
    if faces.weights is not None and total < config.batch_size:
        raise ConfigError(
            f"data {faces.origin.name!r}: the weights of its training faces sum to {total:.4g}, a batch needs "
            f"{config.batch_size}; raise the weights of the mixture"
        )
    weights = None if faces.weights is None else np.asarray(faces.weights)
    return Examples(faces.aligned, faces.whole, heads, targets, train, validation, weights)


def _targets(faces: FaceSet, name: str, smoothing: float) -> Floats:
    answers = faces.label_set(name)
    targets, usable = answers.distributions()
    if answers.single:
        targets = np.where(usable[:, None], targets * (1 - smoothing) + smoothing / len(answers.labels), 0)
    return np.asarray(targets, np.float32)


def _no_face(faces: FaceSet) -> Ints:
    """Rows that annotators called no face at all: no other label set makes them one."""
    rows = np.zeros(len(faces), np.bool_)
    for answers in faces.answers.values():
        if "NF" in answers.rest:
            counts = answers.counts
            votes = counts[:, len(answers.labels) + answers.rest.index("NF")]
            rows |= (votes > 0) & (votes >= counts[:, : len(answers.labels)].max(1))
    return np.flatnonzero(rows)


def class_factors(targets: Floats, strength: float, weights: Floats | None = None) -> Floats:
    """For each row of distributions `(N, C)` how much more it should count, from how rare its classes are.

    At strength 1 every class gets the same total, at 0 every row the same. The mean is 1. `weights` `(N,)` say
    how often each row is there to begin with.
    """
    mass = targets.sum(0) if weights is None else weights @ targets
    per_class = (mass.max() / np.maximum(mass, 1e-9)) ** strength
    factors = np.where(targets.sum(1) > 0, targets @ np.where(mass > 0, per_class, 0), 1.0)
    return np.asarray(factors / factors.mean(), np.float32)


def training_epoch(data: Examples, config: TrainConfig, epoch: int) -> Iterator[Batch]:
    """Shuffled batches of `epoch` (0, 1, ...), each face aligned or whole by chance, then augmented.

    Depends on the recipe's seed and `epoch` alone. Only full batches are given, `batches_per_epoch` of them.
    """
    generator = torch.Generator().manual_seed(config.seed * 100_003 + epoch)
    drawn = None if data.weights is None else data.weights[data.train]
    factors = class_factors(data.targets[data.train][:, data.slices[0]], config.strength, drawn)
    rows, weights = _rows(data, "none" if _is_last(config, epoch) else config.imbalance, factors, generator)
    order = torch.randperm(len(rows), generator=generator).numpy()
    rows, weights = rows[order], weights[order]
    aligned = (torch.rand(len(rows), generator=generator) < config.aligned_share).numpy()
    small = config.first_size if epoch < config.first_epochs else None
    changes = config.augment.times(config.last_augment) if _is_last(config, epoch) else config.augment
    low, high = ((value - config.mean) / config.std for value in (0, 1))
    for number in range(batches_per_epoch(data, config)):
        part = np.arange(number * config.batch_size, (number + 1) * config.batch_size) % len(rows)
        chosen = rows[part]
        images = [(data.aligned if use else data.whole)[row] for row, use in zip(chosen, aligned[part], strict=True)]
        images = compressed(images, changes.jpeg_share, generator)
        batch = torch.from_numpy(pixels.to_tensor(images, config.input))
        batch = augment(batch, low, high, changes, generator)
        if small:
            batch = functional.interpolate(batch, (small, small), mode="area")
        targets = torch.from_numpy(data.targets[chosen] * weights[part, None])
        yield mix_up(batch, targets, config.mixup, generator)


def _is_last(config: TrainConfig, epoch: int) -> bool:
    return epoch >= config.epochs - config.last_epochs


def _rows(data: Examples, imbalance: str, factors: Floats, generator: torch.Generator) -> tuple[Ints, Floats]:
    """The rows of one epoch, and the weight of each in the loss.

    Rows come several times or not at all where the faces have weights, or classes are balanced by drawing.
    """
    ones = np.ones(len(factors), np.float32)
    times = ones if data.weights is None else data.weights[data.train]
    if imbalance == "oversample":
        times = times * factors
    elif imbalance == "undersample":
        times = times * (factors / factors.max())
    if data.weights is not None and imbalance != "undersample":
        times = times * (batches_weight(data) / times.sum())
    rows, losses = data.train, factors if imbalance == "weights" else ones
    if times is ones:
        return rows, losses
    luck = torch.rand(len(factors), generator=generator).numpy()
    repeats = np.floor(times).astype(np.int64) + (luck < times % 1)
    return np.repeat(rows, repeats), np.repeat(losses, repeats)


def batches_weight(data: Examples) -> float:
    """How many faces an epoch draws: all training faces, or the sum of their weights."""
    return float(len(data.train) if data.weights is None else data.weights[data.train].sum())


def batches_per_epoch(data: Examples, config: TrainConfig) -> int:
    """How many batches an epoch has; all balancing keeps this number, so that schedules stay comparable."""
    return max(1, int(batches_weight(data)) // config.batch_size)


def validation_epoch(data: Examples, config: TrainConfig, view: Image, epoch: int) -> Iterator[Batch]:
    """Every validation image of one view, unchanged and in order, at the size `epoch` is trained at."""
    small = config.first_size if epoch < config.first_epochs else None
    for start in range(0, len(data.validation), config.batch_size):
        rows = data.validation[start : start + config.batch_size]
        batch = torch.from_numpy(pixels.to_tensor([view[row] for row in rows], config.input))
        if small:
            batch = functional.interpolate(batch, (small, small), mode="area")
        yield batch, torch.from_numpy(data.targets[rows])
