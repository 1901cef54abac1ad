"""Drawn grounds without a face: noise of all scales, discs, stripes, writing.

Gravel, coins and pages are rare among everyday pictures, and twelve pixels of them look like a face to a network that
never saw any.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.items import Floats, Image

Random = np.random.Generator
_LETTERS = "aeonrtil sdmc,upgbvhfq.zx EWOB08"


def texture(size: int, random: Random) -> Image:
    """A square uint8 BGR picture of `size` pixels, of one of the kinds."""
    kinds: list[Callable[[int, Random], Image]] = [_grains, _discs, _stripes, _writing]
    return kinds[random.integers(len(kinds))](size, random)


def _grains(size: int, random: Random) -> Image:
    """Noise of several scales added up, between two colours."""
    sum_: Floats = np.zeros((size, size), np.float32)
    for cell in 2.0 ** random.uniform(0, 6.5, 4):
        cells = max(int(size / cell), 2)
        grid = random.standard_normal((cells, cells), np.float32)
        smooth = int(random.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_NEAREST]))
        sum_ += cv2.resize(grid, (size, size), interpolation=smooth) * random.uniform(0.2, 1)
    low, high = np.percentile(sum_[::4, ::4], (2, 98))
    share = np.clip((sum_ - low) / max(high - low, 1e-6), 0, 1)[..., None]
    first, second = _colour(random), _colour(random)
    grains: Image = (first + (second - first) * share).astype(np.uint8)
    return grains


def _discs(size: int, random: Random) -> Image:
    """Round things of about one size, with smaller ones on them; sharp or soft."""
    image = _grains(size, random)
    radius = float(np.exp(random.uniform(np.log(4), np.log(size / 5))))
    for _ in range(min(int(0.3 * (size / radius) ** 2), 150)):
        centre = random.uniform(0, size, 2)
        _disc(image, centre, radius * random.uniform(0.7, 1.3), random)
        for _ in range(random.integers(0, 4)):
            _disc(image, centre + random.normal(0, radius / 2, 2), radius * random.uniform(0.1, 0.5), random)
    soft: Image = cv2.GaussianBlur(image, (0, 0), random.uniform(0.3, 2))
    return soft


def _disc(image: Image, centre: NDArray[np.float64], radius: float, random: Random) -> None:
    axes = (max(int(radius), 1), max(int(radius * random.uniform(0.7, 1.3)), 1))
    place = (int(centre[0]), int(centre[1]))
    thickness = -1 if random.random() < 0.7 else max(int(radius / 6), 1)
    cv2.ellipse(
        image, place, axes, float(random.uniform(0, 180)), 0, 360, _colour(random).tolist(), thickness, cv2.LINE_AA
    )


def _stripes(size: int, random: Random) -> Image:
    """Waves across one or two directions: blinds, fences, cloth, grids."""
    y, x = np.mgrid[:size, :size].astype(np.float32)
    sum_: Floats = np.zeros((size, size), np.float32)
    for _ in range(random.integers(1, 3)):
        turn, length = random.uniform(0, np.pi), np.exp(random.uniform(np.log(3), np.log(size / 3)))
        wave = np.sin((x * np.cos(turn) + y * np.sin(turn)) * 2 * np.pi / length + random.uniform(0, 6))
        sum_ += np.sign(wave) if random.random() < 0.5 else wave
    share = ((sum_ - sum_.min()) / max(float(np.ptp(sum_)), 1e-6))[..., None]
    first, second = _colour(random), _grains(size, random)
    stripes: Image = (first + (second - first) * share).astype(np.uint8)
    return stripes


def _writing(size: int, random: Random) -> Image:
    """Lines of letters, from a page to a poster."""
    image = np.full((size, size, 3), _colour(random), np.uint8)
    scale, font = float(np.exp(random.uniform(np.log(0.25), np.log(2.5)))), int(random.integers(0, 8))
    step = max(int(30 * scale * random.uniform(0.8, 1.6)), 6)
    colour, thickness = _colour(random).tolist(), max(int(scale * random.uniform(1, 3)), 1)
    for line in range(step, size + step, step):
        text = "".join(random.choice(list(_LETTERS), int(size / (15 * scale)) + 2))
        place = (int(random.uniform(-20, 5)), line)
        cv2.putText(image, text, place, font, scale, colour, thickness, cv2.LINE_AA)
    return image


def _colour(random: Random) -> Floats:
    """Gray or any colour, as float32 `(3,)`."""
    gray = random.uniform(0, 255)
    colour = np.full(3, gray) if random.random() < 0.5 else np.clip(gray + random.normal(0, 50, 3), 0, 255)
    values: Floats = colour.astype(np.float32)
    return values
