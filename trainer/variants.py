"""Measuring the files of one export against each other: accuracy, agreement, size, speed."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine import pixels
from engine.errors import ConfigError
from engine.items import Floats
from engine.modelcard import Model
from engine.pixels import InputSpec
from engine.sessions import open_session
from trainer import metrics
from trainer.faceset import SPLITS, FaceSet
from trainer.labels import Answers, Ints

Predict = Callable[[Floats], Floats]
"""A float32 batch `(N, C, H, W)` to logits `(N, classes)`: a network, an ONNX session, anything."""
VIEWS = ("aligned", "whole")
_BATCH = 32


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """The faces of one split that have a truth, as rows of `faces`, and what they are called.

    `truths` holds labels int64 `(len(rows),)` by kind: `label` for plain labels, `majority` and `plurality`
    for votes, with -1 where a face has none of that kind. The last kind covers the most faces.
    """

    faces: FaceSet
    split: str
    rows: Ints
    truths: Mapping[str, Ints]

    @property
    def truth(self) -> str:
        """The kind that accuracy is named by: `label`, or `majority`."""
        return next(iter(self.truths))


def sample(faces: FaceSet, answers: Answers, split: str) -> Sample:
    """The faces of `split` with a truth in `answers`, blank pictures left out.

    Raises:
        ConfigError: there are none.
    """
    plurality = answers.plurality()
    kinds = {"label": plurality} if answers.single else {"majority": answers.majority(), "plurality": plurality}
    rows = np.flatnonzero((np.asarray(faces.split) == SPLITS.index(split)) & (plurality >= 0) & ~faces.blank())
    if not len(rows):
        raise ConfigError(f"data {faces.origin.name!r}: split {split!r} holds no labelled faces")
    return Sample(faces, split, rows, {kind: truth[rows] for kind, truth in kinds.items()})


def predictor(model: Model, threads: int = 1) -> Predict:
    """The model's logits by ONNX Runtime on the CPU, which is where metrics are reproducible."""
    session = open_session(model, "cpu", threads)
    return lambda batch: session.run(batch)[0]


def score(predict: Predict, over: Sample, spec: InputSpec) -> dict[str, Floats]:
    """Logits float32 `(len(rows), classes)` by view."""
    return {view: _logits(predict, over.faces.view(view), over.rows, spec) for view in VIEWS}


def _logits(predict: Predict, images: Any, rows: Ints, spec: InputSpec) -> Floats:
    batches = (rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH))
    return np.concatenate([predict(pixels.to_tensor([images[row] for row in batch], spec)) for batch in batches])


def temperature_of(logits: Mapping[str, Floats], over: Sample) -> float:
    """The temperature that suits the logits of all views together."""
    truth = list(over.truths.values())[-1]
    return metrics.fit_temperature(np.concatenate(list(logits.values())), np.tile(truth, len(logits)))


def accuracies(logits: Mapping[str, Floats], over: Sample) -> dict[str, float]:
    """The share that is named rightly, by view, by the first kind of truth; 0..1."""
    truth = over.truths[over.truth]
    keep = truth >= 0
    return {view: float((each[keep].argmax(1) == truth[keep]).mean()) for view, each in logits.items()}


def accuracy(logits: Mapping[str, Floats], over: Sample) -> float:
    """Mean of the views' `accuracies`."""
    return float(np.mean(list(accuracies(logits, over).values())))


def summary(logits: Mapping[str, Floats], over: Sample, temperature: float) -> dict[str, Any]:
    """Metrics by view and kind of truth, short enough for a model card."""
    return {
        "split": over.split,
        "views": {
            view: {kind: _summary(each, truth, temperature) for kind, truth in over.truths.items()}
            for view, each in logits.items()
        },
    }


def _summary(logits: Floats, truth: Ints, temperature: float) -> dict[str, Any]:
    keep = truth >= 0
    logits, truth = logits[keep], truth[keep]
    if not len(truth):
        return {"images": 0}
    tempered, plain = metrics.softmax(logits, temperature), metrics.softmax(logits)
    counts = metrics.confusion(truth, logits.argmax(1), logits.shape[1])
    right = int(np.trace(counts))
    return {
        "images": len(truth),
        "accuracy": metrics.rounded(right / len(truth)),
        "accuracy_interval": metrics.wilson(right, len(truth)),
        "macro_f1": metrics.rounded(metrics.macro_f1(counts)),
        "negative_log_likelihood": metrics.rounded(metrics.negative_log_likelihood(tempered, truth)),
        "calibration_error": metrics.rounded(metrics.calibration_error(tempered, truth)),
        "calibration_error_untempered": metrics.rounded(metrics.calibration_error(plain, truth)),
    }


def against(logits: Mapping[str, Floats], reference: Mapping[str, Floats], over: Sample) -> dict[str, Any]:
    """What a variant loses: points of accuracy in the view where it loses most and in each (positive is
    worse), the share of faces whose first label is the same, and the largest difference of a logit."""
    before, after = accuracies(reference, over), accuracies(logits, over)
    loss = {view: round(100 * (before[view] - after[view]), 2) for view in before}
    pairs = [(logits[view], reference[view]) for view in logits]
    return {
        "accuracy_loss_points": max(loss.values()),
        "accuracy_loss_points_by_view": loss,
        "agreement": metrics.rounded(np.mean([(one.argmax(1) == other.argmax(1)).mean() for one, other in pairs])),
        "worst_logit_difference": float(f"{max(float(np.abs(one - other).max()) for one, other in pairs):.2g}"),
    }


def latencies(files: Sequence[Model], rounds: int = 60) -> list[float]:
    """Milliseconds for one face on one thread: the fastest of `rounds`, which other work on the machine
    disturbs least. The files take turns; compare them with each other, not with other machines."""
    predicts = [predictor(model) for model in files]
    spec = files[0].card.input
    face = pixels.to_tensor([np.zeros((spec.height or 48, spec.width or 48), np.uint8)], spec)
    fastest = [float("inf")] * len(files)
    for _ in range(rounds):
        for place, predict in enumerate(predicts):
            started = time.perf_counter()
            predict(face)
            fastest[place] = min(fastest[place], time.perf_counter() - started)
    return [round(1000 * seconds, 3) for seconds in fastest]
