"""Which detection found which labelled face, for a whole test set."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.items import Detection, Floats
from trainer.detector.truth import Truth

Numbers = NDArray[np.intp]
Flags = NDArray[np.bool_]
Doubles = NDArray[np.float64]
FALSE, IGNORED = -1, -2
"""What stands in place of a face's number: nothing is there, or something that counts neither way."""
INSIDE = 0.5
"""A detection of which this share lies within an ignored region is ignored."""


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """All D detections and T labelled faces (ignored ones left out) of a set of P pictures.

    A side is the square root of a box's area, in source pixels. `scales` `(P,)` are pixels the network saw for one
    source pixel. `errors` `(T,)` is the mean distance of the five points over the distance between the labelled
    eyes; NaN where a face was not found or either side has no points.
    """

    scores: Floats
    sides: Doubles
    pictures: Numbers
    faces: Numbers
    """`(D,)`: the number of the face found, `FALSE` or `IGNORED`."""
    truth_sides: Doubles
    truth_pictures: Numbers
    scales: Doubles
    errors: Doubles


def overlaps(left: Doubles, right: Doubles) -> tuple[Doubles, Doubles]:
    """Intersection over union of boxes `(N, 4)` and `(M, 4)`, and the share of each of `left` within each of `right`;
    both `(N, M)`."""
    corner = np.maximum(left[:, None, :2], right[None, :, :2])
    opposite = np.minimum(left[:, None, 2:], right[None, :, 2:])
    shared = np.prod(np.maximum(opposite - corner, 0), axis=2)
    areas = [np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (left, right)]
    return shared / (areas[0][:, None] + areas[1][None] - shared), shared / areas[0][:, None]


def match(found: Sequence[Detection], truths: Sequence[Truth], iou: float) -> Numbers:
    """For each detection the number of the face in `truths` that it found, `FALSE` or `IGNORED`.

    As in COCO's evaluation (Lin et al., ECCV 2014): from the best score down, each detection takes the face it
    overlaps most of those that are left and overlap it by at least `iou`. Whatever takes none is ignored where it
    overlaps an ignored truth that much or lies mostly within one.
    """
    answer = np.full(len(found), FALSE, np.intp)
    if not found or not truths:
        return answer
    union, within = overlaps(_boxes(found), _boxes(truths))
    ignored = np.array([at for at, truth in enumerate(truths) if truth.ignored], np.intp)
    doubtful: Flags = np.any(union[:, ignored] >= iou, axis=1) | np.any(within[:, ignored] >= INSIDE, axis=1)
    union[:, ignored] = 0
    for number in np.argsort([-face.score for face in found], kind="stable"):
        best = int(np.argmax(union[number]))
        if union[number, best] >= iou:
            answer[number] = best
            union[:, best] = 0
        elif doubtful[number]:
            answer[number] = IGNORED
    return answer


def _boxes(items: Sequence[Detection] | Sequence[Truth]) -> Doubles:
    return np.array([item.box for item in items], np.float64).reshape(-1, 4)


def sides(items: Sequence[Detection] | Sequence[Truth]) -> Doubles:
    """The square roots of the boxes' areas, in pixels."""
    boxes = _boxes(items)
    roots: Doubles = np.sqrt(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1))
    return roots


def landmark_error(found: Floats | None, labelled: Floats | None) -> float:
    """Mean distance of five points `(5, 2)` over the labelled eyes' distance; NaN where there are none to compare."""
    if found is None or labelled is None:
        return float("nan")
    eyes = float(np.linalg.norm(labelled[0] - labelled[1]))
    return float(np.linalg.norm(found - labelled, axis=1).mean()) / eyes if eyes > 0 else float("nan")


def match_set(
    found: Sequence[Sequence[Detection]], truths: Sequence[Sequence[Truth]], iou: float, scales: Sequence[float]
) -> Matches:
    """The detections `found` in each picture, matched with its `truths`."""
    faces: list[Numbers] = []
    errors: list[Doubles] = []
    counted = 0
    for detections, labels in zip(found, truths, strict=True):
        answer = match(detections, labels, iou)
        # Ignored truths have no number of their own in the set.
        renumbered = np.cumsum([not truth.ignored for truth in labels], dtype=np.intp) - 1 + counted
        error = [float("nan")] * len(labels)
        for detection, face in zip(detections, answer, strict=True):
            if face >= 0:
                error[face] = landmark_error(detection.landmarks, labels[face].landmarks)
        errors.append(np.array([value for value, truth in zip(error, labels, strict=True) if not truth.ignored]))
        faces.append(np.array([renumbered[face] if face >= 0 else face for face in answer], np.intp))
        counted += len(errors[-1])
    kept = [[truth for truth in labels if not truth.ignored] for labels in truths]
    return Matches(
        scores=np.array([face.score for detections in found for face in detections], np.float32),
        sides=np.concatenate([sides(detections) for detections in found]),
        pictures=np.repeat(np.arange(len(found)), [len(detections) for detections in found]),
        faces=np.concatenate(faces),
        truth_sides=np.concatenate([sides(labels) for labels in kept]),
        truth_pictures=np.repeat(np.arange(len(found)), [len(labels) for labels in kept]),
        scales=np.array(scales, np.float64),
        errors=np.concatenate(errors),
    )


def together(parts: Sequence[Matches]) -> Matches:
    """The matches of several sets as those of one."""
    pictures = np.cumsum([0, *(len(part.scales) for part in parts)])
    faces = np.cumsum([0, *(len(part.truth_sides) for part in parts)])
    return Matches(
        scores=np.concatenate([part.scores for part in parts]),
        sides=np.concatenate([part.sides for part in parts]),
        pictures=np.concatenate([part.pictures + at for part, at in zip(parts, pictures[:-1], strict=True)]),
        faces=np.concatenate(
            [np.where(part.faces >= 0, part.faces + at, part.faces) for part, at in zip(parts, faces[:-1], strict=True)]
        ),
        truth_sides=np.concatenate([part.truth_sides for part in parts]),
        truth_pictures=np.concatenate(
            [part.truth_pictures + at for part, at in zip(parts, pictures[:-1], strict=True)]
        ),
        scales=np.concatenate([part.scales for part in parts]),
        errors=np.concatenate([part.errors for part in parts]),
    )
