"""Answers to classes of very different size: weights, over- and undersampling, invented neighbours.

For training faces only; validation and test keep the sizes they have.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.under_sampling import RandomUnderSampler

from engine.errors import ConfigError
from engine.items import Floats
from trainer.labels import Ints

Imbalance = Literal["none", "weights", "sqrt-weights", "effective-weights", "oversample", "undersample", "smote"]
"""none: leave it. weights: each class counts the same in total; sqrt-weights: half way there on a logarithmic
scale; effective-weights: by effective number (Cui et al. 2019, arXiv 1901.05555). oversample: repeat faces of
small classes; undersample: drop faces of large ones; smote: invent features between neighbours of a small
class (Chawla et al. 2002)."""

_BETA = 0.999
_NEIGHBOURS = 5


@dataclass(frozen=True, slots=True, eq=False)
class Balanced:
    """What to train on: features `(M, D)`, labels `(M,)`, a weight each `(M,)` with mean 1, and the counts."""

    features: Floats
    labels: Ints
    weights: Floats
    facts: Mapping[str, Any]


def class_weights(labels: Ints, classes: int, how: Imbalance) -> Floats:
    """A weight for each class float32 `(classes,)`, scaled so that the weights of all faces have mean 1; 0 for
    a class without a face, and all 1 where `how` gives no weights."""
    counts = np.bincount(labels, minlength=classes).astype(np.float64)
    raw = np.zeros(classes)
    seen = counts > 0
    if how == "weights":
        raw[seen] = 1 / counts[seen]
    elif how == "sqrt-weights":
        raw[seen] = 1 / np.sqrt(counts[seen])
    elif how == "effective-weights":
        raw[seen] = (1 - _BETA) / (1 - _BETA ** counts[seen])
    else:
        raw[seen] = 1
    return np.asarray(raw * len(labels) / (raw * counts).sum(), np.float32)


def resample(labels: Ints, how: Imbalance, seed: int) -> Ints:
    """Rows to train on, of `labels` `(N,)`: some repeated (`oversample`) or left out (`undersample`).

    All rows in their order for every other way.
    """
    rows = np.arange(len(labels), dtype=np.int64)
    if how not in ("oversample", "undersample") or len(np.unique(labels)) < 2:
        return rows
    sampler = (RandomOverSampler if how == "oversample" else RandomUnderSampler)(random_state=seed)
    sampler.fit_resample(rows[:, None], labels)
    chosen: Ints = np.sort(np.asarray(sampler.sample_indices_, np.int64))
    return chosen


def balance(features: Floats, labels: Ints, names: tuple[str, ...], how: Imbalance, seed: int) -> Balanced:
    """The training examples `how` makes of `features` `(N, D)` and `labels` `(N,)`, with counts by class name.

    Raises:
        ConfigError: `smote` with a class too small to have neighbours.
    """
    before = np.bincount(labels, minlength=len(names))
    if how == "smote":
        features, labels = _invent(features, labels, names, seed)
    elif how in ("oversample", "undersample"):
        rows = resample(labels, how, seed)
        features, labels = features[rows], labels[rows]
    weights = class_weights(labels, len(names), how)
    after = np.bincount(labels, minlength=len(names))
    facts = {
        "how": how,
        "before": dict(zip(names, before.tolist(), strict=True)),
        "after": dict(zip(names, after.tolist(), strict=True)),
        "weights": dict(zip(names, np.round(weights.astype(np.float64), 4).tolist(), strict=True)),
    }
    return Balanced(features, labels, weights[labels], facts)


def _invent(features: Floats, labels: Ints, names: tuple[str, ...], seed: int) -> tuple[Floats, Ints]:
    counts = np.bincount(labels, minlength=len(names))
    small = [f"{names[index]} ({counts[index]})" for index in np.unique(labels) if counts[index] < 2]
    if small:
        raise ConfigError(
            f"imbalance: smote needs two faces of a class, and there is one of {', '.join(small)}; use oversample"
        )
    if len(np.unique(labels)) < 2:
        return features, labels
    neighbours = min(_NEIGHBOURS, int(counts[counts > 0].min()) - 1)
    sampler = SMOTE(k_neighbors=neighbours, random_state=seed)
    more, their_labels = sampler.fit_resample(np.asarray(features), labels)
    return np.asarray(more, np.float32), np.asarray(their_labels, np.int64)
