"""Stratified k-fold cross-validation of any model, taken up after the last whole fold."""

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import ConfigError
from trainer import faceset
from trainer.candidates import Candidate
from trainer.evaluate import evaluate
from trainer.faceset import FaceSet
from trainer.labels import Ints
from trainer.leaks import groups_of_copies, merged
from trainer.metrics import rounded
from trainer.splits import assign, folds, groups_of
from trainer.subjects import from_classifier

SCORES = (
    "accuracy",
    "balanced_accuracy",
    "macro_f1",
    "negative_log_likelihood",
    "calibration_error",
    "calibration_error_untempered",
)
_UNBOUNDED = ("negative_log_likelihood",)
"""Of `SCORES` those that are no share and may be above 1."""
INNER = 10
"""Of the training part of a fold one face in so many chooses the epoch, the settings and the temperature."""
_OUT = 3
"""The number of no split: faces that a fold must not see."""
# Student's t at 97.5 % for 1, 2, ... degrees of freedom.
_T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
      2.110, 2.101, 2.093)  # fmt: skip
MOST_FOLDS = len(_T) + 1


@dataclass(frozen=True, slots=True)
class Plan:
    """How the data is divided."""

    folds: int = 5
    seed: int = 0
    label_set: str | None = None


def cross_validate(
    candidate: Candidate, faces: FaceSet, plan: Plan, out: Path, say: Callable[[str], None] = lambda _line: None
) -> dict[str, Any]:
    """Train and score `candidate` `plan.folds` times, on training and validation faces only.

    Each fold is scored on faces that neither trained the model nor chose anything. Fold results are kept in
    `out/<name>/fold-<k>/result.json` and not computed again. `say` gets a line for each fold.

    Returns:
        `folds` (a list of results), and for each of `SCORES` a `mean` and the `interval` of `t_interval`.

    Raises:
        ConfigError: too many folds for the smallest class, or the folder holds folds of another plan,
            recipe or data set.
    """
    folder = out / candidate.name
    parts = divided(faces, plan)
    _claim(folder, candidate, plan, faceset.manifest(faces)["sha256"])
    results: list[dict[str, Any]] = []
    for number, fold in enumerate(parts, 1):
        path = folder / f"fold-{number}" / "result.json"
        if path.is_file():
            results.append(json.loads(path.read_text(encoding="utf-8")))
            say(f"{described(candidate, results[-1])}, done before")
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        results.append(_one_fold(candidate, fold, plan, number, path.parent))
        draft = path.with_suffix(".part")
        draft.write_text(json.dumps(results[-1], indent=1, allow_nan=False) + "\n", encoding="utf-8")
        draft.replace(path)
        say(described(candidate, results[-1]))
    return {
        "recipe": dict(candidate.recipe),
        "folds": results,
        "scores": {name: _mean_of(name, results) for name in SCORES},
    }


def divided(faces: FaceSet, plan: Plan) -> list[FaceSet]:
    """`faces` once for each fold, with another `split`: `train`, `validation` (an inner part of the training
    faces, for choosing) and `test` (the fold). Faces of the real test split are in none.

    Persons, clips and (nearly) equal pictures are each kept on one side; where nothing is known of persons and
    clips, (nearly) equal pictures count as one face.

    Raises:
        ConfigError: no such label set, or the smallest class has fewer faces than folds.
    """
    if not 2 <= plan.folds <= MOST_FOLDS:
        raise ConfigError(f"--folds {plan.folds}: expected 2 to {MOST_FOLDS}")
    answers = faces.label_set(plan.label_set)
    targets, usable = answers.distributions()
    usable = usable & (np.asarray(faces.split) < 2) & ~np.asarray(faces.removed) & ~faces.blank()
    rows = np.flatnonzero(usable)
    labels = targets[rows].argmax(1)
    groups = groups_of(np.asarray(faces.identity), np.asarray(faces.clip))
    copies = groups_of_copies(faces)
    if groups is None:
        _, first, unit = np.unique(copies[rows], return_index=True, return_inverse=True)
    else:
        first = unit = np.arange(len(rows))
        groups = merged(groups, copies)[rows]
    _check_smallest(labels[first], answers.labels, plan.folds, len(rows) - len(first))
    parts = []
    for train, held in folds(labels[first], groups, plan.folds, plan.seed):
        place = np.zeros(len(first), np.uint8)
        place[held] = 2
        inside = None if groups is None else groups[train]
        place[train] = assign(labels[first][train], inside, (INNER - 1, 1), plan.seed)
        split = np.full(len(faces), _OUT, np.uint8)
        split[rows] = place[unit]
        parts.append(replace(faces, split=split))
    return parts


