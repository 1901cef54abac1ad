"""Whether a camera shows the same picture for longer than any real camera does."""

import numpy as np

from engine.items import Image

_STEP = 4
"""Every fourth pixel of every fourth row is compared."""
_LOOK_EVERY_S = 0.5
_TOLERANCE = 4
"""Grey levels by which a pixel may differ from itself: a hung encoder repeats itself, or nearly so."""
_SHARE = 0.0002


class Stillness:
    """How long the picture has been the same. The noise of any sensor differs from one key frame to the next."""

    def __init__(self) -> None:
        self._first: Image | None = None
        self._since_s = self._looked_s = 0.0

    def take(self, image: Image, now_s: float) -> float:
        """Seconds for which the picture, uint8 `(H, W, 3)`, has been the same until now; 0 when it has changed."""
        if self._first is not None and now_s - self._looked_s < _LOOK_EVERY_S:
            return self._looked_s - self._since_s
        self._looked_s = now_s
        sample = image[::_STEP, ::_STEP, 1]
        if self._first is None or not _same(self._first, sample):
            self._first = sample.copy()
            self._since_s = now_s
        return now_s - self._since_s


def _same(first: Image, second: Image) -> bool:
    if first.shape != second.shape:
        return False
    differences = np.abs(first.astype(np.int16) - second) > _TOLERANCE
    return bool(np.count_nonzero(differences) <= _SHARE * differences.size)
