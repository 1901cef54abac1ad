"""FER2013 with its FER+ votes as lossless mosaics: `mosaics/*.webp` of 25 rows of 40 faces, and `labels.npz`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from engine.errors import ConfigError
from engine.items import Image
from trainer.sources import fer2013
from trainer.sources.base import Record, Source
from trainer.sources.fer2013 import SIDE

_ROWS, _COLUMNS = 25, 40
_ARRAYS = ("label", "usage", "ferplus_votes")


def found(folder: Path) -> bool:
    return (folder / "labels.npz").is_file() and (folder / "mosaics").is_dir()


def open_mosaics(folder: Path) -> Source:
    """The data set in `folder`. `labels.npz` holds `label` 0..6, `usage` 0..2 (train, validation, test) and
    `ferplus_votes` `(N, 10)`; also `fer_row`, the row in `fer2013.csv`, where known.

    Raises:
        ConfigError: naming the file that is missing, damaged or does not fit.
    """
    table = _read(folder / "labels.npz")
    paths = sorted((folder / "mosaics").glob("*.webp"))
    count, tiles = len(table["label"]), len(paths) * _ROWS * _COLUMNS
    if not 0 <= tiles - count < _ROWS * _COLUMNS:
        raise ConfigError(f"{folder / 'mosaics'}: {tiles} tiles for the {count} rows of labels.npz")
    return Source(
        "fer2013-mosaics", fer2013.origin(True), fer2013.label_sets(True), count, lambda: _records(paths, table)
    )


def _records(paths: list[Path], table: dict[str, Any]) -> Iterator[Record]:
    images = (tile for path in paths for tile in _tiles(path))
    # Named like the rows of the table they came from: line 1 is its header.
    rows = zip(table["label"], table["usage"], table["ferplus_votes"], table["fer_row"], strict=True)
    for (label, usage, votes, row), image in zip(rows, images, strict=False):
        yield Record(f"fer2013.csv, line {row + 2}", image, fer2013.answers(label, votes), int(usage))


def _tiles(path: Path) -> Image:
    mosaic = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if mosaic is None or mosaic.shape != (_ROWS * SIDE, _COLUMNS * SIDE):
        shape = "no picture" if mosaic is None else f"{mosaic.shape[1]}x{mosaic.shape[0]} pixels"
        raise ConfigError(f"{path}: expected {_COLUMNS * SIDE}x{_ROWS * SIDE} pixels, found {shape}")
    grid: Image = mosaic.reshape(_ROWS, SIDE, _COLUMNS, SIDE).transpose(0, 2, 1, 3)
    return grid.reshape(-1, SIDE, SIDE)


def _read(path: Path) -> dict[str, Any]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            missing = [name for name in _ARRAYS if name not in archive.files]
            if missing:
                raise ConfigError(f"{path}: array {missing[0]!r} is missing; it holds {', '.join(archive.files)}")
            table = {name: archive[name] for name in archive.files if name in (*_ARRAYS, "fer_row")}
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: not an archive of plain arrays ({error})") from error
    count = len(table["label"])
    table.setdefault("fer_row", np.arange(count))
    shapes = {"label": (count,), "usage": (count,), "ferplus_votes": (count, 10), "fer_row": (count,)}
    for name, shape in shapes.items():
        if table[name].shape != shape:
            raise ConfigError(f"{path}: array {name!r} has shape {table[name].shape}, expected {shape}")
    for name, limit in (("label", 6), ("usage", 2)):
        if count and not 0 <= int(table[name].min()) <= int(table[name].max()) <= limit:
            raise ConfigError(f"{path}: array {name!r} has values outside 0..{limit}")
    return table
