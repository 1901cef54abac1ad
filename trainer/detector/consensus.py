"""What several teachers agree on after many looks: faces, and regions where they do not."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.items import Box, Detection, Floats
from trainer.detector.faces import Face
from trainer.detector.teachers import View

Seen = Sequence[Sequence[View]]
"""One row for each teacher; the first one's idea of a face's box is what is learnt."""
MIN_IOU = 0.5
"""Detections that overlap this much are the same face."""
_SAME_IOU, _WITHIN = 0.4, 0.7
"""A box is spoken for by a better one with that IoU, or that covers this share of it."""


@dataclass(frozen=True, slots=True)
class Rules:
    """When detections become a face.

    A teacher's `support` is its mean score over the views that should show the face: those in which its long side
    has `clear_px` pixels, where teachers are at their best; not finding it there counts 0. The mean over the
    teachers is the face's score.

    It is a face where several teachers agree, with a support of `each` and a score of `score`, or where the first
    has a support of `alone`. What is less is an ignored region where its score is `doubtful` or some support
    `half_sure`, and so is a face with a long side below `min_face` pixels. The rest is background: chosen by
    looking, on 250 everyday pictures, where it is flowers, ears and hands, with few heads among them.
    """

    score: float = 0.7
    each: float = 0.45
    alone: float = 0.9
    doubtful: float = 0.3
    half_sure: float = 0.4
    min_face: float = 6.0
    clear_px: tuple[float, float] = (20.0, 320.0)

    def is_face(self, support: Sequence[float], side: float) -> bool:
        """Whether `support` by each teacher makes a face of a box with this long side."""
        agreed = len(support) > 1 and sorted(support)[-2] >= self.each and float(np.mean(support)) >= self.score
        return side >= self.min_face and ((agreed and support[0] >= self.each) or support[0] >= self.alone)

    def is_doubtful(self, support: Sequence[float]) -> bool:
        """Whether what is no face might be one."""
        return float(np.mean(support)) >= self.doubtful or max(support) >= self.half_sure


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """One detection in one view."""

    teacher: int
    view: View
    face: Detection

    @property
    def shown_px(self) -> float:
        """The face's long side in the view."""
        return long_side(self.face.box) * self.view.scale


@dataclass(frozen=True, slots=True)
class Verdict:
    """The labels of one picture."""

    faces: tuple[Face, ...] = ()
    ignored: tuple[Box, ...] = ()


def agree(seen: Seen, rules: Rules | None = None) -> Verdict:
    """What the teachers say together about one picture; faces with the best score first."""
    rules = rules or Rules()
    faces: list[Face] = []
    doubts: list[Box] = []
    for sights in clusters(seen):
        face = _mean_face(sights, rules)
        support = [_support(number, views, sights, face.box, rules) for number, views in enumerate(seen)]
        if rules.is_face(support, long_side(face.box)):
            faces.append(Face(face.box, face.landmarks, min(float(np.mean(support)), 1.0)))
        elif rules.is_doubtful(support):
            doubts.append(face.box)
    faces.sort(key=lambda face: -face.score)
    kept: list[Face] = []
    for face in faces:
        if not _spoken_for(face.box, kept):
            kept.append(face)
    return Verdict(tuple(kept), tuple(box for box in doubts if not _spoken_for(box, kept)))


def clusters(seen: Seen) -> list[list[Sight]]:
    """The detections of all views, put together where they overlap the best one; one of each view at most."""
    sights = [Sight(number, view, face) for number, views in enumerate(seen) for view in views for face in view.found]
    # A cluster begins with a detection of the first teacher where there is one.
    sights.sort(key=lambda sight: (sight.teacher, -sight.face.score))
    boxes = np.array([sight.face.box for sight in sights], np.float32).reshape(-1, 4)
    free = np.ones(len(sights), np.bool_)
    groups = []
    for number in range(len(sights)):
        if free[number]:
            overlap = np.where(free, ious(boxes[number], boxes), 0).astype(np.float32)
            free[overlap >= MIN_IOU] = False
            groups.append(_one_of_each_view(sights, overlap))
    return groups


def _one_of_each_view(sights: Sequence[Sight], overlap: Floats) -> list[Sight]:
    """Those with an `overlap` `(N,)` of at least `MIN_IOU`; of each view the one with the most."""
    best: dict[tuple[int, int], Sight] = {}
    for number in np.argsort(-overlap, kind="stable")[: int((overlap >= MIN_IOU).sum())]:
        best.setdefault((sights[number].teacher, id(sights[number].view)), sights[number])
    return list(best.values())


def _mean_face(sights: Sequence[Sight], rules: Rules) -> Face:
    """Mean of the first teacher's boxes and landmarks, else of all, weighted by score and size in the view.

    Views in which the face is too small or too large to be measured well do not count where there are others.
    """
    chosen = [sight for sight in sights if sight.teacher == 0] or list(sights)
    low, high = rules.clear_px
    chosen = [sight for sight in chosen if low <= sight.shown_px <= high] or chosen
    weights = np.array([sight.face.score * sight.shown_px for sight in chosen])
    weights /= weights.sum()
    x1, y1, x2, y2 = (float(side) for side in weights @ np.array([sight.face.box for sight in chosen]))
    points = [sight.face.landmarks for sight in chosen if sight.face.landmarks is not None]
    if len(points) < len(chosen):
        return Face((x1, y1, x2, y2))
    return Face((x1, y1, x2, y2), np.tensordot(weights, np.array(points), 1).astype(np.float32))


def _support(teacher: int, views: Sequence[View], sights: Sequence[Sight], box: Box, rules: Rules) -> float:
    """The teacher's mean score over those of its `views` that should show the face `box`."""
    low, high = rules.clear_px
    side = long_side(box)
    scales = {view.scale for view in views}
    clear = {scale for scale in scales if low <= side * scale <= high}
    if not clear:
        clear = {max(scales) if side * max(scales) < low else min(scales)}
    scores = [sight.face.score for sight in sights if sight.teacher == teacher and sight.view.scale in clear]
    return sum(scores) / sum(view.scale in clear for view in views)


def _spoken_for(box: Box, faces: Sequence[Face]) -> bool:
    """Whether `box` shows one of `faces` again, or a part of it."""
    if not faces:
        return False
    one, others = np.array(box, np.float32), np.array([face.box for face in faces], np.float32)
    within = shared(one, others) / _areas(one[None])
    return bool((within >= _WITHIN).any() or (ious(one, others) >= _SAME_IOU).any())


def long_side(box: Box) -> float:
    """The longer of width and height."""
    return max(box[2] - box[0], box[3] - box[1])


def shared(box: Floats, boxes: Floats) -> Floats:
    """Area that `box` `(4,)` shares with each of `boxes` `(N, 4)`."""
    size = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    area: Floats = np.maximum(size, 0).prod(1)
    return area


def ious(box: Floats, boxes: Floats) -> Floats:
    """Intersection over union of `box` `(4,)` with each of `boxes` `(N, 4)`."""
    inter = shared(box, boxes)
    union: Floats = inter / (_areas(box[None]) + _areas(boxes) - inter)
    return union


def _areas(boxes: Floats) -> NDArray[np.float32]:
    area: Floats = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    return area
