"""What a model is worth on one split: both views of each face, every truth, calibration, slices, speed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.items import Floats
from trainer import metrics as measure
from trainer.faceset import SPLITS, FaceSet
from trainer.labels import Bools, Ints
from trainer.latency import latency, machine
from trainer.leaks import leaked_rows
from trainer.metrics import fit_temperature, rounded, softmax
from trainer.scoring import VIEWS, Shared, rows_of, score, shared_labels, tempered
from trainer.slices import properties, slices
from trainer.subjects import Subject

__all__ = ["VIEWS", "Evaluation", "evaluate", "fit_temperature", "softmax", "summary", "write"]


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """`metrics` as written to `metrics-<split>.json`, and the arrays of `scores-<split>.npz`."""

    metrics: dict[str, Any]
    scores: Mapping[str, NDArray[Any]]


def evaluate(
    subject: Subject,
    faces: FaceSet,
    split: str,
    label_set: str | None = None,
    *,
    data_sha256: str | None = None,
    command: str = "",
    timed: bool = True,
) -> Evaluation:
    """Measure `subject` on `split` of `faces`.

    A temperature that `subject` does not bring is fitted on the validation images of both views whose
    first label is clear. `timed` False leaves the latency out (empty).

    Raises:
        ConfigError: the split is empty, or model and data share fewer than two labels.
        ModelError: a score is not a number.
    """
    shared = shared_labels(subject, faces, label_set)
    rows, blank = rows_of(faces, split)
    logits = {view: score(subject, faces, rows, view) for view in VIEWS}
    subject = tempered(subject, faces, shared, (rows, logits) if split == "validation" else None)
    leaks = leaked_rows(faces, SPLITS.index(split))[rows]
    truths = {name: shared.translated(truth)[rows] for name, truth in shared.truths().items()}
    absent = {name: _absent(shared, truth[rows]) for name, truth in shared.truths().items()}
    temperature = subject.temperature or 1.0
    views = {
        view: {
            name: {**_measured(values[:, shared.columns], truth, leaks, temperature, shared.labels), **absent[name]}
            for name, truth in truths.items()
        }
        for view, values in logits.items()
    }
    first = next(iter(truths.values()))
    facts: dict[str, Any] = {
        "model": _model(subject, shared),
        "data": {"sha256": data_sha256, "name": faces.origin.name, "label_set": shared.label_set},
        "labels": list(shared.labels),
        "split": split,
        "command": command,
        "images": len(rows),
        "blank": blank,
        "views": views,
        "latency": latency(subject.score, np.asarray(faces.aligned[rows[:32]])) if timed else [],
        "machine": machine(subject.threads),
        "slices": _sliced(faces, rows, logits["aligned"][:, shared.columns], first),
    }
    # What the model gave, not what was made of it.
    arrays: dict[str, NDArray[Any]] = {"rows": rows}
    for view, values in logits.items():
        arrays[f"{subject.kind}_{view}"] = values if subject.kind == "logits" else softmax(values)
    return Evaluation(facts, arrays)


def write(evaluation: Evaluation, folder: Path) -> Path:
    """Write `metrics-<split>.json` and `scores-<split>.npz` into `folder`; the path of the first."""
    split = evaluation.metrics["split"]
    folder.mkdir(parents=True, exist_ok=True)
    beside = folder / f"scores-{split}.part.npz"
    np.savez(beside, allow_pickle=False, **dict(evaluation.scores))
    beside.replace(folder / f"scores-{split}.npz")
    path = folder / f"metrics-{split}.json"
    draft = path.with_suffix(".part")
    draft.write_text(json.dumps(evaluation.metrics, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    draft.replace(path)
    return path


def summary(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """The part of `Evaluation.metrics` for a model card: no curves and no matrices; per class for aligned
    faces and the first truth only."""
    plain = (int, float, str, type(None))
    views = {
        view: {
            name: {
                key: value
                for key, value in values.items()
                if isinstance(value, plain) or key in ("accuracy_interval", "without_leaked")
            }
            for name, values in truths.items()
        }
        for view, truths in metrics["views"].items()
    }
    first = next(iter(metrics["views"]["aligned"].values()))
    return {"split": metrics["split"], "views": views, "per_class": first["per_class"]}


def _measured(logits: Floats, truth: Ints, leaks: Bools, temperature: float, labels: tuple[str, ...]) -> dict[str, Any]:
    """All numbers of one view and one truth `(n,)`, -1 where there is none."""
    known = truth >= 0
    truth, logits, leaks = truth[known], logits[known], leaks[known]
    probabilities = softmax(logits, temperature)
    guesses = probabilities.argmax(1)
    right = guesses == truth
    counts = measure.confusion(truth, guesses, len(labels))
    scores = measure.class_scores(counts)
    curves = {label: _curves(probabilities[:, index], truth == index) for index, label in enumerate(labels)}

    return {
        **_share(right),
        "accuracy_interval": measure.wilson(int(right.sum()), len(right)),
        "balanced_accuracy": measure.macro(scores, "recall"),
        "macro_precision": measure.macro(scores, "precision"),
        "macro_recall": measure.macro(scores, "recall"),
        "macro_f1": measure.macro(scores, "f1"),
        "macro_f1_interval": measure.macro_f1_interval(counts),
        "negative_log_likelihood": _optional(measure.negative_log_likelihood(probabilities, truth)),
        "negative_log_likelihood_untempered": _optional(measure.negative_log_likelihood(softmax(logits), truth)),
        "calibration_error": _optional(measure.calibration_error(probabilities, truth)),
        "calibration_error_untempered": _optional(measure.calibration_error(softmax(logits), truth)),
        "without_leaked": _share(right[~leaks]),
        "per_class": {
            label: {
                "images": int(counts[index].sum()),
                **scores[index],
                "roc_auc": curves[label]["roc_auc"],
                "average_precision": curves[label]["average_precision"],
            }
            for index, label in enumerate(labels)
        },
        "confusion": counts.tolist(),
        "reliability": measure.reliability(probabilities, truth),
        "coverage": measure.coverage(probabilities, truth),
        "roc": {label: curve["roc"] for label, curve in curves.items() if curve["roc"]},
        "pr": {label: curve["pr"] for label, curve in curves.items() if curve["pr"]},
    }


def _curves(scores: Floats, positive: Bools) -> dict[str, Any]:
    area, curve = measure.roc(scores, positive) or (None, None)
    precision, trade = measure.precision_recall(scores, positive) or (None, None)
    return {"roc_auc": area, "roc": curve, "average_precision": precision, "pr": trade}


def _share(right: Bools) -> dict[str, Any]:
    return {"images": len(right), "accuracy": rounded(right.mean()) if len(right) else None}


def _optional(value: float | None) -> float | None:
    return None if value is None else rounded(value)


def _absent(shared: Shared, truth: Ints) -> dict[str, int]:
    """Images without this truth, and images whose label the model does not know."""
    strange = (truth >= 0) & (shared.translated(truth) < 0)
    return {"without_truth": int((truth < 0).sum()), "left_out": int(strange.sum())}


def _model(subject: Subject, shared: Shared) -> dict[str, Any]:
    return {
        "name": subject.name,
        "sha256": subject.sha256,
        "parameters": subject.parameters,
        "labels": list(subject.labels),
        "ignored_labels": [label for index, label in enumerate(subject.labels) if index not in shared.columns],
        "temperature": subject.temperature,
        "temperature_from": subject.temperature_from,
        "label_set": shared.label_set,
    }


def _sliced(faces: FaceSet, rows: Ints, logits: Floats, truth: Ints) -> dict[str, Any]:
    known = truth >= 0
    rows = rows[known]
    seen = properties(np.asarray(faces.aligned[rows]), np.asarray(faces.landmarks[rows]), np.asarray(faces.found[rows]))
    return slices(seen, logits[known].argmax(1) == truth[known])
