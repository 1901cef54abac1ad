"""Which prior answers for which face, and what it should say: the inverse of the engine's decoding."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.detectors.retinaface import CENTRE_VARIANCE, SIZE_VARIANCE
from engine.items import Floats

POSITIVE = 0.35
"""Intersection over union from which a prior answers for a face, as in the reference implementations."""
_OF_BEST = 0.85
"""A face too small or too narrow for that is answered for by the priors nearly as good as its best one."""
_LEAST = 0.1
_COVERED = 0.5
NOBODY, UNSURE = -1, -2
CLEAR = 32
"""The side of a face, in pixels, from which its landmarks count in full."""
_LEAST_CLEAR = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """What all P priors of a picture should say. `positive` and `counted` are bool `(P,)`: answers for a face,
    takes part in the score's loss at all. `score` float32 `(P,)`, 0 for background; `boxes` `(P, 4)` and
    `landmarks` `(P, 10)` are offsets, zeros where there is none; `clarity` float32 `(P,)` is how much the
    landmarks count: 0 where nobody knows them, little where the face is too small to show them."""

    positive: NDArray[np.bool_]
    counted: NDArray[np.bool_]
    score: Floats
    boxes: Floats
    landmarks: Floats
    clarity: Floats


def corners(prior: Floats) -> Floats:
    """Priors `(P, 3)` (centre and side) as boxes `(P, 4)`."""
    half = prior[:, 2:] / 2
    return np.concatenate([prior[:, :2] - half, prior[:, :2] + half], axis=1)


def intersections(first: Floats, second: Floats) -> Floats:
    """Areas shared by boxes `(A, 4)` and `(B, 4)`, as `(A, B)`."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    sides = np.maximum(high - low, 0)
    shared: Floats = sides[..., 0] * sides[..., 1]
    return shared


def areas(boxes: Floats) -> Floats:
    sizes: Floats = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return sizes


def assign(boxes: Floats, ignored: Floats, prior: Floats) -> NDArray[np.intp]:
    """For each prior the face it answers for, `NOBODY`, or `UNSURE` where it lies mostly in an ignored region.

    `boxes` `(F, 4)` and `ignored` `(M, 4)` in pixels, `prior` `(P, 3)`. Every face gets the prior that fits
    it best, whatever the fit; faces are served small ones last, so that they keep theirs.
    """
    own = corners(prior)
    owner = np.full(len(prior), NOBODY, np.intp)
    if len(ignored):
        share = intersections(own, ignored).max(axis=1) / areas(own)
        within = _inside(prior[:, :2], ignored) & (prior[:, 2] < 2 * np.sqrt(areas(ignored)).max())
        owner[(share > _COVERED) | within] = UNSURE
    if not len(boxes):
        return owner
    shared = intersections(own, boxes)
    fit = shared / (areas(own)[:, None] + areas(boxes) - shared)
    enough = np.minimum(POSITIVE, np.maximum(_OF_BEST * fit.max(axis=0), _LEAST))
    best = np.where(fit >= enough, fit, 0)
    held = best.max(axis=1) > 0
    owner[held] = best.argmax(axis=1)[held]
    for face in np.argsort(-areas(boxes)):
        owner[fit[:, face].argmax()] = face
    return owner


def _inside(points: Floats, boxes: Floats) -> NDArray[np.bool_]:
    """Which points `(P, 2)` lie in any of the boxes."""
    low, high = points[:, None] >= boxes[None, :, :2], points[:, None] <= boxes[None, :, 2:]
    inside: NDArray[np.bool_] = np.any(np.all(low & high, axis=2), axis=1)
    return inside


def encode_boxes(boxes: Floats, prior: Floats) -> Floats:
    """Offsets `(N, 4)` that the engine's `decode_boxes` turns back into `boxes` `(N, 4)`."""
    centre, size = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    shift = (centre - prior[:, :2]) / (CENTRE_VARIANCE * prior[:, 2:])
    return np.concatenate([shift, np.log(np.maximum(size, 1e-3) / prior[:, 2:]) / SIZE_VARIANCE], axis=1)


def encode_landmarks(landmarks: Floats, prior: Floats) -> Floats:
    """Offsets `(N, 10)` that the engine's `decode_landmarks` turns back into `landmarks` `(N, 5, 2)`."""
    shift = (landmarks - prior[:, None, :2]) / (CENTRE_VARIANCE * prior[:, None, 2:])
    offsets: Floats = shift.reshape(-1, 10)
    return offsets


def targets(
    boxes: Floats, landmarks: Floats, has_landmarks: NDArray[np.bool_], scores: Floats, ignored: Floats, prior: Floats
) -> Targets:
    """What the priors should say of F faces: `boxes` `(F, 4)`, `landmarks` `(F, 5, 2)`, `scores` `(F,)`."""
    owner = assign(boxes, ignored, prior)
    positive = owner >= 0
    faces, own = owner[positive], prior[positive]
    score = np.zeros(len(prior), np.float32)
    box = np.zeros((len(prior), 4), np.float32)
    points = np.zeros((len(prior), 10), np.float32)
    clarity = np.zeros(len(prior), np.float32)
    if len(faces):
        score[positive] = scores[faces]
        box[positive] = encode_boxes(boxes[faces], own)
        points[positive] = encode_landmarks(landmarks[faces], own)
        shown = np.clip(np.sqrt(areas(boxes[faces])) / CLEAR, _LEAST_CLEAR, 1)
        clarity[positive] = np.where(has_landmarks[faces], shown, 0)
    return Targets(positive, owner != UNSURE, score, box, points, clarity)
