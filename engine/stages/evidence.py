"""Deciding what a face shows: a sequential test on the scores of its readings."""

from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.items import Floats

CLEAR = 1.3
"""Log-likelihood ratio of clear evidence: a face that keeps it up is decided on in `min_dwell_s`."""
_STRONGEST = log(20)
"""No reading says more than 20 to 1, for or against: one wild frame decides nothing."""
_FLOOR = 1e-3


class Evidence:
    """The evidence for every class that the label does not name, and for none of them.

    Each challenger has a cumulative sum (Page, Biometrika 41, 1954), which is Wald's sequential probability
    ratio test (Annals of Mathematical Statistics 16, 1945) begun again whenever it falls to zero. It adds up the
    logarithm of the challenger's score over the label's, integrated over stream time, so that the frame rate does
    not matter: neighbouring frames say the same thing. A challenger has proven itself when its sum reaches
    `CLEAR * min_dwell_s`. Strong evidence is there sooner, weak evidence later, and a tie never. The moment at which
    a sum was last zero is the maximum-likelihood estimate of when the face changed.

    Scores are taken for likelihoods, which they are up to the share of each class in training.
    """

    def __init__(self, classes: int) -> None:
        self._none = classes
        self._sums = np.zeros(classes + 1)
        self._since_s = np.zeros(classes + 1)
        self._rates = np.zeros(classes + 1)
        self._totals = np.zeros((classes + 1, classes))
        self._counts = np.zeros(classes + 1)

    def begin(self, scores: Floats, time_s: float, rivals: "Rivals") -> None:
        """Start from this reading: all sums are zero."""
        self._sums[:] = 0.0
        self._totals[:] = scores
        self._counts[:] = 1
        self._since_s[:] = time_s
        self._rates = rivals.rates(scores)

    def add(self, scores: Floats, time_s: float, gap_s: float, rivals: "Rivals") -> None:
        """Take one reading; `gap_s` is the time since the one before, as far as it counts."""
        rates = rivals.rates(scores)
        self._sums += gap_s * (self._rates + rates) / 2
        self._rates = rates
        self._totals += scores
        self._counts += 1
        over = self._sums <= 0
        self._sums[over] = 0.0
        self._totals[over] = scores
        self._counts[over] = 1
        self._since_s[over] = time_s

    def proven(self, needed: float) -> int | None:
        """The challenger with the most evidence, when that is enough; the number of classes stands for none."""
        able = (self._rates > 0) & (self._sums >= needed)
        return int(np.where(able, self._sums, -1.0).argmax()) if able.any() else None

    @property
    def challenged(self) -> bool:
        """Whether anything speaks for another judgement."""
        return bool(self._sums.any())

    def since_s(self, challenger: int) -> float:
        """When the challenger's evidence began."""
        return float(self._since_s[challenger])

    def mean(self, challenger: int) -> Floats:
        """The mean scores, float32 `(C,)`, since the challenger's evidence began."""
        return np.asarray(self._totals[challenger] / self._counts[challenger], np.float32)


class Rivals:
    """The reference for challengers: the label of now, or where there is none the next best class."""

    def __init__(self, label: int | None, min_confidence: float, margin: float) -> None:
        self._label = label
        self._min_confidence = min_confidence
        self._margin = margin

    def rates(self, scores: Floats) -> NDArray[np.float64]:
        """Evidence a second for each class and, last, for none: float `(C + 1,)`, positive or negative."""
        held = self._held(scores)
        rates = np.empty(len(scores) + 1)
        rates[:-1] = np.log((scores + _FLOOR) / (held + self._margin + _FLOOR))
        np.minimum(rates[:-1], 0.0, out=rates[:-1], where=scores < self._min_confidence)
        rates[-1] = 0.0
        if self._label is not None:
            rates[self._label] = -_STRONGEST
            rates[-1] = log((self._min_confidence / 2 + _FLOOR) / (float(scores[self._label]) + _FLOOR))
        return rates.clip(-_STRONGEST, _STRONGEST)

    def _held(self, scores: Floats) -> NDArray[Any] | float:
        if self._label is not None:
            return float(scores[self._label])
        order = np.argsort(scores)
        rivals = np.full(len(scores), scores[order[-1]])
        rivals[order[-1]] = scores[order[-2]] if len(scores) > 1 else 0.0
        # Where nothing is said yet, a narrow lead is a lead: it takes its time.
        return rivals.clip(max=self._min_confidence)
