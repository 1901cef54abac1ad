"""Labelled test sets for face detectors: photos, the faces on them, and from which overlap on a find counts."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from engine.errors import ConfigError
from engine.items import Box, Floats, Image
from trainer.detector.faces import Split
from trainer.detector.pictures import PICTURES, PictureSet, open_pictures

IOU = 0.5
_TOLD = 20


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """A labelled face in source pixels. `landmarks` float32 `(5, 2)` in the engine's order, or None.

    Where it is `ignored`, whether it is found counts neither way.
    """

    box: Box
    landmarks: Floats | None = None
    ignored: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """A picture that `load` reads (uint8 BGR `(H, W, 3)`; raises ConfigError where it is damaged), and its faces.

    `rows` says for each face which label of the file it is, counted from 0, where a protocol asks.
    """

    name: str
    load: Callable[[], Image]
    truths: tuple[Truth, ...]
    rows: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class LabelledSet:
    """A test set. A detection is right from overlap `iou` on. `sha256` is that of the labels, `notes` tell of labels
    that were left out; `folder` is where it lies."""

    name: str
    layout: str
    folder: Path
    iou: float
    photos: tuple[Photo, ...]
    sha256: str
    split: str = "all"
    notes: tuple[str, ...] = ()

    @property
    def faces(self) -> int:
        """How many faces count."""
        return sum(not truth.ignored for photo in self.photos for truth in photo.truths)


@dataclass(slots=True)
class Problems:
    """What is wrong with the labels of a set, collected so that all is told at once."""

    wrong: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def box(self, where: str, corners: Sequence[float]) -> Box | None:
        """`corners` x1 y1 x2 y2 as a box; None and a note where it has no area."""
        x1, y1, x2, y2 = (float(value) for value in corners)
        if not np.isfinite((x1, y1, x2, y2)).all():
            self.wrong.append(f"{where}: box {_numbers(corners)} is not finite")
            return None
        if x2 <= x1 or y2 <= y1:
            self.notes.append(f"{where}: box {_numbers(corners)} (x1 y1 x2 y2) has no area; left out")
            return None
        return x1, y1, x2, y2

    def numbers(self, where: str, texts: Sequence[str | None]) -> list[float] | None:
        """`texts` as numbers; None, and a line for the user, where one is none."""
        try:
            return [float(text) for text in texts]  # type: ignore[arg-type]  # None is told like any other non-number
        except (TypeError, ValueError):
            said = " ".join("(missing)" if text is None else text.strip() for text in texts)
            self.wrong.append(f"{where}: expected {len(texts)} numbers, got {said!r}")
            return None

    def check(self) -> None:
        """Raises ConfigError with every line that does not parse, the first twenty in full."""
        if self.wrong:
            more = [f"... and {len(self.wrong) - _TOLD} more"] if len(self.wrong) > _TOLD else []
            raise ConfigError(*self.wrong[:_TOLD], *more)


def _numbers(values: Sequence[float]) -> str:
    return " ".join(f"{value:g}" for value in values)


def text_lines(path: Path) -> list[str]:
    """The lines of a file of labels. Raises ConfigError when it is no text."""
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as text ({error})") from error


def finish(
    folder: Path, layout: str, files: Sequence[Path], iou: float, photos: Iterable[Photo], problems: Problems
) -> LabelledSet:
    """The set that a reader read from `files`, once nothing is wrong with it.

    Raises:
        ConfigError: lines that do not parse, pictures that do not exist, or no face at all.
    """
    problems.check()
    listed = tuple(photos)
    for photo in listed:
        if not (folder / photo.name).is_file():
            problems.wrong.append(f"{folder / photo.name}: is labelled but does not exist")
    problems.check()
    if not any(photo.truths for photo in listed):
        raise ConfigError(f"{folder}: no label holds a face")
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    return LabelledSet(folder.name, layout, folder, iou, listed, digest, notes=tuple(problems.notes))


def from_pictures(folder: Path, split: Split = "validation", name: str = "") -> LabelledSet:
    """The pictures of `split` of a trainer's data folder; its ignored regions are ignored here too.

    Raises:
        ConfigError: the folder is damaged, or has no picture in that split.
    """
    return from_set(open_pictures(folder), folder, split, name)


def from_set(pictures: PictureSet, folder: Path, split: Split = "validation", name: str = "") -> LabelledSet:
    """The pictures of `split` of an opened set; `folder` is said to be where it lies.

    Raises:
        ConfigError: there is no picture in that split.
    """
    numbers = pictures.of(split)
    if not numbers:
        raise ConfigError(f"{folder}: has no picture in split {split!r}")
    photos = tuple(_photo(pictures, number) for number in numbers)
    return LabelledSet(name or folder.name, "pictures", folder, IOU, photos, pictures.sha256, split)


def _photo(pictures: PictureSet, number: int) -> Photo:
    picture = pictures.pictures[number]
    faces = tuple(Truth(face.box, face.landmarks) for face in picture.faces)
    ignored = tuple(Truth(box, ignored=True) for box in picture.ignored)
    return Photo(picture.name, partial(pictures.image, number), faces + ignored)


def is_pictures(folder: Path) -> bool:
    """Whether `folder` was written by the trainer's `label`."""
    return (folder / PICTURES).is_file()
