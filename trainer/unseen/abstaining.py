"""Selective classification on unseen faces: risk over coverage, and the engine's two thresholds.

Every set weighs the same: a picture counts for one over the pictures of its set.

Sources: El-Yaniv and Wiener 2010, "On the Foundations of Noise-free Selective Classification" (risk and coverage);
Geifman, Uziel and El-Yaniv 2019, "Bias-Reduced Uncertainty Estimation for Deep Neural Classifiers", arXiv 1805.08206
(area under the curve).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.items import Floats
from engine.stages.smooth import SmoothConfig
from trainer.labels import Bools, Ints
from trainer.metrics import POINTS, rounded

CONFIDENCES = (0.0, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.7, 0.8)
MARGINS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3)


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """n answers: the two highest probabilities `top` and `second`, whether the first is `right`, and what each weighs;
    all `(n,)`."""

    top: Floats
    second: Floats
    right: Bools
    weight: NDArray[np.float64]


def answers(sets: Sequence[tuple[Floats, Ints]]) -> Answers:
    """The answers of all `sets`, each as probabilities `(n, C)` and truth `(n,)`, n at least 1."""
    highest = [np.sort(probabilities, axis=1)[:, :-3:-1] for probabilities, _ in sets]
    pairs = np.concatenate(highest)
    right = np.concatenate([probabilities.argmax(1) == truth for probabilities, truth in sets])
    weight = np.concatenate([np.full(len(truth), 1 / (len(truth) * len(sets))) for _, truth in sets])
    return Answers(pairs[:, 0], pairs[:, 1], right, weight)


def risk_over_coverage(given: Answers) -> dict[str, Any]:
    """The share of wrong answers among those given (`risk`) over the share of faces answered (`coverage`), from the
    surest answer to all, at most `POINTS` points; and the `area` under the curve, 0 at best. Answers of one confidence
    are given together."""
    order = np.argsort(-given.top, kind="stable")
    share = np.cumsum(given.weight[order])
    wrong = np.cumsum(np.where(given.right, 0, given.weight)[order])
    confidence = given.top[order]
    last = np.append(confidence[1:] != confidence[:-1], True)
    coverage, risk = share[last], (wrong / share)[last]
    area = float((risk * np.diff(coverage, prepend=0.0)).sum())
    kept = np.unique(np.linspace(0, len(risk) - 1, min(len(risk), POINTS)).round().astype(np.int64))
    return {
        "coverage": [rounded(value) for value in coverage[kept]],
        "risk": [rounded(value) for value in risk[kept]],
        "area": rounded(area),
    }


def thresholds(given: Answers) -> dict[str, Any]:
    """The share answered and the accuracy of the answers for each `min_confidence` (rows) and `margin` (columns).

    A picture has no label before it, which the engine's margin is measured from. Its second label stands for that:
    the strictest case. `accuracy` is None where nothing is answered.
    """
    coverage, accuracy = [], []
    for least in CONFIDENCES:
        said = [(given.top >= least) & (given.top - given.second >= margin) for margin in MARGINS]
        shares = [float(given.weight[each].sum()) for each in said]
        hits = [float(given.weight[each & given.right].sum()) for each in said]
        coverage.append([rounded(share) for share in shares])
        accuracy.append([rounded(hit / share) if share else None for hit, share in zip(hits, shares, strict=True)])
    config = SmoothConfig()
    return {
        "min_confidence": list(CONFIDENCES),
        "margin": list(MARGINS),
        "coverage": coverage,
        "accuracy": accuracy,
        "engine": {"min_confidence": config.min_confidence, "margin": config.margin},
    }
