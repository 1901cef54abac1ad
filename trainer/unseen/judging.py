"""Accuracy of a model on labelled faces it was never trained on: each set, and the mean over the sets.

Every label of the model stays in the softmax, unlike in `trainer.evaluate`: a camera does not know which emotions a
data set lacks, so an answer outside the set's labels is a wrong answer. Pictures whose label the model does not know
cannot be answered rightly; they are left out and counted.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from engine.errors import ConfigError, ModelError
from engine.items import Floats, Image
from trainer import metrics
from trainer.labels import Ints, canonical
from trainer.metrics import rounded
from trainer.subjects import Subject
from trainer.unseen import abstaining
from trainer.unseen.sets import UnseenSet

FILE = "metrics-also.json"
MEANS = ("accuracy", "balanced_accuracy", "calibration_error", "negative_log_likelihood")
_CHUNK = 64


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """A model's answers about one set: `logits` float32 `(n, C)` and `truth` `(n,)` into its labels, of the pictures
    whose label it knows; `left_out` counts the others by label."""

    faces: UnseenSet
    logits: Floats
    truth: Ints
    left_out: Mapping[str, int]


def judge(subject: Subject, sets: Sequence[UnseenSet]) -> tuple[Judged, ...]:
    """The answers of `subject` about every set.

    Raises:
        ConfigError: model and set share fewer than two labels.
        ModelError: a score is not a number.
    """
    return tuple(_judge(subject, faces) for faces in sets)


def _judge(subject: Subject, faces: UnseenSet) -> Judged:
    known = [canonical(label) for label in subject.labels]
    places = np.array([known.index(label) if label in known else -1 for label in faces.labels], np.int64)
    truth = places[faces.truth]
    if len(set(truth[truth >= 0].tolist())) < 2:
        raise ConfigError(
            f"--also {faces.name!r} has labels {', '.join(faces.labels)}; model {subject.name!r} has "
            f"{', '.join(subject.labels)}: pictures of fewer than two shared labels"
        )
    rows = np.flatnonzero(truth >= 0)
    strange = faces.truth[truth < 0]
    left_out = {label: int((strange == place).sum()) for place, label in enumerate(faces.labels)}
    return Judged(
        faces, _score(subject, faces, rows), truth[rows], {label: count for label, count in left_out.items() if count}
    )


def _score(subject: Subject, faces: UnseenSet, rows: Ints) -> Floats:
    parts = []
    for start in tqdm(range(0, len(rows), _CHUNK), desc=f"{subject.name} {faces.name}", leave=False, disable=None):
        part = rows[start : start + _CHUNK]
        logits = logits_of(subject, faces.chips[part])
        bad = np.flatnonzero(~np.isfinite(logits).all(1))
        if len(bad):
            raise ModelError(
                f"model {subject.name!r} gives a score that is not a number for {faces.names[part[bad[0]]]} of "
                f"{faces.name}; train it again with a lower learning rate or restore its file"
            )
        parts.append(logits)
    return np.concatenate(parts)


def logits_of(subject: Subject, chips: Image) -> Floats:
    """Logits float32 `(n, C)` of faces uint8 BGR `(n, S, S, 3)`, which a model of gray faces gets in gray."""
    if subject.colour:
        return subject.logits(chips)
    return subject.logits(np.stack([cv2.cvtColor(chip, cv2.COLOR_BGR2GRAY) for chip in chips]))


def summary(subject: Subject, judged: Sequence[Judged]) -> dict[str, Any]:
    """All numbers, ready for JSON: `sets`, a row each, and their `mean`, every set weighing the same."""
    rows = [_row(subject, each) for each in judged]
    given = abstaining.answers([(_probabilities(subject, each), each.truth) for each in judged])
    worst = min(rows, key=lambda row: row["accuracy"])
    return {
        "labels": list(subject.labels),
        "temperature": subject.temperature or 1.0,
        "temperature_from": subject.temperature_from,
        "sets": rows,
        "mean": {
            "sets": len(rows),
            "images": sum(row["images"] for row in rows),
            **{key: rounded(np.mean([row[key] for row in rows])) for key in MEANS},
            "worst": {"name": worst["name"], "accuracy": worst["accuracy"]},
            "risk_coverage": abstaining.risk_over_coverage(given),
        },
        "thresholds": abstaining.thresholds(given),
    }


def _probabilities(subject: Subject, each: Judged) -> Floats:
    return metrics.softmax(each.logits, subject.temperature or 1.0)


def _row(subject: Subject, each: Judged) -> dict[str, Any]:
    probabilities = _probabilities(subject, each)
    guesses = probabilities.argmax(1)
    counts = metrics.confusion(each.truth, guesses, len(subject.labels))
    scores = metrics.class_scores(counts)
    right = int(np.trace(counts))
    nll = metrics.negative_log_likelihood(probabilities, each.truth)
    error = metrics.calibration_error(probabilities, each.truth)
    return {
        "name": each.faces.name,
        "layout": each.faces.layout,
        "sha256": each.faces.sha256,
        "images": len(each.truth),
        "faces": dict(each.faces.ways),
        "blank": each.faces.blank,
        "without_label": each.faces.without_label,
        "left_out": dict(each.left_out),
        "accuracy": rounded(right / len(each.truth)),
        "accuracy_interval": metrics.wilson(right, len(each.truth)),
        "balanced_accuracy": metrics.macro(scores, "recall"),
        "calibration_error": rounded(error),
        "negative_log_likelihood": rounded(nll),
        "per_class": {
            label: {"images": int(counts[place].sum()), "recall": scores[place]["recall"]}
            for place, label in enumerate(subject.labels)
            if counts[place].any()
        },
        "guesses": {label: int(counts[:, place].sum()) for place, label in enumerate(subject.labels)},
        "confusion": counts.tolist(),
        "risk_coverage": abstaining.risk_over_coverage(abstaining.answers([(probabilities, each.truth)])),
    }


def fit_temperature(judged: Sequence[Judged]) -> float:
    """The temperature of the least negative log likelihood, its mean over the sets: every set weighs the same."""
    weights = np.concatenate([np.full(len(each.truth), 1 / len(each.truth)) for each in judged])
    logits, truth = (np.concatenate([getattr(each, name) for each in judged]) for name in ("logits", "truth"))
    return metrics.fit_temperature(logits, truth, weights)


def write_unseen(facts: Mapping[str, Any], folder: Path) -> Path:
    """Write `facts`, with a `summary` under `also`, to `metrics-also.json` in `folder`; its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE
    draft = path.with_suffix(".part")
    draft.write_text(json.dumps(facts, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    draft.replace(path)
    return path


def for_card(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The part of `summary` for a model card: no matrices, no counts of guesses."""
    kept = ("name", "sha256", "images", "left_out", "accuracy", "accuracy_interval", *MEANS[1:])
    rows = [{key: row[key] for key in kept} for row in facts["sets"]]
    return {"sets": rows, "mean": {key: facts["mean"][key] for key in ("sets", "images", *MEANS)}}
