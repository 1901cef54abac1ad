"""Drawn faces whose brows, eyes and mouth show one of FER2013's seven emotions, as Kaggle's fer2013.csv.

They stand for real pictures where none are at hand: enough for a small network to learn, in a file that goes
through the real reader.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from engine.items import Image
from trainer.labels import FER2013

SIZE = 48
_SCALE = 4  # drawn larger, then shrunk, so that lines are smooth
_PATCHES, _BLOTCHES = 9, 25


@dataclass(frozen=True, slots=True)
class Look:
    """An expression in pixels of a 48-pixel face: how far the brows are `raised`, how much their inner ends stand
    higher (`slant`), how wide the `eyes` open, how much the mouth's corners rise (`smile`), its half `width`
    and how far it is `open`."""

    raised: float
    slant: float
    eyes: float
    smile: float
    width: float
    open: float


LOOKS = {
    "anger": Look(-1.5, -3.0, 1.4, -1.0, 6.0, 0.5),
    "disgust": Look(-1.0, -1.5, 1.0, -2.0, 5.0, 2.2),
    "fear": Look(2.0, 2.5, 2.8, -1.0, 7.0, 1.8),
    "happiness": Look(0.5, 0.0, 1.4, 3.5, 9.0, 1.5),
    "sadness": Look(0.5, 3.0, 1.2, -3.0, 6.0, 0.4),
    "surprise": Look(3.0, 0.0, 3.0, 0.0, 4.0, 5.0),
    "neutral": Look(0.0, 0.0, 1.8, 0.0, 6.5, 0.4),
}


def draw(look: Look, generator: np.random.Generator) -> Image:
    """One face as gray uint8 `(48, 48)`, with its own head, light, place, turn and grain."""
    skin, dark = generator.uniform(140, 215), generator.uniform(20, 70)
    canvas = _clutter(generator, 20, 200)
    _ellipse(canvas, (24, generator.uniform(17, 22)), generator.uniform((16, 17), (21, 21)), generator.uniform(10, 230))
    _ellipse(canvas, (24, 25), (generator.uniform(15, 18), generator.uniform(19, 22)), skin)
    jitter = generator.normal(0, 0.35, 6)
    for side in (-1, 1):
        _ellipse(canvas, (24 + 7.5 * side, 21), (3.4, max(look.eyes + jitter[0], 0.7)), 245)
        _ellipse(canvas, (24 + 7.5 * side, 21), (1.4, max(min(look.eyes, 1.8), 0.7)), dark)
        brow = 15.5 - look.raised + jitter[1]
        inner, outer = (24 + 3.5 * side, brow - look.slant / 2), (24 + 11.5 * side, brow + look.slant / 2)
        _line(canvas, np.array([inner, outer]), dark, 1.4)
    _line(canvas, np.array([[24, 22], [23, 29], [25, 29]]), skin * 0.8, 0.8)
    _mouth(canvas, look, jitter, dark)
    return _photographed(canvas + _clutter(generator, -_BLOTCHES, _BLOTCHES), generator)


def _clutter(generator: np.random.Generator, low: float, high: float) -> Image:
    """Soft random patches: a different room behind every face, since even drawings are looked through for copies."""
    patches = generator.uniform(low, high, (_PATCHES, _PATCHES)).astype(np.float32)
    return cv2.resize(patches, (SIZE * _SCALE, SIZE * _SCALE), interpolation=cv2.INTER_LINEAR)


def _mouth(canvas: Image, look: Look, jitter: Image, dark: float) -> None:
    width, smile = look.width + jitter[2], look.smile + jitter[3]
    across = np.linspace(-1, 1, 15)
    middle = 36 + jitter[4]
    bow = middle + smile * (0.5 - across**2)
    gap = max(look.open + jitter[5] / 2, 0.3) * np.sqrt(np.clip(1 - across**2, 0, 1))
    outline = np.concatenate(
        [np.stack([24 + width * across, bow - gap], 1), np.stack([24 + width * across, bow + gap], 1)[::-1]]
    )
    cv2.fillPoly(canvas, [np.round(outline * _SCALE).astype(np.int32)], dark)


def _photographed(canvas: Image, generator: np.random.Generator) -> Image:
    side = SIZE * _SCALE
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), generator.normal(0, 5), generator.uniform(0.92, 1.08))
    turn[:, 2] += generator.normal(0, 1.0, 2) * _SCALE
    turned = cv2.warpAffine(canvas, turn, (side, side), borderMode=cv2.BORDER_REPLICATE)
    small = cv2.resize(cv2.GaussianBlur(turned, (0, 0), 2), (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    light = np.linspace(*generator.uniform(0.75, 1.25, 2), SIZE)
    return np.clip(small * light + generator.normal(0, 6, small.shape), 0, 255).astype(np.uint8)


def _ellipse(canvas: Image, centre: tuple[float, float], axes: tuple[float, float], value: float) -> None:
    points = [round(number * _SCALE) for number in (*centre, *axes)]
    cv2.ellipse(canvas, points[:2], points[2:], 0, 0, 360, value, cv2.FILLED)


def _line(canvas: Image, points: Image, value: float, width: float) -> None:
    cv2.polylines(canvas, [np.round(points * _SCALE).astype(np.int32)], False, value, round(width * _SCALE))


def drawn(count: int, seed: int = 0) -> Iterator[tuple[int, Image, str]]:
    """`count` faces as rows of FER2013 (label, image, usage), every emotion as often: eight of ten for training,
    one each for the public and the private test."""
    generator = np.random.default_rng(seed)
    for number in range(count):
        label = number % len(FER2013)
        usage = {8: "PublicTest", 9: "PrivateTest"}.get(number // len(FER2013) % 10, "Training")
        yield label, draw(LOOKS[FER2013[label]], generator), usage


def write_csv(path: Path, rows: Iterable[tuple[int, Image, str]]) -> None:
    """Write `rows` as Kaggle's `fer2013.csv`."""
    with path.open("w", encoding="utf-8") as file:
        file.write("emotion,pixels,Usage\n")
        for label, face, usage in rows:
            file.write(f"{label},{' '.join(map(str, face.reshape(-1)))},{usage}\n")
