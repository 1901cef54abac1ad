"""FER2013 with the FER+ votes, read from a folder of mosaics or from Kaggle's CSV files, and its labels.

Sources: Goodfellow et al. 2013, "Challenges in Representation Learning" (images, splits);
Barsoum et al. 2016, "Training Deep Networks for Facial Expression Recognition with Crowd-Sourced Label
Distribution", arXiv 1608.01041, and its published code (votes, outlier rule, majority rule).
"""

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.errors import ConfigError
from engine.items import Floats, Image

Bools: TypeAlias = NDArray[np.bool_]
Ints: TypeAlias = NDArray[np.int64]

SIZE = 48
LABELS = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")
VOTES = (*LABELS, "unknown", "NF")
SPLITS = ("train", "validation", "test")
USAGES = {"Training": 0, "PublicTest": 1, "PrivateTest": 2}
_TILES = (25, 40)


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """The data set: `images` uint8 `(N, 48, 48)` gray, `votes` uint8 `(N, 10)` in the order of `VOTES`,
    `split` uint8 `(N,)` indexing `SPLITS`."""

    images: Image
    votes: Image
    split: Image

    def __post_init__(self) -> None:
        count = len(self.images)
        wanted = ((count, SIZE, SIZE), (count, len(VOTES)), (count,))
        for name, array, shape in zip(
            ("images", "votes", "split"), (self.images, self.votes, self.split), wanted, strict=True
        ):
            if array.shape != shape or array.dtype != np.uint8:
                raise ValueError(f"{name}: expected uint8 {shape}, got {array.dtype} {array.shape}")


def load(source: Path) -> Faces:
    """The data set in folder `source`: `mosaics/*.webp` with `labels.npz`, or `fer2013.csv` with
    `fer2013new.csv`.

    Raises:
        ConfigError: naming the file, and for a CSV the line and column, that is missing or wrong.
    """
    if (source / "labels.npz").is_file():
        return _load_mosaics(source)
    if (source / "fer2013.csv").is_file():
        return _load_csv(source / "fer2013.csv", source / "fer2013new.csv")
    raise ConfigError(
        f"data: {str(source)!r} holds neither labels.npz with mosaics/ nor fer2013.csv with fer2013new.csv"
    )


def _load_mosaics(folder: Path) -> Faces:
    labels = read_arrays(folder / "labels.npz", ("usage", "ferplus_votes"))
    count = len(labels["usage"])
    rows, columns = _TILES
    tiles = []
    for path in sorted((folder / "mosaics").glob("*.webp")):
        mosaic = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if mosaic is None or mosaic.shape != (rows * SIZE, columns * SIZE):
            found = "no picture" if mosaic is None else f"{mosaic.shape[1]}x{mosaic.shape[0]} pixels"
            raise ConfigError(f"{path}: expected {columns * SIZE}x{rows * SIZE} pixels, found {found}")
        grid = mosaic.reshape(rows, SIZE, columns, SIZE).transpose(0, 2, 1, 3)
        tiles.append(grid.reshape(-1, SIZE, SIZE))
    have = sum(map(len, tiles))
    if have < count or have - count >= rows * columns:
        raise ConfigError(f"{folder / 'mosaics'}: {have} tiles for the {count} rows of labels.npz")
    return Faces(np.concatenate(tiles)[:count], labels["ferplus_votes"], labels["usage"])


