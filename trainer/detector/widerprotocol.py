"""The easy, medium and hard numbers of WIDER FACE, as its authors' evaluation counts them.

Yang et al., "WIDER FACE: A Face Detection Benchmark", CVPR 2016, and the published evaluation code: all scores of a
detector are stretched to 0..1; overlap 0.5 with sides of `x2 - x1 + 1` pixels; a detection belongs to the face it
overlaps most, so a second one on a found face counts as false; faces that are not in a subset's list, and what finds
them, count neither way; precision and recall at 1000 thresholds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from engine.errors import ConfigError
from engine.items import Detection
from trainer.detector.matching import Doubles, Flags
from trainer.detector.truth import LabelledSet, Photo

SUBSETS = ("easy", "medium", "hard")
THRESHOLDS = 1000
IOU = 0.5
_PLACES = ("ground_truth", "eval_tools/ground_truth", "wider_face_split", ".")


@dataclass(frozen=True, slots=True, eq=False)
class Subset:
    """The faces that count: for each picture the rows of its labels, counted from 0."""

    name: str
    faces: Mapping[str, frozenset[int]]


def subsets_of(data: LabelledSet) -> list[Subset]:
    """The three subsets of a WIDER FACE set, from `wider_<name>_val.mat`; none where those files are not there.

    Raises:
        ConfigError: a file is damaged, or lists faces that the labels do not have.
    """
    if data.layout != "wider":
        return []
    found = {name: path for name in SUBSETS if (path := _file(data.folder, name))}
    return [read_subset(path, name, data.photos) for name, path in found.items()]


def _file(folder: Path, name: str) -> Path | None:
    paths = (folder / place / f"wider_{name}_val.mat" for place in _PLACES)
    return next((path for path in paths if path.is_file()), None)


def read_subset(path: Path, name: str, photos: Sequence[Photo]) -> Subset:
    """The subset in file `path`: `event_list`, `file_list` and `gt_list`, the last with rows counted from 1.

    Raises:
        ConfigError: it is no such file, or does not belong to `photos`.
    """
    try:
        content = loadmat(str(path))
        faces = {
            f"{_text(event)}/{_text(file)}.jpg": frozenset((np.ravel(rows[0]).astype(int) - 1).tolist())
            for event, files, lists in zip(
                content["event_list"].ravel(), content["file_list"].ravel(), content["gt_list"].ravel(), strict=True
            )
            for file, rows in zip(files, lists, strict=True)
        }
    except (OSError, MatReadError, KeyError, ValueError, TypeError, IndexError, NotImplementedError) as error:
        raise ConfigError(f"{path}: is no list of WIDER FACE's faces ({error}); unpack eval_tools again") from error
    unknown = set(faces) - {photo.name for photo in photos}
    if unknown:
        raise ConfigError(
            f"{path}: lists {min(unknown)!r}, which the labels do not name; they belong to other versions"
        )
    return Subset(name, faces)


def _text(value: Any) -> str:
    """A string in a cell in a cell."""
    while isinstance(value, np.ndarray):
        value = value.ravel()[0]
    return str(value)


def _overlaps(found: Doubles, labelled: Doubles) -> Doubles:
    corner = np.maximum(found[:, None, :2], labelled[None, :, :2])
    opposite = np.minimum(found[:, None, 2:], labelled[None, :, 2:])
    shared = np.prod(np.maximum(opposite - corner + 1, 0), axis=2)
    areas = [np.prod(boxes[:, 2:] - boxes[:, :2] + 1, axis=1) for boxes in (found, labelled)]
    union: Doubles = shared / (areas[0][:, None] + areas[1][None] - shared)
    return union


def stretched(found: Sequence[Sequence[Detection]]) -> list[Doubles]:
    """The scores of each picture's detections, the least of all pictures' as 0 and the largest as 1."""
    scores = [np.array([face.score for face in faces], np.float64) for faces in found]
    every = np.concatenate([*scores, np.zeros(0)])
    if not len(every):
        return scores
    least, most = float(every.min()), float(every.max())
    return [(own - least) / max(most - least, 1e-12) for own in scores]


def counted(found: Sequence[Detection], photo: Photo, asked: frozenset[int]) -> tuple[Flags, Doubles]:
    """For each detection of one picture, best first: whether it counts, and how many asked faces are found with it and
    those before it."""
    counts = np.ones(len(found), np.bool_)
    so_far = np.zeros(len(found))
    if not found or not photo.truths:
        return counts, so_far
    boxes = [np.array([each.box for each in side], np.float64) for side in (found, photo.truths)]
    union = _overlaps(boxes[0], boxes[1])
    matched = np.zeros(len(photo.truths), np.bool_)
    inside = np.array([row in asked for row in photo.rows])
    for number, best in enumerate(np.argmax(union, axis=1)):
        if union[number, best] >= IOU:
            counts[number] = inside[best]
            matched[best] |= inside[best]
        so_far[number] = matched.sum()
    return counts, so_far


def average_precision(found: Sequence[Sequence[Detection]], photos: Sequence[Photo], subset: Subset) -> float:
    """The benchmark's number for the detections in `photos`, best score first in each."""
    totals = np.zeros((THRESHOLDS, 2))
    steps = 1 - np.arange(1, THRESHOLDS + 1) / THRESHOLDS
    for faces, scores, photo in zip(found, stretched(found), photos, strict=True):
        if photo.name not in subset.faces or not photo.truths:
            continue
        counts, so_far = counted(faces, photo, subset.faces[photo.name])
        # How many detections reach each threshold: scores fall, so they are searched upside down.
        reached = len(scores) - np.searchsorted(scores[::-1], steps, side="left")
        totals[:, 0] += np.concatenate([[0], np.cumsum(counts)])[reached]
        totals[:, 1] += np.concatenate([[0], so_far])[reached]
    faces_asked = sum(len(rows) for rows in subset.faces.values())
    return _area(totals[:, 1] / max(faces_asked, 1), totals[:, 1] / np.maximum(totals[:, 0], 1e-12))


def _area(recall: Doubles, precision: Doubles) -> float:
    """Area under the curve, precision made to fall with recall, as in PASCAL VOC."""
    ceiling = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * ceiling))
