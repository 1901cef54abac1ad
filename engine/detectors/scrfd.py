"""SCRFD, the detector of insightface's packs, decoded here: a pack's network needs no package of insightface.

Guo et al., "Sample and Computation Redistribution for Efficient Face Detection", ICLR 2022. Every cell of the strides
8, 16, 32 (and 64, 128) has one or two anchors. An anchor gives a score, how far the four sides of a box lie from the
cell, and perhaps where five landmarks are from it, all in strides.
"""

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np

from engine.detectors.base import sound_detections
from engine.detectors.nms import nms
from engine.devices import Session
from engine.errors import ModelError
from engine.items import Detection, Floats, Image
from engine.modelcard import ModelCard
from engine.pixels import to_tensor
from engine.progress import tick

STRIDE = 32
MAX_IOU = 0.4
OUTPUTS = {6: (3, 2, False), 9: (3, 2, True), 10: (5, 1, False), 15: (5, 1, True)}
"""By how many outputs a network has: its strides, anchors of a cell, and whether it gives landmarks."""
_STRIDES = (8, 16, 32, 64, 128)


class Scrfd:
    """Detects in one picture at a time. Any thread may call `detect`.

    A network of fixed size sees each picture enlarged or shrunk to that size, as insightface does it;
    others see it with its long side at most `size`, on sides that are multiples of 32.
    """

    def __init__(self, session: Session, card: ModelCard, size: int = 640, min_score: float = 0.6) -> None:
        """Raises `ModelError` when this network is not one of SCRFD's kinds."""
        outputs = len(session.output_shapes)
        if outputs not in OUTPUTS:
            raise ModelError(f"model {card.name!r} has {outputs} outputs; layout 'scrfd' has 6, 9, 10 or 15")
        self.name = card.name
        levels, self._anchors, self.has_landmarks = OUTPUTS[outputs]
        self._strides = _STRIDES[:levels]
        self._size = size
        self.min_score = min_score
        self._session = session
        self._spec = card.input
        height, width = session.input_shape[2:]
        self._fixed = (width, height) if height is not None and width is not None else None
        self.faint_score: float | None = None

    def detect(self, images: Sequence[Image]) -> list[tuple[Detection, ...]]:
        found = []
        for image in images:
            found.append(self._detect(image))
            tick()
        return found

    def _detect(self, image: Image) -> tuple[Detection, ...]:
        width, height = self._fixed or input_size(image, self._size, max(STRIDE, self._strides[-1]))
        canvas, scale = on_canvas(image, width, height)
        if canvas is None:
            return ()
        boxes, scores, points = self._decode(self._session.run(to_tensor([canvas], self._spec)), width, height)
        keep = nms(boxes, scores, MAX_IOU)
        landmarks = None if points is None else points[keep] / scale
        return sound_detections(boxes[keep] / scale, scores[keep], landmarks, (image.shape[1], image.shape[0]))

    def _decode(self, outputs: Sequence[Floats], width: int, height: int) -> tuple[Floats, Floats, Floats | None]:
        """What reaches `min_score`: boxes `(N, 4)`, scores `(N,)` and landmarks `(N, 5, 2)`, in canvas pixels."""
        levels = len(self._strides)
        lowest = min(self.min_score, self.min_score if self.faint_score is None else self.faint_score)
        heads = [output.reshape(-1, output.shape[-1]) for output in outputs]  # with the batch as an axis, or without
        boxes, scores, points = [], [], []
        for level, stride in enumerate(self._strides):
            cells = centres(width // stride, height // stride, stride, self._anchors)
            score = heads[level][:, 0]
            if len(score) != len(cells):
                raise ModelError(
                    f"model {self.name!r} gave {len(score)} anchors on stride {stride} for input {width}x{height}, "
                    f"expected {len(cells)}; its card names the wrong layout"
                )
            chosen = np.flatnonzero(score >= lowest)
            at, sides = cells[chosen], heads[level + levels][chosen] * stride
            boxes.append(np.concatenate([at - sides[:, :2], at + sides[:, 2:]], axis=1))
            scores.append(score[chosen])
            if self.has_landmarks:
                offsets = heads[level + 2 * levels][chosen].reshape(-1, 5, 2)
                points.append(at[:, None] + offsets * stride)
        return np.concatenate(boxes), np.concatenate(scores), np.concatenate(points) if points else None


@lru_cache(maxsize=64)
def centres(columns: int, rows: int, stride: int, anchors: int) -> Floats:
    """Where the anchors of a level are, row by row: float32 `(rows * columns * anchors, 2)`, read-only.

    >>> centres(2, 1, 8, 2).tolist()
    [[0.0, 0.0], [0.0, 0.0], [8.0, 0.0], [8.0, 0.0]]
    """
    y, x = np.mgrid[:rows, :columns]
    grid = np.stack([x, y], axis=-1).reshape(-1, 2).astype(np.float32) * stride
    cells: Floats = np.repeat(grid, anchors, axis=0)
    cells.setflags(write=False)
    return cells


def on_canvas(image: Image, width: int, height: int) -> tuple[Image | None, float]:
    """`image` as large as a black canvas of that size holds it, in the upper left corner, and by what factor it was
    enlarged; None where its short side would vanish."""
    if image.shape[0] * width > height * image.shape[1]:
        seen = (int(height * image.shape[1] / image.shape[0]), height)
    else:
        seen = (width, int(width * image.shape[0] / image.shape[1]))
    if min(seen) < 1:
        return None, 1.0
    canvas = np.zeros((height, width, 3), np.uint8)
    canvas[: seen[1], : seen[0]] = cv2.resize(image, seen)
    return canvas, seen[1] / image.shape[0]


def input_size(image: Image, size: int, stride: int = STRIDE) -> tuple[int, int]:
    """`(width, height)` of the input for `image`: long side at most `size`, multiples of `stride`."""
    height, width = image.shape[:2]
    shrink = min(size / max(height, width), 1.0)
    return _ceil(width * shrink, stride), _ceil(height * shrink, stride)


def _ceil(side: float, stride: int) -> int:
    return max(-(-int(side) // stride), 1) * stride
