"""WIDER FACE (Yang et al., CVPR 2016) as training data: faces labelled by people, some with landmarks.

Two files say the same: `label.txt` of RetinaFace (Deng et al., CVPR 2020), which adds landmarks,

    # 0--Parade/0_Parade_marchingband_1_849.jpg
    449 330 122 149 488.906 373.643 0.0 542.089 376.442 0.0 515.031 412.83 0.0 ... 0.82

(x, y, width, height, five times x, y and a flag, how sharp it is; -1 where there are no landmarks), and the
`wider_face_train_bbx_gt.txt` that comes with the data set: name, count, and a line of ten numbers for each face.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from engine.errors import ConfigError
from engine.items import Box, Floats, Image
from trainer.detector.consensus import Verdict
from trainer.detector.faces import Face
from trainer.detector.label import LabelConfig, stored
from trainer.detector.pictures import PictureWriter
from trainer.sources.base import PictureReader

_NAMED = 10
"""So many wrong lines or missing pictures are named; the others are counted."""
_WITH_LANDMARKS, _OFFICIAL, _BOX_ONLY = 20, 10, 4
_INVALID = 7
"""Which of the ten numbers of the official format says that a face is not to be trained on."""


@dataclass(slots=True, eq=False)
class Annotated:
    """What a label file says of one picture: `(x1, y1, x2, y2)` and landmarks as they stand in it."""

    name: str
    faces: list[tuple[Box, Floats | None]] = field(default_factory=list)
    ignored: list[Box] = field(default_factory=list)


@dataclass(slots=True)
class Labels:
    """A label file that was read; `empty` counts the boxes without area, of which WIDER FACE really has some."""

    pictures: list[Annotated]
    empty: int = 0


def read_labels(path: Path) -> Labels:
    """The pictures and faces in file `path`, in either format.

    Raises:
        ConfigError: it cannot be read, holds no picture, or lines do not parse; each is named, with its number.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ConfigError(f"{path}: cannot be read ({reason}); name a label.txt of WIDER FACE") from error
    reader = _Reader(path)
    marked = next((line for line in lines if line.strip()), "").startswith("#")
    (reader.read_marked if marked else reader.read_counted)(lines)
    if reader.problems:
        raise ConfigError(*_some(reader.problems, "lines that do not parse"))
    if not reader.labels.pictures:
        raise ConfigError(f"{path}: names no picture; expected lines like '# folder/picture.jpg'")
    return reader.labels


def _some(problems: Sequence[str], what: str) -> list[str]:
    rest = len(problems) - _NAMED
    return [*problems[:_NAMED], *([f"and {rest} more {what}"] if rest > 0 else [])]


class _Reader:
    def __init__(self, path: Path) -> None:
        self.labels = Labels([])
        self.problems: list[str] = []
        self._path = path

    def read_marked(self, lines: Sequence[str]) -> None:
        """RetinaFace's format: a line with `#` begins a picture."""
        for number, line in enumerate(lines, 1):
            if line.startswith("#"):
                self.labels.pictures.append(Annotated(line[1:].strip()))
            elif line.strip():
                self._face(number, line, (_WITH_LANDMARKS, _BOX_ONLY))

    def read_counted(self, lines: Sequence[str]) -> None:
        """The data set's own format: name, count, faces; one line of zeros where there are none."""
        place = 0
        while place < len(lines):
            if not lines[place].strip():
                place += 1
                continue
            count = lines[place + 1].strip() if place + 1 < len(lines) else "the end of the file"
            if not count.isdecimal():
                # Nothing says where the next picture begins.
                self._wrong(place + 2, f"the number of faces in {lines[place].strip()!r}", count)
                return
            self.labels.pictures.append(Annotated(lines[place].strip()))
            faces = range(place + 2, place + 2 + int(count))
            for row in faces:
                self._face(row + 1, lines[row] if row < len(lines) else "the end of the file", (_OFFICIAL,))
                if row >= len(lines):
                    return
            nothing = not faces and place + 2 < len(lines) and len(lines[place + 2].split()) == _OFFICIAL
            place = faces.stop + nothing

    def _face(self, number: int, line: str, widths: tuple[int, ...]) -> None:
        try:
            values = [float(part) for part in line.split()]
        except ValueError:
            values = []
        if len(values) not in widths or not all(map(math.isfinite, values)):
            wanted = " or ".join(map(str, widths))
            self._wrong(number, f"{wanted} numbers, x y width height first", line)
        elif min(values[2:4]) <= 0:
            self.labels.empty += 1
        else:
            self._add(values)

    def _add(self, values: Sequence[float]) -> None:
        x, y, width, height = values[:4]
        box = (x, y, x + width, y + height)
        picture = self.labels.pictures[-1]
        if len(values) == _OFFICIAL and values[_INVALID]:
            picture.ignored.append(box)
        else:
            picture.faces.append((box, _landmarks(values[4:19]) if len(values) == _WITH_LANDMARKS else None))

    def _wrong(self, number: int, expected: str, line: str) -> None:
        shown = line.strip() if len(line) < 60 else f"{line.strip()[:57]}..."
        self.problems.append(f"{self._path}:{number}: expected {expected}; got {shown!r}")


def _landmarks(values: Sequence[float]) -> Floats | None:
    """Five points of x, y and a flag; None where any is unknown."""
    points = np.array(values, np.float32).reshape(5, 3)[:, :2]
    return None if (points < 0).any() else points.copy()


def write_wider(
    labels: Labels, images: Path, reader: PictureReader, config: LabelConfig, out: Path, facts: Mapping[str, Any]
) -> int:
    """Write the pictures of `labels`, which lie in folder `images`, into folder `out`.

    Returns how many boxes were left out as they lie outside their picture. Boxes are cut to the picture; faces below
    `config.rules.min_face` pixels and those marked invalid become ignored regions. Scores are 1.

    Raises:
        ConfigError: pictures are missing or cannot be read, and none may be skipped.
        OutputError: the folder cannot be written.
    """
    outside = 0
    with PictureWriter(out, facts) as writer:
        for annotated, image in _opened(labels, images, reader):
            height, width = image.shape[:2]
            cut = _cutter(width, height)
            faces = [Face(box, points) for face, points in annotated.faces if (box := cut(face))]
            ignored = [box for each in annotated.ignored if (box := cut(each))]
            outside += len(annotated.faces) - len(faces)
            image, verdict = stored(image, Verdict(tuple(faces), tuple(ignored)), config)
            split = config.sampling.split_of(annotated.name)
            writer.add(annotated.name, annotated.name, split, image, verdict.faces, verdict.ignored)
    return outside


def _opened(labels: Labels, images: Path, reader: PictureReader) -> Iterator[tuple[Annotated, Image]]:
    missing = [each.name for each in labels.pictures if not (images / each.name).is_file()]
    if missing and not reader.skip_unreadable:
        named = [f"{images / name}: is named in the labels but not there" for name in missing]
        raise ConfigError(*_some(named, "missing pictures"), "name their folder with --images, or: --skip-unreadable")
    reader.skipped += [f"{images / name}: not there" for name in missing]
    gone = set(missing)
    for annotated in tqdm(labels.pictures, unit=" pictures", disable=None):
        image = None if annotated.name in gone else reader.read(images / annotated.name)
        if image is not None:
            yield annotated, image


def _cutter(width: int, height: int) -> Callable[[Box], Box | None]:
    def cut(box: Box) -> Box | None:
        x1, y1, x2, y2 = max(box[0], 0.0), max(box[1], 0.0), min(box[2], width), min(box[3], height)
        return (x1, y1, x2, y2) if x2 > x1 and y2 > y1 else None

    return cut
