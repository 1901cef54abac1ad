"""RetinaFace on ONNX Runtime with our own priors, decode and suppression.

Deng et al., "RetinaFace: Single-Shot Multi-Level Face Localisation in the Wild", CVPR 2020, in the layout
of the public PyTorch implementation (MobileNet-0.25 and ResNet-50 alike): two square priors per cell on
strides 8, 16 and 32; box and landmark offsets relative to the prior with variances 0.1 and 0.2, the
scheme of SSD (Liu et al., 2016) and FaceBoxes (Zhang et al., 2017).
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from engine.detectors.base import sound_detections
from engine.detectors.batching import BucketedSession, buckets_for
from engine.detectors.letterbox import Letterboxed, by_shape, letterbox, neutral
from engine.detectors.nms import nms
from engine.devices import Session
from engine.errors import ModelError
from engine.items import Detection, Floats, Image
from engine.modelcard import ModelCard
from engine.pixels import to_tensor

PRIORS = ((8, (16, 32)), (16, (64, 128)), (32, (256, 512)))
"""Stride and prior sides of each level, in input pixels."""
CENTRE_VARIANCE, SIZE_VARIANCE = 0.1, 0.2
MAX_IOU = 0.4
_MAX_GROWTH = 8.0
"""No face is 3000 times its prior; an exponent beyond would overflow."""
VOTE_IOU, VOTE_SHARE = 0.6, 0.5
"""Whose landmarks count in a mean: priors whose box overlaps the best one's so much, with half its score or more."""
MAX_CANDIDATES = 1000
"""The best so many boxes per picture enter suppression."""


