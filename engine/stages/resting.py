"""A track's own resting face: what its scores leak while it shows nothing is taken out of them."""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from engine.items import EmotionScores, Floats

NEUTRAL = "neutral"
_SLOT_S = 0.5
_SLOTS = 120
"""The last minute that could be read."""
_LEAST = 20
"""Ten seconds that could be read: a shorter track has no resting face."""
_USUAL = -2.5
"""An emotion's log ratio to neutral on a resting face without a bias: 8 %."""
_MOST = 1.0
"""The correction divides an emotion's ratio to neutral by e at most."""
_LEAD = 0.5
"""Lead of neutral, in the same unit, from which the whole correction applies; at a tie none does."""
_FLOOR = 1e-3


class RestingFace:
    """Reads scores against the running median of their log ratios to neutral.

    Only the bias of a face that rests is taken out: where neutral leads the median, an emotion that usually has more
    than 8 % of neutral's score is lowered by as much, at most by the factor e. Where an emotion leads the median
    the scores stay as they are, so a smile that lasts is never read as neutral. Medians are taken over means of half
    a second of stream time, so neither the frame rate nor the speed matters. It keeps 120 of them.
    """

    def __init__(self) -> None:
        self._slots: deque[NDArray[np.float64]] = deque(maxlen=_SLOTS)
        self._slot: int | None = None
        self._sum: NDArray[np.float64] | None = None
        self._count = 0
        self._factors: Floats | None = None

    def read(self, scores: EmotionScores, time_s: float) -> EmotionScores:
        """Take one reading and give it as it is against the resting face known until then."""
        if NEUTRAL not in scores.labels:
            return scores
        neutral = scores.labels.index(NEUTRAL)
        self._learn(scores.values, neutral, time_s)
        if self._factors is None:
            return scores
        values = scores.values * self._factors
        return EmotionScores(scores.labels, np.asarray(values / values.sum(), np.float32))

    def _learn(self, values: Floats, neutral: int, time_s: float) -> None:
        logs = np.log(values.astype(np.float64) + _FLOOR)
        slot = int((time_s + 1e-6) / _SLOT_S)
        if slot != self._slot:
            if self._sum is not None:
                self._slots.append(self._sum / self._count)
                self._factors = self._correct(neutral)
            self._slot, self._sum, self._count = slot, np.zeros_like(logs), 0
        assert self._sum is not None
        self._sum += logs - logs[neutral]
        self._count += 1

    def _correct(self, neutral: int) -> Floats | None:
        if len(self._slots) < _LEAST:
            return None
        median = np.median(np.array(self._slots), axis=0)
        lead = -np.delete(median, neutral).max(initial=_USUAL)
        share = min(max(lead / _LEAD, 0.0), 1.0)
        lowered = share * (median - _USUAL).clip(0.0, _MOST)
        lowered[neutral] = 0.0
        return np.asarray(np.exp(-lowered), np.float32)
