"""What classic models see of a face: local binary patterns, oriented gradients, and a network's own features."""

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
from skimage.feature import hog
from tqdm import tqdm

from engine import pixels
from engine.fields import Count, Pixels, settings
from engine.items import Floats, Image
from trainer.labels import Ints

_CHUNK = 256
_POINTS = 8


class Extractor(Protocol):
    """Turns faces uint8 `(N, S, S)` into features float32 `(N, D)`. `name` tells it from every other one."""

    @property
    def name(self) -> str: ...

    def __call__(self, images: Image) -> Floats: ...


@settings
class LbpConfig:
    """Local binary patterns: `radii` in pixels of a face of `size`, histograms over `grid` by `grid` cells."""

    radii: tuple[Count, ...] = (1, 2)
    grid: Count = 6
    size: Pixels = 48


@settings
class HogConfig:
    """Oriented gradients: one set of histograms for each of `cells` (pixels a side), blocks of 2 by 2 cells."""

    cells: tuple[Count, ...] = (6, 8)
    orientations: Count = 8
    size: Pixels = 48


Sampler: TypeAlias = Callable[[Image], Floats]


class Lbp:
    """Histograms of uniform local binary patterns with eight points (Ojala et al. 2002), several radii, over
    a grid of cells (Ahonen et al. 2006): 59 bins a cell and radius, as square roots of shares.

    The square root makes straight distances of histograms behave (Hellinger; Arandjelovic and Zisserman 2012).
    """

    def __init__(self, config: LbpConfig) -> None:
        self.config = config

    @property
    def name(self) -> str:
        return f"lbp-{'-'.join(map(str, self.config.radii))}-grid{self.config.grid}-{self.config.size}"

    def __call__(self, images: Image) -> Floats:
        return _in_chunks(images, self.config.size, self._histograms, self.name)

    def _histograms(self, images: Image) -> Floats:
        grid, parts = self.config.grid, []
        for radius in self.config.radii:
            codes = uniform_patterns(images, radius)
            cell = (np.arange(codes.shape[1]) * grid) // codes.shape[1]
            place = (np.arange(len(images))[:, None, None] * grid + cell[:, None]) * grid + cell
            bins = len(images) * grid * grid * _BINS
            counts = np.bincount((place * _BINS + codes).ravel(), minlength=bins).reshape(-1, _BINS)
            shares = np.sqrt(counts / np.maximum(counts.sum(1, keepdims=True), 1))
            parts.append(shares.reshape(len(images), -1))
        return np.concatenate(parts, 1).astype(np.float32)


@cache
def _uniform_bins() -> Ints:
    """Which of 59 bins each of the 256 patterns falls into: one for each with at most two changes around the
    circle, and the last for all others."""
    bits = (np.arange(256)[:, None] >> np.arange(_POINTS)) & 1
    uniform = (bits != np.roll(bits, 1, 1)).sum(1) <= 2
    bins: Ints = np.where(uniform, uniform.cumsum() - 1, uniform.sum()).astype(np.int64)
    return bins


_BINS = 59


def uniform_patterns(images: Image, radius: int) -> Ints:
    """The pattern bin 0..58 of each pixel at least `radius` from the border; `(N, S - 2r, S - 2r)`.

    The eight neighbours lie on a circle and are interpolated between pixels.
    """
    size = images.shape[1]
    inner = size - 2 * radius
    values = images.astype(np.float32)
    centre = values[:, radius : radius + inner, radius : radius + inner]
    code = np.zeros(centre.shape, np.int64)
    for point in range(_POINTS):
        angle = 2 * np.pi * point / _POINTS
        down, right = -radius * np.sin(angle), radius * np.cos(angle)
        # The tolerance keeps a flat patch flat when its interpolated value is one rounding off.
        code |= (_shifted(values, down, right, radius, inner) >= centre - 1e-3).astype(np.int64) << point
    return _uniform_bins()[code]


def _shifted(values: Floats, down: float, right: float, radius: int, inner: int) -> Floats:
    """The inner pixels moved by a fraction of a pixel, bilinear."""
    top, left = int(np.floor(round(down, 5))), int(np.floor(round(right, 5)))
    part_y, part_x = np.float32(round(down, 5) - top), np.float32(round(right, 5) - left)
    total = np.zeros((len(values), inner, inner), np.float32)
    for step_y, weight_y in ((0, 1 - part_y), (1, part_y)):
        for step_x, weight_x in ((0, 1 - part_x), (1, part_x)):
            if weight_y * weight_x > 0:
                y, x = radius + top + step_y, radius + left + step_x
                total += weight_y * weight_x * values[:, y : y + inner, x : x + inner]
    return total


class Hog:
    """Histograms of oriented gradients (Dalal and Triggs 2005), L2-Hys blocks, for one or more cell sizes."""

    def __init__(self, config: HogConfig) -> None:
        self.config = config

    @property
    def name(self) -> str:
        return f"hog-{'-'.join(map(str, self.config.cells))}-{self.config.orientations}-{self.config.size}"

    def __call__(self, images: Image) -> Floats:
        return _in_chunks(images, self.config.size, self._histograms, self.name)

    def _histograms(self, images: Image) -> Floats:
        return np.stack([self._one(image) for image in images]).astype(np.float32)

    def _one(self, image: Image) -> Floats:
        parts = [
            hog(image, self.config.orientations, (cell, cell), (2, 2), block_norm="L2-Hys", transform_sqrt=False)
            for cell in self.config.cells
        ]
        return np.concatenate(parts)


class Cached:
    """An extractor that keeps what it computed as `.npy` in `folder`, by a SHA-256 over faces and name."""

    def __init__(self, extractor: Extractor, folder: Path, at_least: int = 512) -> None:
        self._extractor, self._folder, self._at_least = extractor, folder, at_least

    @property
    def name(self) -> str:
        return self._extractor.name

    def __call__(self, images: Image) -> Floats:
        if len(images) < self._at_least:
            return self._extractor(images)
        digest = hashlib.sha256(np.ascontiguousarray(images).tobytes()).hexdigest()[:20]
        path = self._folder / f"{self.name}-{digest}.npy"
        if not path.is_file():
            self._folder.mkdir(parents=True, exist_ok=True)
            with (beside := path.with_suffix(".part")).open("wb") as file:
                np.save(file, self._extractor(images), allow_pickle=False)
            beside.replace(path)
        features: Floats = np.load(path, mmap_mode="r", allow_pickle=False)
        return features


def _in_chunks(images: Image, size: int, extract: Sampler, name: str) -> Floats:
    """`extract` over faces brought to `size`, a few at a time; a progress bar where it takes long."""
    if not len(images):
        return extract(np.zeros((1, size, size), np.uint8))[:0]
    parts = []
    with tqdm(total=len(images), desc=name, unit="face", leave=False, disable=None, delay=2) as bar:
        for start in range(0, len(images), _CHUNK):
            chunk = np.stack([pixels.fit(image, size, size) for image in images[start : start + _CHUNK]])
            parts.append(extract(chunk))
            bar.update(len(chunk))
    return np.concatenate(parts)
