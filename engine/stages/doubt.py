"""Whether what was found time and again, and could never be read, is a face at all."""

from collections import deque

import numpy as np

from engine.items import Box, FaceChip, Floats

AGREE = 0.06
"""Median move of the landmarks from one sight to the next, in box sides. Of 31 tracks of people in clips, some of them
small, blurred or turned away, the largest was 0.046."""
_SIGHTS = 5
_KEPT = 32
_APART_S = 0.35
"""Between sights further apart a head may have turned: they say nothing."""


class Doubt:
    """One track's landmarks over time, each set measured in its own box.

    On a face they stay where they are from one sight to the next. On a lamp, a pattern or a hand the detector
    guesses, and guesses otherwise each time. Where a detector gives no landmarks there is no doubt.
    """

    def __init__(self) -> None:
        self._last: Floats | None = None
        self._last_s = 0.0
        self._sights = 0
        self._moves: deque[float] = deque(maxlen=_KEPT)
        self._blind = False

    def see(self, chip: FaceChip) -> None:
        """Take one sight."""
        if chip.landmarks is None:
            self._blind = True
            return
        shape = _within(chip.landmarks, chip.box)
        if self._last is not None and chip.time_s - self._last_s <= _APART_S:
            self._moves.append(float(np.sqrt(((shape - self._last) ** 2).sum(axis=1).mean())))
        self._last, self._last_s = shape, chip.time_s
        self._sights += 1

    @property
    def is_gone(self) -> bool:
        """Whether there have been enough sights, and they agree."""
        return self._blind or (self._sights >= _SIGHTS and not self.disagrees)

    @property
    def disagrees(self) -> bool:
        """Whether the sights until now contradict each other."""
        return not self._blind and bool(self._moves) and float(np.median(self._moves)) > AGREE


def _within(landmarks: Floats, box: Box) -> Floats:
    x1, y1, x2, y2 = box
    side = max(((x2 - x1) * (y2 - y1)) ** 0.5, 1.0)
    return np.asarray((landmarks - ((x1 + x2) / 2, (y1 + y2) / 2)) / side, np.float32)
