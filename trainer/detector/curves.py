"""Average precision, recall at fixed false positives and landmark errors, with intervals over pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, nan
from typing import Any

import numpy as np

from trainer.detector.matching import FALSE, IGNORED, Doubles, Flags, Matches, Numbers

FALSE_PER_PICTURE = (0.01, 0.1, 0.3, 1.0)
ROUNDS = 1000
_TINY = 1e-9
FAR = 0.1
"""A landmark error beyond a tenth of the distance between the eyes counts as far."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Faces whose side (square root of the area) is at least `least` and below `most` pixels.

    Pixels of the source or, where `seen`, those that the network saw.
    """

    name: str
    least: float = 0.0
    most: float = inf
    seen: bool = False


ALL = Slice("all")
MARK = Slice("24+", 24)
SLICES = (
    ALL,
    MARK,
    Slice("<24", 0, 24),
    Slice("24-48", 24, 48),
    Slice("48-96", 48, 96),
    Slice("96+", 96),
)


@dataclass(frozen=True, slots=True, eq=False)
class Ranked:
    """The detections that count, best score first: whether each `hit` a face, and in which of P pictures; and how many
    faces each picture has. `ends` marks the last of equal scores: only there a threshold can lie."""

    hits: Flags
    pictures: Numbers
    ends: Flags
    faces: Doubles

    def totals(self, weights: Doubles | None) -> tuple[Doubles, Doubles]:
        """Found faces and false positives above each possible threshold, with pictures counted `weights` times."""
        each = np.ones(len(self.hits)) if weights is None else weights[self.pictures]
        found, false = np.cumsum(each * self.hits), np.cumsum(each * ~self.hits)
        return found[self.ends], false[self.ends]


def ranked(matches: Matches, part: Slice = ALL) -> Ranked:
    """What counts within `part`. As in COCO's evaluation, faces outside are ignored, and so are detections that found
    one of them, and those that found nothing and are outside themselves."""
    scale = matches.scales if part.seen else np.ones(len(matches.scales))
    truth_sides = matches.truth_sides * scale[matches.truth_pictures]
    asked = (truth_sides >= part.least) & (truth_sides < part.most)
    own = matches.sides * scale[matches.pictures]
    counts = (matches.faces == FALSE) & (own >= part.least) & (own < part.most)
    real = matches.faces > max(FALSE, IGNORED)
    counts[real] = asked[matches.faces[real]]
    order = np.argsort(-matches.scores[counts], kind="stable")
    scores = matches.scores[counts][order]
    ends = np.append(scores[1:] != scores[:-1], True) if len(scores) else np.zeros(0, np.bool_)
    faces = np.bincount(matches.truth_pictures[asked], minlength=len(matches.scales)).astype(np.float64)
    return Ranked(matches.faces[counts][order] >= 0, matches.pictures[counts][order], ends, faces)


def _numbers(ranking: Ranked, at: Sequence[float], weights: Doubles | None) -> list[float]:
    """Average precision, and the recall at each of `at` false positives for a picture; NaN without a face."""
    faces = float(ranking.faces.sum() if weights is None else ranking.faces @ weights)
    if not faces:
        return [nan] * (1 + len(at))
    pictures = len(ranking.faces) if weights is None else float(weights.sum())
    found, false = ranking.totals(weights)
    precision = np.maximum.accumulate((found / np.maximum(found + false, _TINY))[::-1])[::-1]
    area = float(np.sum(np.diff(found, prepend=0.0) * precision) / faces)
    # Both totals only rise: the last threshold with few enough false positives finds most.
    last = [int(np.searchsorted(false, each * pictures + _TINY, side="right")) for each in at]
    return [area, *(float(found[end - 1]) / faces if end else 0.0 for end in last)]


def average_precision(ranking: Ranked, weights: Doubles | None = None) -> float:
    """Area under precision over recall, every point of it, precision made to fall (PASCAL VOC from 2010 on,
    Everingham et al., 2015). NaN without a face. Detections of equal score count together."""
    return _numbers(ranking, (), weights)[0]


def recall_at(ranking: Ranked, false_per_picture: float, weights: Doubles | None = None) -> float:
    """The largest share of faces found with at most so many false positives for each picture; NaN without a face."""
    return _numbers(ranking, (false_per_picture,), weights)[1]


def false_at_end(ranking: Ranked) -> float:
    """False positives for each picture when everything that was found is taken."""
    return float((~ranking.hits).sum() / len(ranking.faces))


def landmark_summary(errors: Doubles) -> dict[str, Any]:
    """Over the faces whose error is known: how many, mean, median, and the share that is far off."""
    known = errors[np.isfinite(errors)]
    if not len(known):
        return {"faces": 0, "mean": None, "median": None, "far": None}
    return {
        "faces": len(known),
        "mean": float(known.mean()),
        "median": float(np.median(known)),
        "far": float((known > FAR).mean()),
    }


def drawn(ranking: Ranked, at: Sequence[float] = (), rounds: int = ROUNDS, seed: int = 0) -> Doubles:
    """Average precision, and recall at each of `at` false positives for a picture: first of the pictures as they are,
    then of as many drawn from them with replacement, in every round. `(1 + rounds, 1 + len(at))`.

    Rankings of the same pictures are drawn alike, so that their numbers can be compared round by round.
    """
    rows = [_numbers(ranking, at, None)]
    rows += [_numbers(ranking, at, weights) for weights in _draws(len(ranking.faces), rounds, seed)]
    return np.array(rows)


def ratio(ours: Doubles, theirs: Doubles) -> dict[str, Any]:
    """A column of `drawn` over another's, with a 95 % interval: the percentile bootstrap (Efron, 1979) over pictures.
    All None where there is none."""
    divided = [_divided(own, other) for own, other in zip(ours.tolist(), theirs.tolist(), strict=True)]
    return _interval(divided[0], divided[1:])


def landmark_ratio(ours: Matches, theirs: Matches, rounds: int = ROUNDS, seed: int = 0) -> dict[str, Any]:
    """Mean landmark errors over the faces that both found, their ratio and its interval as in `ratio`."""
    both = np.isfinite(ours.errors) & np.isfinite(theirs.errors)
    pictures = len(ours.scales)
    sums = [
        np.bincount(ours.truth_pictures[both], weights=side.errors[both], minlength=pictures) for side in (ours, theirs)
    ]
    drawn = _draws(pictures, rounds, seed)
    own, other = (landmark_summary(np.where(both, side.errors, nan)) for side in (ours, theirs))
    ratios = [_divided(weights @ sums[0], weights @ sums[1]) for weights in drawn]
    return {
        **_interval(_divided(sums[0].sum(), sums[1].sum()), ratios),
        "faces": own["faces"],
        "own": own,
        "other": other,
    }


def _draws(pictures: int, rounds: int, seed: int) -> Doubles:
    """How often each picture is drawn in each round: `(rounds, pictures)`."""
    generator = np.random.default_rng(seed)
    return generator.multinomial(pictures, np.full(pictures, 1 / pictures), rounds).astype(np.float64)


def _divided(own: float, other: float) -> float:
    return own / other if other > 0 else nan


def _interval(value: float, drawn: list[float]) -> dict[str, Any]:
    known = np.array([each for each in drawn if np.isfinite(each)])
    if not np.isfinite(value) or not len(known):
        return {"ratio": None, "low": None, "high": None}
    low, high = np.percentile(known, [2.5, 97.5])
    return {"ratio": float(value), "low": float(low), "high": float(high)}