def t_interval(values: Sequence[float], most: float = 1.0) -> dict[str, Any]:
    """Mean of the folds and its 95 % interval by Student's t, cut off at 0 and `most`; folds share training
    faces, so it is, if anything, too narrow (Bengio and Grandvalet 2004, "No Unbiased Estimator of the Variance of
    K-Fold Cross-Validation")."""
    mean = float(np.mean(values))
    half = _T[len(values) - 2] * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return {"mean": rounded(mean), "interval": [rounded(max(mean - half, 0.0)), rounded(min(mean + half, most))]}


def _mean_of(score: str, results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return t_interval([each[score] for each in results], math.inf if score in _UNBOUNDED else 1.0)


def described(candidate: Candidate, result: Mapping[str, Any]) -> str:
    """One fold as a line."""
    return (
        f"{candidate.name} fold {result['fold']}: accuracy {100 * result['accuracy']:.2f} %, macro F1 "
        f"{100 * result['macro_f1']:.2f} %, {result['train_images']} faces learned, {result['images']} held out, "
        f"{result['seconds']:.0f} s"
    )


def _one_fold(candidate: Candidate, fold: FaceSet, plan: Plan, number: int, folder: Path) -> dict[str, Any]:
    started = time.monotonic()
    model = candidate.train(fold, folder)
    seconds = time.monotonic() - started
    subject = from_classifier(model, candidate.name)
    views = evaluate(subject, fold, "test", plan.label_set, timed=False).metrics["views"]
    truth, values = next(iter(views["aligned"].items()))
    return {
        "fold": number,
        "truth": truth,
        "train_images": int((fold.split < 2).sum()),
        "images": values["images"],
        **{name: values[name] for name in SCORES},
        "whole_accuracy": views["whole"][truth]["accuracy"],
        "seconds": round(seconds, 1),
    }


def _check_smallest(labels: Ints, names: tuple[str, ...], k: int, copies: int) -> None:
    """Refuse more folds than the smallest class has faces; `copies` were left out of `labels` `(N,)`."""
    counts = {name: int((labels == index).sum()) for index, name in enumerate(names)}
    seen = {name: count for name, count in counts.items() if count}
    if not seen:
        raise ConfigError("data: training and validation hold no face with a label")
    least = min(seen, key=lambda name: seen[name])
    if seen[least] < k:
        faces = f"{seen[least]} face{'s' if seen[least] > 1 else ''} in training and validation"
        once = " (near-copies count once)" if copies else ""
        fewer = f"ask for {seen[least]} folds or collect more" if seen[least] > 1 else "collect more"
        raise ConfigError(f"--folds {k}: class {least!r} has only {faces}{once}; {fewer}")


def _claim(folder: Path, candidate: Candidate, plan: Plan, data: str) -> None:
    """Note what the folds in `folder` are of; refuse it when they are of something else."""
    facts = {"recipe": dict(candidate.recipe), "plan": asdict(plan), "data": data}
    path = folder / "plan.json"
    if path.is_file():
        before = json.loads(path.read_text(encoding="utf-8"))
        changed = [key for key in facts if before.get(key) != facts[key]]
        if changed:
            raise ConfigError(f"{str(folder)!r} holds folds of another {', '.join(changed)}; choose another --out")
        return
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
