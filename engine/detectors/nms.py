"""Greedy non-maximum suppression: of boxes on the same face the best one stays."""

import numpy as np
from numpy.typing import NDArray

from engine.items import Floats


def nms(boxes: Floats, scores: Floats, max_iou: float) -> NDArray[np.intp]:
    """Indices of the boxes to keep, best score first; equal scores keep their order.

    `boxes` is `(N, 4)` as x1, y1, x2, y2. A box goes when its intersection over union with a kept box
    is above `max_iou`. Sides count as `x2 - x1 + 1`, the inclusive pixels of the reference
    implementations, so that the same boxes survive. One vectorised pass per kept box.
    """
    order = np.argsort(-scores, kind="stable")
    x1, y1, x2, y2 = boxes.T
    areas = (x2 - x1 + 1) * (y2 - y1 + 1)
    keep: list[np.intp] = []
    while order.size:
        best, rest = order[0], order[1:]
        keep.append(best)
        width = np.minimum(x2[best], x2[rest]) - np.maximum(x1[best], x1[rest]) + 1
        height = np.minimum(y2[best], y2[rest]) - np.maximum(y1[best], y1[rest]) + 1
        shared = np.maximum(width, 0) * np.maximum(height, 0)
        order = rest[shared <= max_iou * (areas[best] + areas[rest] - shared)]
    return np.array(keep, np.intp)
