"""Labelled pictures for judging, read from where they lie: no preparing, every split, one cut face a picture."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from engine.errors import ConfigError
from engine.items import Image
from trainer.labels import Answers, Ints, canonical
from trainer.packing import batches
from trainer.sources.base import PictureReader, Record, Source
from trainer.sources.find import open_source
from trainer.unseen.cutting import WAYS, Cut, Cutter, Way

ClipFrames = Literal["last", "all"]
"""Frames of an image sequence that are judged: the last one, the peak of a posed expression, or all."""


@dataclass(frozen=True, slots=True, eq=False)
class UnseenSet:
    """N labelled faces.

    `chips` are uint8 BGR `(N, 112, 112, 3)`, `truth` int64 `(N,)` indexes `labels`, `names` are the pictures' files.
    `ways` counts how the faces were cut. Pictures that are `blank` or `without_label` are not among the N.
    """

    name: str
    layout: str
    labels: tuple[str, ...]
    truth: Ints
    chips: Image
    names: tuple[str, ...]
    ways: Mapping[Way, int]
    blank: int = 0
    without_label: int = 0

    def __len__(self) -> int:
        return len(self.truth)

    @property
    def sha256(self) -> str:
        """Hexadecimal SHA-256 over chips and labels: the same where the same faces were cut in the same way."""
        digest = hashlib.sha256("\n".join(self.labels[place] for place in self.truth).encode())
        digest.update(np.ascontiguousarray(self.chips).tobytes())
        return digest.hexdigest()


@dataclass(slots=True)
class _Columns:
    """A set while it grows."""

    cuts: list[Cut] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    counts: list[Image] = field(default_factory=list)
    blank: int = 0

    def add(self, records: Sequence[Record], label_set: str, cutter: Cutter) -> None:
        shown = [record for record in records if record.image.size and record.image.min() != record.image.max()]
        self.blank += len(records) - len(shown)
        self.cuts += cutter.cut([record.image for record in shown])
        self.names += [record.name for record in shown]
        self.counts += [record.answers[label_set] for record in shown]


def open_sets(
    folders: Sequence[Path],
    cutter: Cutter,
    label_set: str | None = None,
    clip_frames: ClipFrames = "last",
    progress: Callable[[str, int, int], Any] = lambda _name, _done, _count: None,
) -> tuple[UnseenSet, ...]:
    """The labelled pictures of all `folders`, in their order; `progress` gets a set's name, pictures done, and all.

    `label_set` names the labels to use where a set has several; without it, or where a set has no such labels, its
    first are used.

    Raises:
        ConfigError: a folder is missing, named twice or of no known layout; it holds no pictures, no faces, one class
            only, or a picture that cannot be read.
    """
    folders = [folder.expanduser() for folder in folders]
    names = _names(folders)
    sources = [_source(folder, clip_frames) for folder in folders]
    return tuple(_read(name, source, cutter, label_set, progress) for name, source in zip(names, sources, strict=True))


def _names(folders: Sequence[Path]) -> list[str]:
    """Short names that differ: the folder's, with its parents' where two are called the same."""
    whole = [folder.resolve() for folder in folders]
    double = next((folder for number, folder in enumerate(whole) if folder in whole[:number]), None)
    if double is not None:
        raise ConfigError(f"--also {str(double)!r} is named twice; name every set once")
    for depth in range(1, max((len(folder.parts) for folder in whole), default=0) + 1):
        names = ["/".join(folder.parts[-depth:]) for folder in whole]
        if len(set(names)) == len(names):
            return names
    return [str(folder) for folder in whole]


def _source(folder: Path, clip_frames: ClipFrames) -> Source:
    if (folder / "manifest.json").is_file() and (folder / "aligned.npy").is_file():
        raise ConfigError(
            f"--also {str(folder)!r} was written by prepare, gray and small; name the folder its pictures came "
            "from, or measure on it with --data"
        )
    try:
        source = open_source(folder, reader=PictureReader(option=""))
    except ConfigError as error:
        raise ConfigError(f"--also: {error}") from error
    return source.peaks if clip_frames == "last" and source.peaks else source


def _read(
    name: str, source: Source, cutter: Cutter, label_set: str | None, progress: Callable[[str, int, int], Any]
) -> UnseenSet:
    chosen = label_set if label_set and label_set in source.label_sets else next(iter(source.label_sets))
    kind, columns, done = source.label_sets[chosen], _Columns(), 0
    progress(name, done, source.count)
    for batch in batches(source.records()):
        columns.add(batch, chosen, cutter)
        done += len(batch)
        progress(name, done, source.count)
    ways = Counter(each.way for each in columns.cuts)
    if not columns.cuts or ways["whole picture"] == len(columns.cuts):
        raise ConfigError(f"--also {name!r}: no face was found in any of {done} pictures; name a set that shows faces")
    truth = Answers(kind.labels, np.stack(columns.counts), kind.rest).majority()
    clear = np.flatnonzero(truth >= 0)
    return UnseenSet(
        name=name,
        layout=source.layout,
        labels=tuple(canonical(label) for label in kind.labels),
        truth=truth[clear],
        chips=_stacked(columns.cuts, clear),
        names=tuple(columns.names[row] for row in clear),
        ways={way: sum(columns.cuts[row].way == way for row in clear) for way in WAYS},
        blank=columns.blank,
        without_label=len(truth) - len(clear),
    )


def _stacked(cuts: Sequence[Cut], rows: NDArray[np.intp]) -> Image:
    return np.stack([cuts[row].chip for row in rows]) if len(rows) else np.empty((0, 1, 1, 3), np.uint8)
