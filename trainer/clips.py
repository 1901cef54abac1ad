"""Clips of a data set, and models of clips compared on them with no person on both sides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from engine.errors import ConfigError
from engine.fields import Count, Text, settings
from engine.items import Floats, Image
from trainer import metrics
from trainer.faceset import FaceSet
from trainer.labels import Ints, canonical
from trainer.models.sequence import SEQUENCES
from trainer.models.tracks import GruConfig, Track
from trainer.splits import folds


@settings
class SequencesConfig:
    """`network` is the run whose features and answers the models read; `folds` of persons, drawn `repeats` times."""

    network: Text
    label_set: str = ""
    models: tuple[str, ...] = tuple(SEQUENCES)
    folds: Count = 4
    repeats: Count = 10
    gru: GruConfig = field(default_factory=GruConfig)

    def __post_init__(self) -> None:
        strange = [name for name in self.models if name not in SEQUENCES]
        if strange:
            raise ValueError(f"models {', '.join(strange)} are not among {', '.join(SEQUENCES)}")


class Network(Protocol):
    """What is needed of a trained network; `trainer.convnet.ConvNet` is one."""

    @property
    def labels(self) -> tuple[str, ...]: ...

    def features(self, images: Image) -> Floats: ...

    def predict_proba(self, images: Image) -> Floats: ...


@dataclass(frozen=True, slots=True, eq=False)
class Clips:
    """N clips: a track each, `truth` `(N,)` into `labels`, `person` `(N,)` and `names`."""

    tracks: Sequence[Track]
    truth: Ints
    person: Ints
    labels: tuple[str, ...]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.tracks)


def clips_of(faces: FaceSet, net: Network, label_set: str | None = None) -> Clips:
    """The clips of `faces` that have a label, in the order of their numbers, seen aligned by `net`.

    A clip's label is that of its last frame; a clip whose person is unknown is a person of its own.

    Raises:
        ConfigError: there are no clips with a label.
    """
    answers = faces.label_set(label_set)
    truth, clip, frame = answers.majority(), np.asarray(faces.clip), np.asarray(faces.frame)
    tracks, labels, persons, names = [], [], [], []
    for number in np.unique(clip[clip >= 0]):
        rows = np.flatnonzero(clip == number)
        rows = rows[np.argsort(frame[rows], kind="stable")]
        if truth[rows[-1]] < 0:
            continue
        images = np.asarray(faces.aligned[rows])
        tracks.append(Track(net.features(images), net.predict_proba(images)))
        labels.append(int(truth[rows[-1]]))
        identity = int(faces.identity[rows[-1]])
        persons.append(identity if identity >= 0 else -1 - int(number))
        names.append(str(faces.names[rows[-1]]))
    if not tracks:
        raise ConfigError(f"data {faces.origin.name!r} holds no clips with a label; prepare a set of image sequences")
    known = tuple(canonical(label) for label in answers.labels)
    return Clips(tracks, np.array(labels), np.unique(persons, return_inverse=True)[1], known, tuple(names))


def compare_models(clips: Clips, net_labels: tuple[str, ...], config: SequencesConfig) -> list[dict[str, Any]]:
    """A row of the table for each model: every clip judged once a repeat by a model that saw neither it nor
    its person; intervals by drawing persons, since clips of one person are alike (cluster bootstrap)."""
    rows = []
    with tqdm(
        total=len(config.models) * config.repeats * config.folds, desc="sequences", unit="fit", disable=None
    ) as bar:
        for name in config.models:
            right = np.zeros((config.repeats, len(clips)), np.bool_)
            guesses = np.zeros((config.repeats, len(clips)), np.int64)
            parameters = 0
            for repeat in range(config.repeats):
                for train, held in folds(clips.truth, clips.person, config.folds, seed=repeat):
                    model = SEQUENCES[name](name, clips.labels, net_labels, config.gru)
                    model.fit([clips.tracks[row] for row in train], clips.truth[train])
                    guesses[repeat, held] = model.predict_proba([clips.tracks[row] for row in held]).argmax(1)
                    parameters = model.parameters
                    bar.update()
                right[repeat] = guesses[repeat] == clips.truth
            rows.append({"name": name, **_row(clips, guesses, right), "parameters": parameters})
    return rows


def _row(clips: Clips, guesses: Ints, right: NDArray[np.bool_]) -> dict[str, Any]:
    counts = sum(metrics.confusion(clips.truth, each, len(clips.labels)) for each in guesses)
    assert isinstance(counts, np.ndarray), "at least one repeat"
    each = [metrics.macro_f1(metrics.confusion(clips.truth, one, len(clips.labels))) for one in guesses]
    scores = metrics.class_scores(counts)
    return {
        "clips": len(clips),
        "persons": int(clips.person.max()) + 1,
        "accuracy": metrics.rounded(right.mean()),
        "accuracy_interval": _interval(right.mean(0), clips.person),
        "accuracy_over_repeats": [metrics.rounded(right.mean(1).min()), metrics.rounded(right.mean(1).max())],
        "balanced_accuracy": metrics.macro(scores, "recall"),
        "macro_f1": metrics.rounded(np.mean(each)),
        "recall": {label: scores[index]["recall"] for index, label in enumerate(clips.labels)},
    }


def _interval(share: NDArray[np.float64], person: Ints) -> list[float] | None:
    """95 % interval of the mean of `share` `(N,)`, drawing whole persons with replacement."""
    groups = [np.flatnonzero(person == each) for each in np.unique(person)]

    def statistic(drawn: Ints) -> float:
        rows = np.concatenate([groups[index] for index in drawn])
        return float(share[rows].mean())

    return metrics.bootstrap(statistic, len(groups), repeats=2000)


def manifest_of(clips: Clips, network: Mapping[str, Any]) -> dict[str, Any]:
    """What the table's numbers rest on."""
    return {
        "clips": len(clips),
        "frames": int(sum(len(track.features) for track in clips.tracks)),
        "persons": int(clips.person.max()) + 1,
        "labels": {label: int((clips.truth == index).sum()) for index, label in enumerate(clips.labels)},
        "network": dict(network),
    }