@lru_cache(maxsize=32)
def priors(height: int, width: int) -> Floats:
    """All priors of a `(height, width)` input, float32 `(P, 3)`: centre x, centre y, side, in pixels.

    A level has `ceil(height / stride)` rows; rows first, then columns, then the two sides, which is the
    order of the network's outputs. Read-only, since callers share it.
    """
    levels = []
    for stride, sides in PRIORS:
        rows, columns = -(-height // stride), -(-width // stride)
        y, x, side = np.meshgrid(
            (np.arange(rows) + 0.5) * stride, (np.arange(columns) + 0.5) * stride, sides, indexing="ij"
        )
        levels.append(np.stack([x, y, side], axis=-1).reshape(-1, 3))
    table = np.concatenate(levels).astype(np.float32)
    table.flags.writeable = False
    return table


def decode_boxes(offsets: Floats, prior: Floats) -> Floats:
    """Offsets `(N, 4)` (centre x, centre y, log width, log height) as boxes `(N, 4)` in input pixels."""
    centre, side = prior[:, :2], prior[:, 2:]
    centre = centre + offsets[:, :2] * (CENTRE_VARIANCE * side)
    half = np.exp(np.minimum(offsets[:, 2:] * SIZE_VARIANCE, _MAX_GROWTH)) * side / 2
    return np.concatenate([centre - half, centre + half], axis=1)


def decode_landmarks(offsets: Floats, prior: Floats) -> Floats:
    """Offsets `(N, 10)` as five points `(N, 5, 2)` in input pixels."""
    centre, side = prior[:, None, :2], prior[:, None, 2:]
    points: Floats = centre + offsets.reshape(-1, 5, 2) * (CENTRE_VARIANCE * side)
    return points


class RetinaFace:
    """Detects in batches over pictures of one shape. Any thread may call `detect`.

    The card's `input` gives colour order and means; `size` bounds the long side of what the network sees.
    """

    has_landmarks = True

    def __init__(self, session: Session, card: ModelCard, size: int = 640, min_score: float = 0.6) -> None:
        self.name = card.name
        self._spec = card.input
        self._size = size
        self.min_score = min_score
        self.faint_score: float | None = None
        self._mean = card.landmarks == "mean"
        self._session = BucketedSession(session, buckets_for(session))
        height, width = session.input_shape[2:]
        self._shape = (height, width) if height is not None and width is not None else None

    def detect(self, images: Sequence[Image]) -> list[tuple[Detection, ...]]:
        fill = neutral(self._spec)
        boxed = [letterbox(image, self._size, fill, self._shape) for image in images]
        found: list[tuple[Detection, ...]] = [()] * len(boxed)
        for positions in by_shape(boxed).values():
            group = [boxed[position] for position in positions]
            for position, faces in zip(positions, self._detect_group(group), strict=True):
                found[position] = faces
        return found

    def _detect_group(self, group: Sequence[Letterboxed]) -> list[tuple[Detection, ...]]:
        batch = to_tensor([boxed.image for boxed in group], self._spec)
        boxes, scores, points = self._heads(self._session.run(batch))
        table = priors(batch.shape[2], batch.shape[3])
        if scores.shape[1] != len(table):
            raise ModelError(
                f"model {self.name!r} gave {scores.shape[1]} priors for input {batch.shape[2:]}, expected "
                f"{len(table)} (two per cell on strides 8, 16, 32); its card names the wrong layout"
            )
        return [self._faces(boxed, table, *heads) for boxed, *heads in zip(group, boxes, scores, points, strict=True)]

    def _heads(self, outputs: Sequence[Floats]) -> tuple[Floats, Floats, Floats]:
        """Box offsets `(N, P, 4)`, face scores `(N, P)`, landmark offsets `(N, P, 10)`, known by width."""
        by_width = {output.shape[-1]: output for output in outputs if output.ndim == 3}
        if by_width.keys() != {2, 4, 10}:
            shapes = ", ".join(str(output.shape) for output in outputs)
            raise ModelError(f"model {self.name!r} gave outputs {shapes}; RetinaFace has widths 4, 2 and 10")
        return by_width[4], by_width[2][:, :, 1], by_width[10]

    def _faces(
        self, boxed: Letterboxed, table: Floats, boxes: Floats, scores: Floats, points: Floats
    ) -> tuple[Detection, ...]:
        faces = self._clear(boxed, table, boxes, scores, points)
        faint = self.faint_score
        return faces if faint is None or faint >= self.min_score else faces + self._faint(boxed, table, boxes, scores)

    def _faint(self, boxed: Letterboxed, table: Floats, boxes: Floats, scores: Floats) -> tuple[Detection, ...]:
        """Places that may be faces, below the threshold; boxes alone, and none where a clear face is."""
        chosen = candidates(scores, float(self.faint_score or 0.0))
        corners = decode_boxes(boxes[chosen], table[chosen])
        # The clear ones take part, so that what is only their echo goes.
        keep = nms(corners, scores[chosen], MAX_IOU)
        keep = keep[scores[chosen[keep]] < self.min_score]
        places = boxed.to_source(corners[keep].reshape(-1, 2, 2)).reshape(-1, 4)
        return sound_detections(places, scores[chosen[keep]], None, boxed.size)

    def _clear(
        self, boxed: Letterboxed, table: Floats, boxes: Floats, scores: Floats, points: Floats
    ) -> tuple[Detection, ...]:
        """Threshold first, decode only what is left."""
        chosen = candidates(scores, self.min_score * (VOTE_SHARE if self._mean else 1))
        strong = np.flatnonzero(scores[chosen] >= self.min_score)
        if not strong.size:
            return ()
        corners = decode_boxes(boxes[chosen], table[chosen])
        keep = strong[nms(corners[strong], scores[chosen][strong], MAX_IOU)]
        if self._mean:
            landmarks = mean_landmarks(corners, scores[chosen], decode_landmarks(points[chosen], table[chosen]), keep)
        else:
            landmarks = decode_landmarks(points[chosen[keep]], table[chosen[keep]])
        return sound_detections(
            boxed.to_source(corners[keep].reshape(-1, 2, 2)).reshape(-1, 4),
            scores[chosen[keep]],
            boxed.to_source(landmarks),
            boxed.size,
        )


def mean_landmarks(boxes: Floats, scores: Floats, landmarks: Floats, keep: NDArray[np.intp]) -> Floats:
    """For each of the boxes `keep` its landmarks `(K, 5, 2)`, the mean over those of `landmarks` `(N, 5, 2)` whose box
    and score agree with it, weighted by score: several priors see a face, and their errors differ.

    The voting of Gidaris and Komodakis 2015 (arXiv 1505.01749), here for landmarks.
    """
    best = boxes[keep]
    low, high = np.maximum(best[:, None, :2], boxes[None, :, :2]), np.minimum(best[:, None, 2:], boxes[None, :, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=2)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    agree = shared > VOTE_IOU * (areas[keep][:, None] + areas[None] - shared)
    # The best one always has a vote, so that a box without an area has landmarks as well.
    agree[np.arange(len(keep)), keep] = True
    weight = np.where(agree & (scores[None] >= VOTE_SHARE * scores[keep][:, None]), scores[None], 0)
    means: Floats = np.einsum("kn,nij->kij", weight / weight.sum(axis=1, keepdims=True), landmarks).astype(np.float32)
    return means


def candidates(scores: Floats, min_score: float) -> NDArray[np.intp]:
    """Indices of the at most `MAX_CANDIDATES` best of `scores` `(P,)` that reach `min_score`."""
    chosen = np.flatnonzero(scores >= min_score)
    if chosen.size > MAX_CANDIDATES:
        best = np.argpartition(-scores[chosen], MAX_CANDIDATES)[:MAX_CANDIDATES]
        chosen = np.sort(chosen[best])
    return chosen
