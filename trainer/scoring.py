"""Asking a model about one split: the labels it shares with the data, its logits, its temperature."""

from dataclasses import dataclass, replace

import numpy as np
from tqdm import tqdm

from engine.errors import ConfigError, ModelError
from engine.items import Floats
from trainer.faceset import SPLITS, FaceSet
from trainer.labels import Answers, Ints, canonical
from trainer.metrics import fit_temperature
from trainer.subjects import Subject

VIEWS = ("aligned", "whole")
_CHUNK = 64


@dataclass(frozen=True, slots=True, eq=False)
class Shared:
    """The labels that model and data have in common, in the model's order.

    `columns` are their places in the model's output; `places` `(D,)` turns a label of the data into one of
    `labels`, or -1.
    """

    label_set: str
    labels: tuple[str, ...]
    columns: Ints
    places: Ints
    answers: Answers

    def truths(self) -> dict[str, Ints]:
        """Each truth by name, `(N,)` into the data's own labels: `label` where every face has one answer,
        else `majority` and `plurality`."""
        if self.answers.single:
            return {"label": self.answers.majority()}
        return {"majority": self.answers.majority(), "plurality": self.answers.plurality()}

    def translated(self, truth: Ints) -> Ints:
        """`truth` of the data as places in `labels`; -1 for none, and for a label the model does not know."""
        return np.where(truth >= 0, self.places[np.maximum(truth, 0)], -1)


def shared_labels(subject: Subject, faces: FaceSet, label_set: str | None = None) -> Shared:
    """What `subject` can be asked on label set `label_set` of `faces`; without a name, on the one the model
    names if the data has it, else on the one that shares most labels with the model.

    Raises:
        ConfigError: fewer than two labels are shared, or there is no such label set.
    """
    known = [canonical(label) for label in subject.labels]

    def strangers(name: str) -> int:
        return len(set(known) ^ {canonical(label) for label in faces.answers[name].labels})

    own = subject.label_set if subject.label_set in faces.answers else None
    name = label_set or own or min(faces.answers, key=strangers)
    answers = faces.label_set(name)
    asked = [canonical(label) for label in answers.labels]
    labels = [label for label in known if label in asked]
    if len(labels) < 2:
        raise ConfigError(
            f"model {subject.name!r} has labels {', '.join(subject.labels)}; label set {name!r} of the data has "
            f"{', '.join(answers.labels)}: fewer than two are shared; choose another with --labels"
        )
    columns = np.array([known.index(label) for label in labels])
    places = np.array([labels.index(label) if label in labels else -1 for label in asked])
    return Shared(name, tuple(labels), columns, places, answers)


def rows_of(faces: FaceSet, split: str) -> tuple[Ints, int]:
    """The rows of `split` that show something, and how many blank ones were left out.

    Raises:
        ConfigError: no such split, or it is empty.
    """
    if split not in SPLITS:
        raise ConfigError(f"split {split!r} is not one of {', '.join(SPLITS)}")
    inside = np.asarray(faces.split) == SPLITS.index(split)
    rows = np.flatnonzero(inside & ~faces.blank())
    if not len(rows):
        held = ", ".join(f"{name} {int((faces.split == number).sum())}" for number, name in enumerate(SPLITS))
        raise ConfigError(f"data {faces.origin.name!r}: split {split!r} holds no images ({held})")
    return rows, int(inside.sum()) - len(rows)


def score(subject: Subject, faces: FaceSet, rows: Ints, view: str) -> Floats:
    """Logits float32 `(n, C)` of `rows` in one view.

    Raises:
        ModelError: a score is not a number; the message names the image.
    """
    images = faces.view(view)
    logits = np.empty((len(rows), len(subject.labels)), np.float32)
    for start in tqdm(range(0, len(rows), _CHUNK), desc=f"{subject.name} {view}", leave=False, disable=None):
        part = slice(start, start + _CHUNK)
        logits[part] = subject.logits(np.asarray(images[rows[part]]))
        bad = np.flatnonzero(~np.isfinite(logits[part]).all(1))
        if len(bad):
            row = int(rows[start + int(bad[0])])
            raise ModelError(
                f"model {subject.name!r} gives a score that is not a number for image {faces.names[row]} "
                f"(row {row}, {view}); train it again with a lower learning rate or restore its file"
            )
    return logits


def tempered(
    subject: Subject, faces: FaceSet, shared: Shared, scored: tuple[Ints, dict[str, Floats]] | None = None
) -> Subject:
    """`subject` with a temperature; `scored` holds rows and logits of the validation split where at hand."""
    if subject.temperature is not None:
        return subject
    truth = shared.translated(list(shared.truths().values())[-1])
    if scored is None:
        rows = np.flatnonzero((np.asarray(faces.split) == SPLITS.index("validation")) & ~faces.blank() & (truth >= 0))
        scored = rows, {view: score(subject, faces, rows, view) for view in VIEWS}
    rows, logits = scored
    known = truth[rows] >= 0
    if not known.any():
        return replace(subject, temperature=1.0, temperature_from="none: no validation images")
    stacked = np.concatenate([values[known][:, shared.columns] for values in logits.values()])
    fitted = fit_temperature(stacked, np.tile(truth[rows][known], len(logits)))
    return replace(subject, temperature=fitted, temperature_from="validation")
