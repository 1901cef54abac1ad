"""What every layout of labelled pictures is read into."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from engine.errors import ConfigError
from engine.items import Image
from engine.sources.formats import SUFFIXES
from trainer.labels import FERPLUS
from trainer.rights import Origin

PICTURES = SUFFIXES
TRAIN, VALIDATION, TEST = range(3)
_LOOKED_AT = 10_000


@dataclass(frozen=True, slots=True)
class LabelSet:
    """The names of a label set, and the answers that are no label (see `trainer.labels.Answers`)."""

    labels: tuple[str, ...]
    rest: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """One labelled picture: uint8 gray `(H, W)` or BGR `(H, W, 3)`, and what its files say about it.

    `answers` holds a row of counts uint8 `(C + R,)` for each label set of the source. None is unknown.
    """

    name: str
    image: Image
    answers: Mapping[str, Image]
    split: int | None = None
    person: str | None = None
    clip: str | None = None
    frame: int | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A data set found on disk: what is known before reading, and `records`, which reads it from the start.

    `peaks` is the same set with only the last frame of each clip; None where no clips are known.
    Without labels (`labelled` False) every face is for training, and its rows of answers are zeros.
    """

    layout: str
    origin: Origin
    label_sets: Mapping[str, LabelSet]
    count: int
    records: Callable[[], Iterator[Record]]
    peaks: "Source | None" = None
    labelled: bool = True


@dataclass(slots=True)
class PictureReader:
    """Reads picture files; keeps the names of those that cannot be read where they may be skipped.

    `option` is what the message about an unreadable picture offers; empty where a command has no such option.
    """

    skip_unreadable: bool = False
    option: str = "--skip-unreadable"
    skipped: list[str] = field(default_factory=list)

    def read(self, path: Path) -> Image | None:
        """`path` as uint8 BGR `(H, W, 3)`, upright as its EXIF says; None where it was skipped.

        Raises:
            ConfigError: it is no whole picture, and none may be skipped.
        """
        try:
            return read_picture(path)
        except ConfigError as error:
            if not self.skip_unreadable:
                without = f", or go on without: {self.option}" if self.option else ""
                raise ConfigError(f"{error}; repair or remove it{without}") from error
            self.skipped.append(str(error))
            return None


def read_picture(path: Path) -> Image:
    """The picture in file `path` as uint8 BGR `(H, W, 3)`.

    Raises:
        ConfigError: it cannot be read, or is damaged or cut short.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror or error})") from error
    if _cut_short(data):
        raise ConfigError(f"{path}: is empty or cut short")
    try:
        image: Image | None = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        image = None
    if image is None:
        raise ConfigError(f"{path}: cannot be decoded as a picture")
    return image


def _cut_short(data: bytes) -> bool:
    """Whether a picture lacks its end: decoders would fill the rest with gray and say nothing."""
    if data.startswith(b"\xff\xd8"):
        return data.find(b"\xff\xd9", _scan_start(data)) < 0
    if data.startswith(b"\x89PNG"):
        return b"IEND" not in data[-64:]
    return not data


def _scan_start(data: bytes) -> int:
    """Where the pixels of a JPEG begin: past its headers, which may hold a whole JPEG of their own as a thumbnail."""
    place = 2
    while data[place : place + 1] == b"\xff" and data[place + 1 : place + 2] not in (b"\xda", b""):
        filler = data[place + 1] == 0xFF
        place += 1 if filler else 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return place


def in_order(labels: set[str]) -> tuple[str, ...]:
    """`labels` in the order of FER+, others after them by name."""
    known = tuple(name for name in FERPLUS if name in labels)
    return known + tuple(sorted(labels.difference(FERPLUS)))


def one_answer(labels: Sequence[str], label: str) -> Image:
    """The row of counts of a face that has the single label `label`."""
    row = np.zeros(len(labels), np.uint8)
    row[list(labels).index(label)] = 1
    return row


def pictures_in(folder: Path) -> list[Path]:
    """The picture files directly in `folder`, by name."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURES and not _hidden(path))


def folders_in(folder: Path) -> list[Path]:
    """The folders directly in `folder`, by name; hidden ones and archive litter left out."""
    return sorted(path for path in folder.iterdir() if path.is_dir() and not _hidden(path))


def too_deep(folder: Path) -> Path | None:
    """The first picture anywhere below `folder`, for the message that finds none where it should be."""
    looked_at = islice(folder.rglob("*"), _LOOKED_AT)
    return next((path for path in looked_at if path.suffix.lower() in PICTURES and not _hidden(path)), None)


def _hidden(path: Path) -> bool:
    return path.name.startswith((".", "__MACOSX"))
