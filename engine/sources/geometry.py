"""How pictures are to be seen: square pixels, upright, not mirrored. One place for what containers and settings say."""

import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from math import atan2, degrees
from typing import Any, Self

import numpy as np

from engine.items import Image
from engine.sources.config import SourceConfig
from engine.sources.picture import Declared, Losses, Picture, Reader

_MAX_ASPECT = 8.0
"""Pixels longer than this by width are a mistake in the file."""


@dataclass(frozen=True, slots=True)
class Pose:
    """Quarter turns clockwise, then perhaps a mirror that swaps left and right.

    >>> Pose.of_matrix(struct.pack("=9i", 0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30))
    Pose(turns=1, mirrored=False)
    """

    turns: int = 0
    mirrored: bool = False

    @classmethod
    def of_matrix(cls, matrix: bytes) -> Self:
        """The pose that a display matrix of MP4 or MOV asks for, to the nearest quarter turn."""
        a, b, _, c, d = struct.unpack_from("=5i", matrix)
        mirrored = a * d - b * c < 0
        # A mirror that follows the turn flips where the first axis points to.
        turns = round(degrees(atan2(b, -a if mirrored else a)) / 90) % 4
        return cls(turns, mirrored)

    def applied(self, image: Image) -> Image:
        """`image`, uint8 `(H, W, 3)`, as it is to be seen; itself where nothing is to be done."""
        seen = np.rot90(image, -self.turns) if self.turns else image
        return np.ascontiguousarray(seen[:, ::-1] if self.mirrored else seen)


def upright(frame: Any, image: Image) -> Image:
    """`image` of a PyAV `frame`, turned and mirrored the way its recorder says it is to be seen."""
    matrix = frame.side_data.get("DISPLAYMATRIX")
    return Pose.of_matrix(bytes(matrix)).applied(image) if matrix is not None else image


def square_size(width: int, height: int, aspect: float | None, max_pixels: int) -> tuple[int, int]:
    """`(width, height)` of a picture in square pixels whose own are `aspect` times as wide as high.

    The shorter side is enlarged, so that nothing is lost, unless that makes more than `max_pixels`.

    >>> square_size(720, 576, 16 / 15, 10**7), square_size(352, 576, 24 / 11, 10**7), square_size(640, 480, None, 10**7)
    ((768, 576), (768, 576), (640, 480))
    """
    if not aspect or not 1 / _MAX_ASPECT <= aspect <= _MAX_ASPECT or abs(aspect - 1) < 0.01:
        return width, height
    wide, high = (width * aspect, float(height)) if aspect > 1 else (float(width), height / aspect)
    shrink = min((max_pixels / (wide * high)) ** 0.5, 1.0)
    return max(int(wide * shrink + 0.5), 1), max(int(high * shrink + 0.5), 1)


class TurnedReader:
    """A reader whose pictures are turned and mirrored as its source's settings ask."""

    def __init__(self, reader: Reader, pose: Pose) -> None:
        self._reader = reader
        self._pose = pose

    @property
    def declared(self) -> Declared:
        return self._reader.declared

    @property
    def duration_s(self) -> float | None:
        return self._reader.duration_s

    @property
    def started_at(self) -> datetime | None:
        return self._reader.started_at

    @property
    def frame_count(self) -> int | None:
        return self._reader.frame_count

    @property
    def losses(self) -> Losses:
        return self._reader.losses

    def read(self) -> Picture | None:
        picture = self._reader.read()
        return replace(picture, image=self._pose.applied(picture.image)) if picture else None

    def close(self) -> None:
        self._reader.close()


def turned(config: SourceConfig, open_reader: Callable[[SourceConfig], Reader]) -> Reader:
    """What `open_reader` opens, its pictures turned and mirrored as `config` asks.

    Raises:
        SourceError: it cannot be opened.
    """
    reader = open_reader(config)
    pose = Pose(config.rotate // 90, config.mirror)
    return reader if pose == Pose() else TurnedReader(reader, pose)
