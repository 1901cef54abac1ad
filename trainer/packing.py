"""From a source's records to a packed data set: aligned in batches, split where it came without, and checked."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine.errors import ConfigError
from engine.items import Image
from trainer.aligning import Aligner, Face
from trainer.faceset import SPLITS, FaceSet
from trainer.labels import Answers, Bools, Ints
from trainer.leaks import DISTANCE, Scan, merged, scan
from trainer.rights import Origin
from trainer.sources.base import TRAIN, VALIDATION, Record, Source
from trainer.splits import assign, groups_of

BATCH, BATCH_BYTES = 32, 2**28
"""Pictures that go to the detector together: so many, fewer where they are large."""


@dataclass(frozen=True, slots=True)
class Notes:
    """What a user should know about how a set was packed."""

    no_face: tuple[str, ...] = ()
    """Names of the photos in which no face was found; they are not in the set."""
    warnings: tuple[str, ...] = ()


@dataclass(slots=True)
class _Columns:
    """The set while it grows, a list for each field."""

    faces: list[Face] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    no_face: list[str] = field(default_factory=list)

    def add(self, records: Sequence[Record], faces: Sequence[Face | None]) -> None:
        for record, face in zip(records, faces, strict=True):
            if face is None:
                self.no_face.append(record.name)
                continue
            self.faces.append(face)
            self.records.append(_without_image(record))


def _without_image(record: Record) -> Record:
    """Photos are large: only their faces are kept."""
    nothing = np.empty((0, 0), np.uint8)
    return Record(record.name, nothing, record.answers, record.split, record.person, record.clip, record.frame)


def pack(
    source: Source,
    aligner: Aligner,
    origin: Origin,
    shares: Sequence[float] = (80, 10, 10),
    seed: int = 0,
    distance: int = DISTANCE,
    progress: Callable[[int], Any] = lambda _: None,
) -> tuple[FaceSet, Scan, Notes]:
    """All records of `source` as a data set, and the copies found in it; `progress` gets counts of pictures.

    Records without a split are dealt out by `shares` (train, validation, test), stratified; persons, clips and copies
    of one picture are kept together. Where the source has splits but no validation, that share of its training faces
    becomes validation; test faces are never moved. `distance` is that of `trainer.leaks.scan`.

    Raises:
        ConfigError: there is no face, or a class has none in training; and what reading the source raises.
    """
    columns = _Columns()
    for batch in batches(source.records()):
        columns.add(batch, aligner.faces([record.image for record in batch]))
        progress(len(batch))
    if not columns.faces:
        looked = f"; no face was found in {len(columns.no_face)} pictures" if columns.no_face else ""
        raise ConfigError(f"data {origin.name!r}: holds no images{looked}")
    answers = _answers(source, columns.records)
    identity = _numbers([record.person for record in columns.records])
    clip = _numbers([record.clip for record in columns.records])
    whole = np.stack([face.whole for face in columns.faces])
    copies = scan(whole, identity, distance)
    groups = merged(groups_of(identity, clip), copies.group)
    shares = shares if source.labelled else (100, 0, 0)
    split, dealt = _split(columns.records, _best(next(iter(answers.values()))), groups, shares, seed)
    faces = FaceSet(
        whole=whole,
        aligned=np.stack([face.aligned for face in columns.faces]),
        found=np.array([face.found for face in columns.faces], np.bool_),
        split=split,
        answers=answers,
        origin=origin,
        landmarks=np.stack([face.landmarks for face in columns.faces]).astype(np.float32),
        identity=identity,
        clip=clip,
        frame=np.array([-1 if each.frame is None else each.frame for each in columns.records], np.int64),
        names=np.array([record.name for record in columns.records], np.str_),
        removed=np.zeros(len(columns.faces), np.bool_),
    )
    warnings = empty_classes(faces, copies.group if dealt else None) if source.labelled else []
    return faces, copies, Notes(tuple(columns.no_face), tuple(warnings))


def batches(records: Iterator[Record]) -> Iterator[list[Record]]:
    """`records` as they go to the detector together: `BATCH`, fewer where their pictures are large."""
    batch: list[Record] = []
    for record in records:
        batch.append(record)
        if len(batch) == BATCH or sum(each.image.size for each in batch) > BATCH_BYTES:
            yield batch
            batch = []
    if batch:
        yield batch


def _answers(source: Source, records: Sequence[Record]) -> dict[str, Answers]:
    return {
        name: Answers(kind.labels, np.stack([record.answers[name] for record in records]), kind.rest)
        for name, kind in source.label_sets.items()
    }


def _numbers(names: Sequence[str | None]) -> Ints:
    """Names as numbers in the order of the names; -1 for None."""
    order: Mapping[str, int] = {name: index for index, name in enumerate(sorted({name for name in names if name}))}
    return np.array([order[name] if name else -1 for name in names], np.int64)


def _best(answers: Answers) -> Ints:
    """The label with the most votes for each face, -1 where it has none; ties go to the first."""
    votes = answers.counts[:, : len(answers.labels)]
    return np.where(votes.max(1) > 0, votes.argmax(1), -1)


def _split(
    records: Sequence[Record], labels: Ints, groups: Ints, shares: Sequence[float], seed: int
) -> tuple[Image, bool]:
    """The split of every record, and whether groups had a say in it."""
    given = np.array([-1 if record.split is None else record.split for record in records], np.int64)
    train, validation, _ = shares
    if (given < 0).all():
        return assign(labels, groups, shares, seed), True
    dealt = not (given == VALIDATION).any()
    if dealt:
        rows = np.flatnonzero(given == TRAIN)
        moved = assign(labels[rows], groups[rows], (train, validation), seed)
        given[rows] = np.where(moved == 1, VALIDATION, TRAIN)
    return given.astype(np.uint8), dealt


def empty_classes(faces: FaceSet, copies: Ints | None = None) -> list[str]:
    """A line for every split that lacks a class, or has no faces at all; faces that are `removed` do not count.

    `copies` is `Scan.group` where faces were dealt out by it, to tell where few pictures are the reason.

    Raises:
        ConfigError: a class has no face in training.
    """
    lines = []
    for name, answers in faces.answers.items():
        best, (_, usable) = _best(answers), answers.distributions()
        for number, split in enumerate(SPLITS):
            there = (np.asarray(faces.split) == number) & usable
            counted = best[there & ~np.asarray(faces.removed)]
            absent = [index for index in range(len(answers.labels)) if not (counted == index).any()]
            if not absent:
                continue
            who = ", ".join(answers.labels[index] for index in absent)
            why = _few_pictures(copies, usable & np.isin(best, absent))
            if number == TRAIN:
                leaked = ", ".join(answers.labels[index] for index in absent if (best[there] == index).any())
                raise ConfigError(
                    f"data {faces.origin.name!r}, label set {name!r}: "
                    + (_ALL_LEAKED.format(leaked) if leaked else _NONE_TO_TRAIN.format(who, why))
                )
            if len(absent) == len(answers.labels):
                lines.append(f"label set {name!r}: the {split} split is empty{why}")
            else:
                lines.append(f"label set {name!r}: no {split} face of class {who}{why}; scores will lack it")
    return lines


_NONE_TO_TRAIN = "no training face of class {}{}; add some, leave that class out, or change --shares or --seed"
_ALL_LEAKED = (
    "all training faces of class {} are copies of validation or test pictures; "
    "add other pictures, or keep them in training: --leaks keep"
)


def _few_pictures(copies: Ints | None, rows: Bools) -> str:
    """What to add where the faces of `rows` bool `(N,)` are far fewer pictures, since copies stay in one split."""
    count, pictures = int(rows.sum()), 0 if copies is None else len(np.unique(copies[rows]))
    if not pictures or 2 * pictures > count:
        return ""
    of = "one picture" if pictures == 1 else f"{pictures} pictures"
    return f" ({count} faces are copies of {of}, and copies stay in one split)"
