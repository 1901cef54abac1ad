"""A labelled picture: its faces, its ignored regions, and the line of text that keeps them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from engine.items import Box, Floats

Split = Literal["train", "validation"]
SPLITS: tuple[Split, ...] = get_args(Split)


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """A face in a picture, in its pixels: `box` (x1, y1, x2, y2) from forehead to chin as in WIDER FACE; `landmarks`
    float32 `(5, 2)` in the engine's order (eyes, nose, mouth corners, image left first), None where unknown;
    `score` in 0..1 says how sure the teachers are: 1.0 for labels made by people."""

    box: Box
    landmarks: Floats | None = None
    score: float = 1.0

    def __post_init__(self) -> None:
        _check_box(self.box)
        if not 0.0 <= self.score <= 1.0:
            raise ValueError(f"score must be within 0..1, got {self.score}")
        if self.landmarks is not None:
            if self.landmarks.shape != (5, 2) or self.landmarks.dtype != np.float32:
                raise ValueError(f"expected float32 landmarks (5, 2), got {self.landmarks.shape}")
            if not np.isfinite(self.landmarks).all():
                raise ValueError("landmarks must be finite; give None where they are unknown")
            self.landmarks.flags.writeable = False


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """What is known about one stored picture. Pictures of one `group` (a clip) show the same people and share a
    `split`; in `ignored` regions nobody is sure: neither face nor background. `start` counts pixels of three bytes."""

    name: str
    group: str
    split: Split
    width: int
    height: int
    faces: tuple[Face, ...]
    ignored: tuple[Box, ...]
    start: int

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            raise ValueError(f"split must be {' or '.join(SPLITS)}, got {self.split!r}")
        if min(self.width, self.height) < 1 or self.start < 0:
            raise ValueError(f"{self.width}x{self.height} from pixel {self.start} is no picture")
        for box in self.ignored:
            _check_box(box)

    @property
    def stop(self) -> int:
        """The pixel after its last."""
        return self.start + self.width * self.height


def _check_box(box: Box) -> None:
    x1, y1, x2, y2 = box
    if not (np.isfinite(box).all() and x2 > x1 and y2 > y1):
        raise ValueError(f"expected a finite box with x2 > x1 and y2 > y1, got {box}")


def to_line(picture: Picture) -> str:
    """One line of JSON with its line end. Hundredths of a pixel are more than teachers know."""
    faces = [
        {
            "box": _rounded(face.box),
            "landmarks": None if face.landmarks is None else [_rounded(point) for point in face.landmarks],
            "score": round(face.score, 4),
        }
        for face in picture.faces
    ]
    row = {name: getattr(picture, name) for name in ("name", "group", "split", "width", "height", "start")}
    return json.dumps({**row, "faces": faces, "ignored": [_rounded(box) for box in picture.ignored]}) + "\n"


def _rounded(values: Sequence[float] | Floats) -> list[float]:
    return [round(float(value), 2) for value in values]


def from_line(line: str) -> Picture:
    """Raises ValueError, KeyError or TypeError when `line` was not written by `to_line`."""
    row = json.loads(line)
    faces = [
        Face(
            _box(face["box"]),
            None if face["landmarks"] is None else np.array(face["landmarks"], np.float32),
            face["score"],
        )
        for face in row.pop("faces")
    ]
    ignored = [_box(box) for box in row.pop("ignored")]
    return Picture(**row, faces=tuple(faces), ignored=tuple(ignored))


def _box(values: Sequence[float]) -> Box:
    x1, y1, x2, y2 = values
    return float(x1), float(y1), float(x2), float(y2)
