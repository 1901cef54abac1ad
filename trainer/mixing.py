"""Several prepared sets as one, with one label set blended from what each set knows about a face.

Labels, votes and the answers of teachers (`trainer.asking`) are all label sets. A blend weighs them. This is
label refinery and distillation in one place (Hinton et al. 2015, arXiv 1503.02531; Bagherinezhad et al. 2018,
arXiv 1805.02641).
"""

from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from engine.errors import ConfigError
from engine.fields import Field, Name, Positive, Unit, settings
from engine.items import Floats
from trainer import faceset
from trainer.faceset import FaceSet, open_faces, unknown
from trainer.labels import FERPLUS, Answers, Ints, canonical
from trainer.recipes import read_yaml, to_settings
from trainer.rights import Origin

TOTAL = 250
"""Votes that a blended distribution is written as: whole numbers that fit into a byte."""


Weight = Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)]
"""How often a face is drawn, against once."""


@settings
class PartConfig:
    """One prepared set of a mixture.

    `blend` weighs its label sets; a face without an answer of one is blended from the others. `smoothing` is
    taken from plain labels. `weight` says how often its faces are drawn, `classes` how often those whose
    blended label is that class (1 where nothing is said). `doubtful` multiplies the weight of faces whose
    votes agree, by `agreement` or more, on another label than the plain one; `unreadable` that of faces that
    most annotators could not tell.
    """

    data: str
    blend: dict[str, Positive]
    weight: Weight = 1.0
    classes: dict[str, Weight] = field(default_factory=dict)
    smoothing: Unit = 0.05
    agreement: Unit = 0.7
    doubtful: Unit = 1.0
    unreadable: Unit = 1.0


@settings
class MixConfig:
    """A mixture: its name, the blended label set's name and labels, and its parts. The first part gives the
    validation and test faces, and its own label sets stay beside the blended one."""

    name: Name
    label_set: Name = "emotion"
    labels: tuple[str, ...] = FERPLUS
    parts: tuple[PartConfig, ...]

    def __post_init__(self) -> None:
        if not self.parts:
            raise ValueError("parts: a mixture needs at least one prepared set")
        object.__setattr__(self, "labels", tuple(canonical(label) for label in self.labels))
        if len(set(self.labels)) < 2 or len(set(self.labels)) < len(self.labels):
            raise ValueError("labels: at least two, each once")
        for part in self.parts:
            strangers = set(part.classes).difference(self.labels)
            if strangers:
                raise ValueError(f"classes: {sorted(strangers)[0]!r} is not one of {', '.join(self.labels)}")


def load_mix(path: Path) -> MixConfig:
    """The mixture in YAML file `path`.

    Raises:
        ConfigError: one problem for each key that is unknown, missing or out of range.
    """
    return to_settings(MixConfig, read_yaml(path), str(path))


def mixed(config: MixConfig) -> FaceSet:
    """The faces of all parts as one set in memory, with weights.

    Every face of the first part stays, so that its splits keep their rows. Of the others only training faces
    with a positive weight are taken.

    Raises:
        ConfigError: a part is no prepared set or lacks a label set; sizes differ.
    """
    parts = [open_faces(Path(part.data)) for part in config.parts]
    sizes = {part.size for part in parts}
    if len(sizes) > 1:
        raise ConfigError(
            f"mix {config.name!r}: faces of {', '.join(map(str, sorted(sizes)))} pixels; "
            "prepare all parts with one --size"
        )
    rows, targets, weights = [], [], []
    for number, (faces, part) in enumerate(zip(parts, config.parts, strict=True)):
        blended = _blended(faces, part, config.labels)
        weight = _weights(faces, part, config.labels, blended)
        learned = (np.asarray(faces.split) == 0) & ~np.asarray(faces.removed) & (weight > 0)
        chosen = np.arange(len(faces)) if number == 0 else np.flatnonzero(learned)
        if not learned.any():
            raise ConfigError(
                f"mix {config.name!r}: no face of {part.data!r} can be learned from; "
                "look at its blend, weight and classes"
            )
        rows.append(chosen)
        targets.append(blended[chosen])
        weights.append(weight[chosen])
    return _joined(config, parts, rows, np.concatenate(targets), np.concatenate(weights))


