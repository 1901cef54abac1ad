"""A model's answers about the faces of a prepared set, kept beside them as one more label set.

With it a network learns from a teacher (Hinton et al. 2015, arXiv 1503.02531) as it learns from annotators: the
answers are votes, `trainer.mixing.TOTAL` for each face.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from engine.errors import ConfigError, ModelError
from engine.items import Floats
from trainer.faceset import FaceSet
from trainer.labels import Answers, canonical
from trainer.metrics import softmax
from trainer.mixing import as_votes
from trainer.scoring import VIEWS
from trainer.subjects import Subject

_CHUNK = 256


def answers_of(
    subjects: Sequence[Subject],
    faces: FaceSet,
    temperature: float = 1.0,
    views: Sequence[str] = VIEWS,
    progress: Callable[[int], object] = lambda _: None,
) -> Answers:
    """The mean answer of `subjects` to each face, in `views`, as it is and mirrored.

    `temperature` above 1 makes the answers softer. `progress` gets counts of faces.

    Raises:
        ConfigError: the subjects have different labels.
        ModelError: an answer is not a number.
    """
    labels = tuple(canonical(label) for label in subjects[0].labels)
    for subject in subjects[1:]:
        if tuple(canonical(label) for label in subject.labels) != labels:
            raise ConfigError(f"models {subjects[0].name!r} and {subject.name!r} have different labels")
    mean = np.zeros((len(faces), len(labels)))
    for start in range(0, len(faces), _CHUNK):
        part = slice(start, start + _CHUNK)
        mean[part] = _looks(subjects, [np.asarray(faces.view(name)[part]) for name in views], temperature)
        if not np.isfinite(mean[part]).all():
            names = ", ".join(subject.name for subject in subjects)
            raise ModelError(f"{names}: an answer about a face is not a number; train it again or restore its file")
        progress(len(mean[part]))
    return Answers(labels, as_votes(mean.astype(np.float32)))


def _looks(subjects: Sequence[Subject], views: Sequence[np.ndarray], temperature: float) -> Floats:
    answers = [
        softmax(subject.logits(np.ascontiguousarray(view[:, :, ::step])), (subject.temperature or 1.0) * temperature)
        for subject in subjects
        for view in views
        for step in (1, -1)
    ]
    return np.asarray(np.mean(answers, axis=0), np.float32)


def check_name(name: str, faces: FaceSet, folder: Path, force: bool) -> None:
    """Raises ConfigError: the set in `folder` has a label set `name` already, and `force` is not given or it is not
    one of a teacher's."""
    if name not in faces.answers:
        return
    if name not in faces.extra.get("asked", {}):
        raise ConfigError(f"data {str(folder)!r} has a label set {name!r} of its own; choose another --as")
    if not force:
        raise ConfigError(f"data {str(folder)!r} has a label set {name!r} already; choose another --as, or add --force")
