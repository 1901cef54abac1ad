"""Pictures without labels, in a folder and the folders below it: for a teacher to answer about."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from engine.errors import ConfigError
from trainer.labels import FERPLUS
from trainer.rights import Origin
from trainer.sources.base import TRAIN, LabelSet, PictureReader, Record, Source, folders_in, pictures_in

NAME = "unlabelled"


def open_unlabelled(root: Path, reader: PictureReader) -> Source:
    """Every picture below `root`, all of them for training.

    Raises:
        ConfigError: there is no folder, or no picture in it.
    """
    if not root.is_dir():
        raise ConfigError(f"data: {str(root)!r} is not a folder; --unlabelled takes a folder of pictures")
    paths = _below(root, set())
    if not paths:
        raise ConfigError(f"{root}: holds no pictures")
    sets = {NAME: LabelSet(FERPLUS)}
    records = partial(_records, root, paths, reader)
    return Source(NAME, Origin(root.name, "unknown"), sets, len(paths), records, labelled=False)


def _below(folder: Path, seen: set[Path]) -> list[Path]:
    """The pictures of `folder` and below; each folder once, however links lead to it."""
    if folder.resolve() in seen:
        return []
    seen.add(folder.resolve())
    return [*pictures_in(folder), *(path for inner in folders_in(folder) for path in _below(inner, seen))]


def _records(root: Path, paths: Sequence[Path], reader: PictureReader) -> Iterator[Record]:
    for path in paths:
        image = reader.read(path)
        if image is not None:
            nothing = np.zeros(len(FERPLUS), np.uint8)
            yield Record(path.relative_to(root).as_posix(), image, {NAME: nothing}, TRAIN)
