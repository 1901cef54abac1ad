"""Small data sets on disk, one writer for each layout."""

from pathlib import Path

import cv2
import numpy as np

SIDE = 48
HEAD = "emotion,pixels,Usage\n"
VOTE_HEAD = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF\n"
PIXELS = " ".join(str(number % 251) for number in range(SIDE * SIDE))
ROWS = f"0,{PIXELS},Training\n3,{PIXELS},PrivateTest\n"
VOTES = "Training,a.png,4,0,0,1,3,2,0,0,0,0\nPrivateTest,b.png,0,9,0,0,0,0,0,0,1,0\n"


def write_csv(folder: Path, pixels: str = HEAD + ROWS, votes: str | None = VOTE_HEAD + VOTES) -> Path:
    (folder / "fer2013.csv").write_text(pixels)
    if votes is not None:
        (folder / "fer2013new.csv").write_text(votes)
    return folder


def write_mosaics(folder: Path, count: int, rows: int = 25) -> np.ndarray:
    """One mosaic of random tiles, and labels for `count` of them; gives the tiles."""
    tiles = np.random.default_rng(0).integers(0, 256, (rows * 40, SIDE, SIDE), dtype=np.uint8)
    mosaic = tiles.reshape(rows, 40, SIDE, SIDE).transpose(0, 2, 1, 3).reshape(rows * SIDE, 40 * SIDE)
    (folder / "mosaics").mkdir()
    cv2.imwrite(str(folder / "mosaics" / "00.webp"), mosaic, [cv2.IMWRITE_WEBP_QUALITY, 101])
    write_labels(folder, count)
    return tiles


def write_labels(folder: Path, count: int, **changed: np.ndarray) -> None:
    arrays = {
        "label": np.arange(count) % 7,
        "usage": np.arange(count) % 3,
        "ferplus_votes": np.full((count, 10), 3, np.uint8),
    }
    np.savez(folder / "labels.npz", **arrays | changed)


def picture(number: int, side: int = SIDE) -> np.ndarray:
    """A picture of coarse noise that resembles that of no other number."""
    coarse = np.random.default_rng(number).integers(0, 256, (12, 12), dtype=np.uint8)
    return cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)


def write_pictures(folder: Path, names: list[str], first: int = 0) -> Path:
    """A different picture at each of `names`, paths within `folder`."""
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), picture(first + number))
    return folder