def read_arrays(path: Path, names: tuple[str, ...]) -> dict[str, Any]:
    """The named arrays of an .npz archive; `ConfigError` when it is damaged or lacks one."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            missing = [name for name in names if name not in archive.files]
            if missing:
                raise ConfigError(f"{path}: array {missing[0]!r} is missing; it holds {archive.files}")
            return {name: archive[name] for name in names}
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: not an archive of plain arrays ({error})") from error


def _load_csv(pixels: Path, votes: Path) -> Faces:
    """Kaggle's `emotion,pixels,Usage` and FER+'s `Usage,Image name,neutral,...,NF`, row by row."""
    images, splits = [], []
    for line, row in _rows(pixels, ("pixels", "Usage")):
        image = np.array(row["pixels"].split(), dtype=np.str_)
        if len(image) != SIZE * SIZE or not all(value.isdigit() and int(value) < 256 for value in image):
            raise ConfigError(
                f"{pixels}, line {line}, column 'pixels': expected {SIZE * SIZE} numbers 0..255, "
                f"found {len(image)} values"
            )
        if row["Usage"] not in USAGES:
            raise ConfigError(
                f"{pixels}, line {line}, column 'Usage': expected one of {', '.join(USAGES)}, found {row['Usage']!r}"
            )
        images.append(image.astype(np.uint8).reshape(SIZE, SIZE))
        splits.append(USAGES[row["Usage"]])
    table = [[_vote(votes, line, row, name) for name in VOTES] for line, row in _rows(votes, VOTES)]
    if len(table) != len(images):
        raise ConfigError(f"{votes}: {len(table)} rows, but {pixels.name} has {len(images)}")
    if not images:
        raise ConfigError(f"{pixels}: holds no images")
    return Faces(np.stack(images), np.array(table, np.uint8), np.array(splits, np.uint8))


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """`(line number, row)` of a CSV file that has `columns`."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            for name in columns:
                if name not in (reader.fieldnames or ()):
                    raise ConfigError(f"{path}, line 1: column {name!r} is missing")
            for row in reader:
                absent = next((name for name in columns if row[name] is None), None)
                if absent:
                    raise ConfigError(f"{path}, line {reader.line_num}, column {absent!r}: no value")
                yield reader.line_num, row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path}: cannot be read ({error})") from error


def _vote(path: Path, line: int, row: dict[str, str], name: str) -> int:
    text = row[name].strip()
    if not text.isdigit() or int(text) > 255:
        raise ConfigError(f"{path}, line {line}, column {name!r}: expected a count of votes, found {text!r}")
    return int(text)


def clean_votes(votes: Image) -> Ints:
    """`votes` `(N, 10)` without single votes, which FER+ counts as noise, as int64."""
    counts = votes.astype(np.int64)
    return np.where(counts > 1, counts, 0)


def distributions(votes: Image) -> tuple[Floats, Bools]:
    """Training targets from votes `(N, 10)`: float32 `(N, 8)`, and which rows have one.

    Single votes are dropped, then the eight emotions are normalised. A row has no target (all zeros)
    where unknown or not-a-face has at least as many votes as the best emotion.
    """
    counts = clean_votes(votes)
    emotions = counts[:, : len(LABELS)]
    usable = emotions.max(1) > counts[:, len(LABELS) :].max(1)
    targets = np.where(usable[:, None], emotions, 0) / np.maximum(emotions.sum(1, keepdims=True), 1)
    return targets.astype(np.float32), usable


def majority(votes: Image) -> Ints:
    """The label where an emotion has more than half of all votes, else -1; `(N,)`.

    The rule of the FER+ code (`majority`): single votes removed first, unknown and NF count in the sum.
    """
    counts = clean_votes(votes)
    best = counts.argmax(1)
    agreed = (2 * counts.max(1) > counts.sum(1)) & (best < len(LABELS))
    return np.where(agreed, best, -1)


def plurality(votes: Image) -> Ints:
    """The label where one emotion has more votes than every other answer, else -1; `(N,)`."""
    counts = clean_votes(votes)
    top = np.sort(counts, axis=1)
    best = counts.argmax(1)
    unique = (top[:, -1] > top[:, -2]) & (best < len(LABELS))
    return np.where(unique, best, -1)


def blank(images: Image) -> Bools:
    """Which of `images` `(N, H, W)` show nothing: one single value all over."""
    flat = images.reshape(len(images), -1)
    same: Bools = flat.min(1) == flat.max(1)
    return same


def leaked(faces: Faces, into: int, of: tuple[int, ...]) -> Bools:
    """Which images of split `into` stand pixel for pixel in one of the splits `of` too; `(N,)`."""
    keys = np.array([hashlib.sha256(image.tobytes()).hexdigest() for image in faces.images])
    elsewhere = np.isin(faces.split, of)
    copies: Bools = (faces.split == into) & np.isin(keys, np.unique(keys[elsewhere]))
    return copies
