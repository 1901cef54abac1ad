"""What every model of the trainer offers, and the few things all of them do alike."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np

from engine.errors import ConfigError
from engine.items import Floats, Image
from trainer.labels import Bools, Ints

Examples: TypeAlias = tuple[Image, Floats]
"""Faces uint8 `(N, S, S)` gray, and their targets float32 `(N, C)`: rows that sum to 1."""


class Classifier(Protocol):
    """A model of single faces. Evaluation, cross-validation and the report know no more than this.

    `fit` takes faces uint8 `(N, S, S)` gray and label distributions float32 `(N, C)` over `labels`, and may
    use `validation` to choose settings and to calibrate; without it, a part of the training faces is held
    out where that is needed. `predict_proba` gives float32 `(N, C)` whose rows sum to 1, for faces of any
    size `S`. A class without a training face gets a probability of (nearly) 0.
    """

    @property
    def labels(self) -> tuple[str, ...]: ...

    def fit(self, images: Image, targets: Floats, validation: Examples | None = None) -> None: ...

    def predict_proba(self, images: Image) -> Floats: ...


class Model(Classifier, Protocol):
    """A classifier that can be kept in a run folder, as every entry of the table of models can.

    `parameters` counts learned numbers; `facts` says what fitting chose and counted, for the manifest.
    """

    @property
    def parameters(self) -> int: ...

    @property
    def facts(self) -> Mapping[str, Any]: ...

    def save(self, folder: Path) -> None: ...


def check_faces(images: Image) -> None:
    """Faces are uint8 `(N, S, S)`.

    Raises:
        ValueError: when they are not; says what came.
    """
    if images.ndim != 3 or images.shape[1] != images.shape[2] or images.dtype != np.uint8:
        raise ValueError(f"faces: expected uint8 (N, S, S) gray, got {images.dtype} {images.shape}")


def check_examples(images: Image, targets: Floats, labels: tuple[str, ...]) -> None:
    """Faces with a label distribution each.

    Raises:
        ValueError: when a shape does not fit.
        ConfigError: when there is nothing to learn from.
    """
    check_faces(images)
    if targets.shape != (len(images), len(labels)):
        raise ValueError(f"targets: expected ({len(images)}, {len(labels)}), got {targets.shape}")
    if not len(images):
        raise ConfigError("training: no faces with a label; look at the counts in the data's manifest.json")
    if not (targets.max(1) > 0).all():
        raise ValueError("targets: each row must name at least one label; leave out faces without one")


def hard_labels(targets: Floats) -> Ints:
    """The likeliest label of each row, the first of equals; `(N,)`. For models that learn one label a face."""
    labels: Ints = targets.argmax(1)
    return labels


def softmax(scores: Floats, seen: Bools, temperature: float = 1.0) -> Floats:
    """Probabilities float32 `(N, C)` of `scores / temperature`; exactly 0 for a class not `seen` `(C,)`."""
    scaled = np.where(seen, scores.astype(np.float64) / temperature, -np.inf)
    powers = np.exp(scaled - scaled.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True), np.float32)


def best_temperature(scores: Floats, labels: Ints, seen: Bools) -> float:
    """The divisor of `scores` `(N, C)` that makes `labels` likeliest (Guo et al. 2017, arXiv 1706.04599).

    Searched on a logarithmic grid, because margins of different models differ by orders of magnitude.
    """
    known = np.flatnonzero(seen[labels])
    if not len(known):
        return 1.0

    def loss(temperature: float) -> float:
        chosen = softmax(scores[known], seen, temperature)[np.arange(len(known)), labels[known]]
        return float(-np.log(np.maximum(chosen, 1e-9)).mean())

    return float(min(np.geomspace(0.02, 20, 121), key=loss))


def hold_out(targets: Floats, share: float, seed: int) -> tuple[Ints, Ints]:
    """Rows to learn from and rows to choose with: about `share` of every class, but never its only face."""
    generator = np.random.default_rng(seed)
    labels = hard_labels(targets)
    held = np.zeros(len(labels), np.bool_)
    for label in np.unique(labels):
        rows = generator.permutation(np.flatnonzero(labels == label))
        held[rows[: min(round(share * len(rows)), len(rows) - 1)]] = True
    return np.flatnonzero(~held), np.flatnonzero(held)
