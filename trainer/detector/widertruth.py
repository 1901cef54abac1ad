"""The validation labels of WIDER FACE (Yang et al., CVPR 2016) as a test set."""

from dataclasses import replace
from functools import partial
from pathlib import Path

from trainer.detector.truth import IOU, LabelledSet, Photo, Problems, Truth, finish, text_lines
from trainer.sources.base import read_picture

LABELS = "wider_face_val_bbx_gt.txt"
_FIELDS, _INVALID = 10, 7
"""x y width height blur expression illumination invalid occlusion pose."""


def labels_in(folder: Path) -> Path | None:
    """The list of validation labels in or below `folder`, as the archives unpack."""
    places = (folder, folder / "wider_face_split", folder / "ground_truth")
    return next((place / LABELS for place in places if (place / LABELS).is_file()), None)


def from_wider(folder: Path, labels: Path) -> LabelledSet:
    """The pictures named in file `labels`. Faces marked invalid are ignored; `rows` keeps the order of the labels.

    Raises:
        ConfigError: lines that do not parse, each named.
    """
    problems = Problems()
    places = (folder / "WIDER_val" / "images", folder / "images", folder)
    images = next(place for place in places if place.is_dir())
    photos = _photos(labels, images, problems)
    found = finish(images, "wider", [labels], IOU, photos, problems)
    return replace(found, folder=folder, name=folder.name, split="validation")


def _photos(labels: Path, images: Path, problems: Problems) -> list[Photo]:
    lines = text_lines(labels)
    photos: list[Photo] = []
    at = 0
    while at < len(lines):
        name, count = lines[at].strip(), lines[at + 1].strip() if at + 1 < len(lines) else ""
        if not name.lower().endswith(".jpg") or not count.isdecimal():
            problems.wrong.append(f"{labels}:{at + 1}: expected a picture's name and a line with its number of faces")
            break
        stop = at + 2 + int(count)
        if stop > len(lines):
            problems.wrong.append(f"{labels}:{at + 2}: the file ends within the {count} faces of {name}")
            break
        found = {row - at - 2: _truth(f"{labels}:{row + 1}", lines[row], problems) for row in range(at + 2, stop)}
        kept = {row: truth for row, truth in found.items() if truth}
        photos.append(Photo(name, partial(read_picture, images / name), tuple(kept.values()), tuple(kept)))
        # A picture without faces has one line of zeros all the same.
        at = max(stop, at + 3)
    return photos


def _truth(where: str, line: str, problems: Problems) -> Truth | None:
    fields = line.split()
    if len(fields) not in (4, _FIELDS):
        problems.wrong.append(f"{where}: expected 4 or {_FIELDS} numbers, got {line.strip()!r}")
        return None
    values = problems.numbers(where, fields)
    if not values:
        return None
    x, y, width, height = values[:4]
    box = problems.box(where, (x, y, x + width, y + height))
    return Truth(box, ignored=len(values) == _FIELDS and values[_INVALID] == 1) if box else None
