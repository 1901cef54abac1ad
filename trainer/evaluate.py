"""What a model is worth: accuracy, F1, confusion, calibration, on both kinds of chip."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine import pixels
from engine.errors import ConfigError
from engine.items import Floats
from engine.pixels import InputSpec
from trainer import data
from trainer.data import LABELS, SPLITS, Bools, Ints
from trainer.preprocess import Packed

Predict = Callable[[Floats], Floats]
"""A float32 batch `(N, C, H, W)` to logits `(N, 8)`: a network, an ONNX session, anything."""
VIEWS = ("aligned", "whole")
_BATCH = 32
_BINS = 15


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """The logits `(N, 8)` of one split in one view, and which rows of the data set they belong to."""

    rows: Ints
    logits: Floats


def score(predict: Predict, packed: Packed, split: str, view: str, spec: InputSpec) -> Scored:
    """Run all images of `split` that are not blank.

    Raises:
        ConfigError: when the split is empty.
    """
    faces = packed.faces
    rows = np.flatnonzero((faces.split == SPLITS.index(split)) & ~data.blank(faces.images))
    if not len(rows):
        raise ConfigError(f"data: split {split!r} holds no images")
    images = packed.aligned if view == "aligned" else packed.whole
    parts = [
        predict(pixels.to_tensor([images[row] for row in rows[start : start + _BATCH]], spec))
        for start in range(0, len(rows), _BATCH)
    ]
    return Scored(rows, np.concatenate(parts))


def softmax(logits: Floats, temperature: float = 1.0) -> Floats:
    """Probabilities `(N, C)` of logits divided by `temperature`."""
    scaled = logits / np.float32(temperature)
    powers = np.exp(scaled - scaled.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True), np.float32)


def confusion(labels: Ints, guesses: Ints, classes: int = len(LABELS)) -> Ints:
    """Counts `(classes, classes)`: rows are the truth, columns the guesses."""
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (labels, guesses), 1)
    return counts


def f1_scores(counts: Ints) -> Floats:
    """F1 per class of a confusion matrix; 0 for a class never seen and never guessed."""
    total = counts.sum(0) + counts.sum(1)
    return np.asarray(2 * np.diag(counts) / np.maximum(total, 1), np.float32)


def calibration_error(probabilities: Floats, labels: Ints) -> float:
    """Expected calibration error over 15 equal bins (Guo et al. 2017, arXiv 1706.04599), 0..1."""
    sure = probabilities.max(1)
    right = probabilities.argmax(1) == labels
    bins = np.minimum((sure * _BINS).astype(np.int64), _BINS - 1)
    gaps = [
        abs(float(right[bins == number].mean()) - float(sure[bins == number].mean())) * int((bins == number).sum())
        for number in np.unique(bins)
    ]
    return sum(gaps) / len(labels)


def negative_log_likelihood(logits: Floats, labels: Ints, temperature: float = 1.0) -> float:
    """Mean of -log p(label)."""
    chosen = softmax(logits, temperature)[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(chosen, 1e-12)).mean())


def fit_temperature(logits: Floats, labels: Ints) -> float:
    """The temperature in 0.2..5 of the least negative log likelihood (Guo et al. 2017), by golden section."""
    low, high = np.log(0.2), np.log(5.0)
    ratio = (np.sqrt(5) - 1) / 2
    for _ in range(40):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if negative_log_likelihood(logits, labels, np.exp(left)) < negative_log_likelihood(
            logits, labels, np.exp(right)
        ):
            high = right
        else:
            low = left
    return round(float(np.exp((low + high) / 2)), 4)


def temperature_on_validation(predict: Predict, packed: Packed, spec: InputSpec) -> float:
    """Temperature fitted on the validation images with one top emotion, in both views together."""
    truth = data.plurality(packed.faces.votes)
    logits, labels = [], []
    for view in VIEWS:
        scored = score(predict, packed, "validation", view, spec)
        keep = truth[scored.rows] >= 0
        logits.append(scored.logits[keep])
        labels.append(truth[scored.rows][keep])
    return fit_temperature(np.concatenate(logits), np.concatenate(labels))


def report(predict: Predict, packed: Packed, split: str, spec: InputSpec, temperature: float) -> dict[str, Any]:
    """Metrics of `split` per view and truth.

    `majority`: an emotion has more than half of all votes. `plurality`: it has more votes than any other
    answer. Both after single votes are dropped. `without_leaked` leaves out the images that stand in
    Training too (which training left out as well).
    """
    faces = packed.faces
    truths = {"majority": data.majority(faces.votes), "plurality": data.plurality(faces.votes)}
    copies = data.leaked(faces, into=SPLITS.index(split), of=(0,))
    views: dict[str, Any] = {}
    for view in VIEWS:
        scored = score(predict, packed, split, view, spec)
        views[view] = {
            name: _metrics(scored, truth[scored.rows], copies[scored.rows], temperature)
            for name, truth in truths.items()
        }
    return {"split": split, "labels": list(LABELS), "temperature": temperature, "views": views}


def summary(metrics: dict[str, Any]) -> dict[str, Any]:
    """The part of a `report` for a model card: per class for aligned faces with a majority only, and no
    confusion matrices."""
    views = {
        view: {
            name: {key: value for key, value in values.items() if key not in ("per_class", "confusion")}
            for name, values in truths.items()
        }
        for view, truths in metrics["views"].items()
    }
    return {
        "split": metrics["split"],
        "views": views,
        "per_class": metrics["views"]["aligned"]["majority"]["per_class"],
    }


def _metrics(scored: Scored, truth: Ints, copies: Bools, temperature: float) -> dict[str, Any]:
    keep = truth >= 0
    labels, logits = truth[keep], scored.logits[keep]
    guesses = logits.argmax(1)
    right = guesses == labels
    counts = confusion(labels, guesses)
    seen = np.unique(labels)
    probabilities = softmax(logits, temperature)
    originals = right[~copies[keep]]
    return {
        "images": len(labels),
        "accuracy": _rounded(right.mean()),
        "accuracy_without_leaked": _rounded(originals.mean()) if len(originals) else None,
        "images_without_leaked": len(originals),
        "macro_f1": _rounded(f1_scores(counts)[seen].mean()),
        "negative_log_likelihood": _rounded(negative_log_likelihood(logits, labels, temperature)),
        "calibration_error": _rounded(calibration_error(probabilities, labels)),
        "calibration_error_untempered": _rounded(calibration_error(softmax(logits), labels)),
        "per_class": {
            LABELS[index]: {
                "images": int(counts[index].sum()),
                "recall": _rounded(counts[index, index] / max(counts[index].sum(), 1)),
                "precision": _rounded(counts[index, index] / max(counts[:, index].sum(), 1)),
                "f1": _rounded(f1_scores(counts)[index]),
            }
            for index in seen
        },
        "confusion": counts.tolist(),
    }


def _rounded(value: Any) -> float:
    return round(float(value), 4)
