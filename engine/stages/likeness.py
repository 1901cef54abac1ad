"""How unlike a detected face and a track are: what association goes by."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def face_distance(candidates: NDArray[Any], objects: NDArray[Any]) -> NDArray[np.float64]:
    """How unlike two boxes are: centre distance in face sizes, plus the log of the ratio of sizes.

    Takes boxes float `(N, 4)` and `(M, 4)` xyxy, returns float64 `(N, M)`, finite for any finite boxes.
    """
    centre_c, size_c = _centre_and_size(candidates)
    centre_o, size_o = _centre_and_size(objects)
    apart = np.hypot(*(centre_c[:, None] - centre_o[None]).transpose(2, 0, 1))
    scale = np.sqrt(size_c[:, None] * size_o[None])
    return np.asarray(apart / scale + np.abs(np.log(size_c[:, None] / size_o[None])))


def _centre_and_size(boxes: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    boxes = boxes.reshape(-1, 4).astype(np.float64)
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 1.0)
    return (boxes[:, :2] + boxes[:, 2:]) / 2, np.sqrt(sides.prod(axis=1))


def nearest_distance(candidates: Sequence[Any], objects: Sequence[Any]) -> NDArray[np.float32]:
    """`face_distance` to where a track should be by now or to where it was seen last, whichever is nearer.

    After a jerk the estimate overshoots; a head that stops or turns back is near its last sight.
    """
    seen = np.array([item.points for item in candidates])
    due = face_distance(seen, np.array([item.estimate for item in objects]))
    last = face_distance(seen, np.array([item.last_detection.points for item in objects]))
    return np.minimum(due, last).astype(np.float32)


class Nearest:
    """`nearest_distance` the way Norfair asks for it: 2.2 and later for all pairs at once, 2.1 for each."""

    def get_distances(self, objects: Sequence[Any], candidates: Sequence[Any] | None) -> NDArray[np.float32]:
        if not objects or not candidates:
            return np.full((len(candidates or ()), len(objects)), np.inf, np.float32)
        return nearest_distance(candidates, objects)

    def __call__(self, candidate: Any, tracked: Any) -> float:
        return float(nearest_distance([candidate], [tracked])[0, 0])
