"""Readers of face labels as others publish them: lines of boxes, VOC's XML and dlib's."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from engine.errors import ConfigError
from engine.items import Box, Floats
from trainer.detector.faces import Split
from trainer.detector.truth import (
    IOU,
    LabelledSet,
    Photo,
    Problems,
    Truth,
    finish,
    from_pictures,
    is_pictures,
    text_lines,
)
from trainer.detector.widertruth import LABELS, from_wider, labels_in
from trainer.detector.xmllines import Element, read_xml
from trainer.sources.base import pictures_in, read_picture

EYE_TO_CHIN_IOU = 0.3
"""Boxes from the eyes to the chin cover half of a detector's forehead-to-chin box at best."""
LINES = "gt.txt"
_LEFT_EYE, _RIGHT_EYE, _NOSE, _MOUTH = range(36, 42), range(42, 48), 30, (48, 54)
"""Points of the 68 of iBUG's 300-W (Sagonas et al., 2013), image left first."""


def open_set(path: Path, split: Split = "validation", option: str = "--data") -> LabelledSet:
    """The labelled set in folder `path`; how it is laid out is found by looking. `split` is for data folders, and
    `option` is what the user named it by.

    Raises:
        ConfigError: there is none, or labels do not parse: each is named with file and line.
    """
    folder = path.expanduser()
    if not folder.is_dir():
        raise ConfigError(f"{option}: {str(path)!r} is no folder; name one of labelled photos")
    if is_pictures(folder):
        return from_pictures(folder, split)
    if (folder / LINES).is_file():
        return _from_lines(folder)
    if (labels := labels_in(folder)) is not None:
        return from_wider(folder, labels)
    if found := sorted(folder.glob("*.xml")):
        return _from_xml(folder, found)
    raise ConfigError(
        f"{option}: {str(path)!r} holds no labels: expected {LINES} (name x1 y1 x2 y2), *.xml of VOC or dlib, "
        f"{LABELS}, or a folder written by moodline-train detector label"
    )


def _photos(folder: Path, truths: Mapping[str, Sequence[Truth]]) -> list[Photo]:
    return [Photo(name, partial(read_picture, folder / name), tuple(faces)) for name, faces in truths.items()]


def _from_lines(folder: Path) -> LabelledSet:
    """`gt.txt` with a face a line (name x1 y1 x2 y2, from the eyes to the chin); pictures without a line have none."""
    truths: dict[str, list[Truth]] = {path.name: [] for path in pictures_in(folder)}
    problems = Problems()
    for number, line in enumerate(text_lines(folder / LINES), 1):
        if not line.strip() or line.startswith("#"):
            continue
        where = f"{folder / LINES}:{number}"
        name, *corners = line.rsplit(maxsplit=4)
        if len(corners) != 4:
            problems.wrong.append(f"{where}: expected name x1 y1 x2 y2, got {line.strip()!r}")
            continue
        values = problems.numbers(where, corners)
        box = problems.box(where, values) if values else None
        if box:
            truths.setdefault(name, []).append(Truth(box))
    return finish(folder, "lines", [folder / LINES], EYE_TO_CHIN_IOU, _photos(folder, truths), problems)


def _from_xml(folder: Path, found: Sequence[Path]) -> LabelledSet:
    roots = {path: read_xml(path) for path in found}
    readers: dict[str, Callable[[Path, Mapping[Path, Element]], LabelledSet]] = {
        "annotation": _from_voc,
        "dataset": _from_dlib,
    }
    for path, root in roots.items():
        if root.tag not in readers:
            raise ConfigError(f"{path}:{root.line}: is <{root.tag}>; expected VOC's <annotation> or dlib's <dataset>")
    tags = {root.tag for root in roots.values()}
    if len(tags) > 1:
        raise ConfigError(f"{folder}: mixes {' and '.join(sorted(tags))} files; put them into folders of their own")
    return readers[tags.pop()](folder, roots)


def _from_voc(folder: Path, roots: Mapping[Path, Element]) -> LabelledSet:
    """Pascal VOC: a file a picture. Every object is a face, whatever its class; `difficult` ones are ignored."""
    truths: dict[str, list[Truth]] = {}
    problems = Problems()
    for path, root in roots.items():
        truths[_voc_picture(path, root)] = [
            Truth(box, ignored=(difficult := each.find("difficult")) is not None and difficult.text.strip() == "1")
            for each in root.all("object")
            if (box := _voc_box(path, each, problems))
        ]
    return finish(folder, "voc", list(roots), IOU, _photos(folder, truths), problems)


def _voc_picture(path: Path, root: Element) -> str:
    """The picture's name: that in the file, or where there is none of that name, the file's own."""
    named = root.find("filename")
    name = named.text.strip() if named else ""
    return name if name and (path.parent / name).is_file() else f"{path.stem}.jpg"


def _voc_box(path: Path, element: Element, problems: Problems) -> Box | None:
    bounds = element.find("bndbox")
    where = f"{path}:{(bounds or element).line}"
    if bounds is None:
        problems.wrong.append(f"{where}: object without <bndbox>")
        return None
    sides = [bounds.find(tag) for tag in ("xmin", "ymin", "xmax", "ymax")]
    values = problems.numbers(where, [side.text if side else None for side in sides])
    return problems.box(where, values) if values else None


def _from_dlib(folder: Path, roots: Mapping[Path, Element]) -> LabelledSet:
    """dlib's lists of images. Where several files list one image, the one with most landmarks is taken."""
    truths: dict[str, list[Truth]] = {}
    problems = Problems()
    for path, root in roots.items():
        for image in (each for part in root.all("images") for each in part.all("image")):
            name = image.attributes.get("file", "")
            if not name:
                problems.wrong.append(f"{path}:{image.line}: image without file")
                continue
            faces = [truth for box in image.all("box") if (truth := _dlib_truth(path, box, problems))]
            if name not in truths or _marked(faces) > _marked(truths[name]):
                truths[name] = faces
    # A label that is wrong stands in the file with landmarks and in the one without.
    problems.notes = sorted(set(problems.notes))
    return finish(folder, "dlib", list(roots), IOU, _photos(folder, truths), problems)


def _marked(faces: Sequence[Truth]) -> int:
    return sum(face.landmarks is not None for face in faces)


def _dlib_truth(path: Path, element: Element, problems: Problems) -> Truth | None:
    where = f"{path}:{element.line}"
    values = problems.numbers(where, [element.attributes.get(side) for side in ("left", "top", "width", "height")])
    if not values:
        return None
    left, top, width, height = values
    box = problems.box(where, (left, top, left + width, top + height))
    if not box:
        return None
    return Truth(box, _dlib_landmarks(path, element, problems), element.attributes.get("ignore") == "1")


def _dlib_landmarks(path: Path, element: Element, problems: Problems) -> Floats | None:
    points = np.full((68, 2), np.nan)
    for part in element.all("part"):
        row = problems.numbers(f"{path}:{part.line}", [part.attributes.get(key) for key in ("name", "x", "y")])
        if row and 0 <= row[0] < len(points):
            points[int(row[0])] = row[1:]
    return five_of_68(points) if np.isfinite(points).all() else None


def five_of_68(points: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Floats:
    """iBUG's 68 points `(68, 2)` as the engine's five, float32 `(5, 2)`; an eye is the mean of its outline."""
    eyes = [points[list(part)].mean(axis=0) for part in (_LEFT_EYE, _RIGHT_EYE)]
    return np.array([*eyes, points[_NOSE], *points[list(_MOUTH)]], np.float32)