def as_votes(distributions: Floats, total: int = TOTAL) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Distributions float32 `(N, C)` as votes uint8 that sum to about `total`; rows of zeros stay zeros."""
    return np.rint(np.asarray(distributions) * total).astype(np.uint8)


def _blended(faces: FaceSet, part: PartConfig, labels: tuple[str, ...]) -> Floats:
    """Float32 `(N, C)`, zeros where no label set of the blend has an answer."""
    total = np.zeros((len(faces), len(labels)))
    shares = np.zeros((len(faces), 1))
    for name, share in part.blend.items():
        targets, known = _distributions(faces, name, labels, part.smoothing)
        total += share * targets
        shares += share * known[:, None]
    return np.asarray(np.where(shares > 0, total / np.maximum(shares, 1e-9), 0), np.float32)


def _distributions(
    faces: FaceSet, name: str, labels: tuple[str, ...], smoothing: float
) -> tuple[Floats, np.ndarray[Any, np.dtype[np.bool_]]]:
    """Label set `name` in the columns of `labels`; answers that are none of them are dropped."""
    answers = faces.label_set(name)
    own, usable = answers.distributions()
    columns = [labels.index(each) if (each := canonical(label)) in labels else -1 for label in answers.labels]
    targets = np.zeros((len(faces), len(labels)), np.float32)
    for place, column in enumerate(columns):
        if column >= 0:
            targets[:, column] += own[:, place]
    sums = targets.sum(1)
    known = usable & (sums > 0.5)
    targets = np.where(known[:, None], targets / np.maximum(sums, 1e-9)[:, None], 0)
    if answers.single and smoothing:
        targets = np.where(known[:, None], targets * (1 - smoothing) + smoothing / len(labels), 0)
    return np.asarray(targets, np.float32), known


def _weights(faces: FaceSet, part: PartConfig, labels: tuple[str, ...], blended: Floats) -> Floats:
    by_class = np.array([part.classes.get(label, 1.0) for label in labels], np.float32)
    weights = part.weight * np.where(blended.sum(1) > 0, by_class[blended.argmax(1)], 0)
    if faces.weights is not None:
        weights = weights * np.asarray(faces.weights)
    plain = next((name for name in part.blend if faces.label_set(name).single), None)
    for name in part.blend:
        answers = faces.label_set(name)
        if answers.single:
            continue
        if plain is not None:
            votes, known = _distributions(faces, name, labels, 0)
            label, labelled = _distributions(faces, plain, labels, 0)
            agreed = known & labelled & (votes.max(1) >= part.agreement)
            weights = np.where(agreed & (votes.argmax(1) != label.argmax(1)), weights * part.doubtful, weights)
        rest = answers.counts[:, len(answers.labels) :].max(1, initial=0)
        top = answers.counts[:, : len(answers.labels)].max(1)
        weights = np.where((rest > 0) & (rest >= top), weights * part.unreadable, weights)
    return np.asarray(weights, np.float32)


def _joined(
    config: MixConfig, parts: Sequence[FaceSet], rows: Sequence[Any], targets: Floats, weights: Floats
) -> FaceSet:
    def column(name: str) -> Any:
        return np.concatenate(
            [np.asarray(getattr(faces, name)[chosen]) for faces, chosen in zip(parts, rows, strict=True)]
        )

    first, count = parts[0], len(targets)
    if config.label_set in first.answers:
        raise ConfigError(
            f"mix {config.name!r}: {config.parts[0].data!r} has a label set {config.label_set!r} already; "
            "name the blend otherwise with label_set"
        )
    answers = {config.label_set: Answers(config.labels, as_votes(targets))}
    for name, own in first.answers.items():
        counts = np.zeros((count, own.counts.shape[1]), np.uint8)
        counts[: len(first)] = own.counts
        answers[name] = Answers(own.labels, counts, own.rest)
    names = [
        f"{each.origin.name}: {name}" for each, chosen in zip(parts, rows, strict=True) for name in each.names[chosen]
    ]
    return FaceSet(
        **{
            **unknown(count),
            **{name: column(name) for name in ("whole", "aligned", "found", "split", "landmarks", "removed")},
            "identity": _apart([np.asarray(each.identity)[chosen] for each, chosen in zip(parts, rows, strict=True)]),
        },
        answers=answers,
        origin=Origin(config.name, "; ".join(dict.fromkeys(each.origin.licence for each in parts))),
        names=np.array(names, np.str_),
        weights=weights,
        extra={"parts": [_about(*each) for each in zip(config.parts, parts, rows, strict=True)]},
    )


def _apart(numbers: Sequence[Ints]) -> Ints:
    """Persons of several sets under numbers of their own; -1 stays unknown."""
    moved, beyond = [], 0
    for each in numbers:
        moved.append(np.where(each >= 0, each + beyond, -1))
        beyond += int(each.max(initial=-1)) + 1
    return np.concatenate(moved).astype(np.int64)


def _about(part: PartConfig, faces: FaceSet, rows: Sequence[int]) -> Mapping[str, Any]:
    return {
        "name": faces.origin.name,
        "origin": faces.origin.to_json(),
        "images": len(rows),
        "sha256": faceset.manifest(faces)["sha256"],
        "blend": dict(part.blend),
        "weight": part.weight,
    }
