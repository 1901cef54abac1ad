"""SCRFD and the detector packs of insightface, run by insightface itself over our session.

Guo et al., "Sample and Computation Redistribution for Efficient Face Detection", ICLR 2022. insightface
takes one picture at a time and needs seconds to import, so it is imported when such a model is opened.
"""

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.detectors.base import sound_detections
from engine.errors import ModelError
from engine.items import Detection, Image
from engine.modelcard import ModelCard
from engine.progress import tick
from engine.sessions import OnnxSession

STRIDE = 32
OUTPUTS = (6, 9, 10, 15)
"""How many outputs insightface can decode; 9 and 15 come with landmarks."""


class Scrfd:
    """insightface's `SCRFD` with an injected session. Any thread may call `detect`.

    A network of fixed size sees each picture enlarged or shrunk to that size, as insightface does it;
    others see it with its long side at most `size`, on sides that are multiples of 32.
    """

    def __init__(self, session: OnnxSession, card: ModelCard, size: int = 640, min_score: float = 0.6) -> None:
        """Raises `ModelError` when insightface is missing or cannot decode this network."""
        outputs = len(session.output_shapes)
        if outputs not in OUTPUTS:
            raise ModelError(f"model {card.name!r} has {outputs} outputs; layout 'scrfd' has 6, 9, 10 or 15")
        self.name = card.name
        self.has_landmarks = outputs in (9, 15)
        self._size = size
        self.min_score = min_score
        self.faint_score: float | None = None
        self._native = _model_zoo(card.name).SCRFD(session=session.native)

    def detect(self, images: Sequence[Image]) -> list[tuple[Detection, ...]]:
        found = []
        for image in images:
            found.append(self._detect(image))
            tick()
        return found

    def _detect(self, image: Image) -> tuple[Detection, ...]:
        width, height = self._native.static_input_size or input_size(image, self._size)
        if min(width / image.shape[1] * image.shape[0], height / image.shape[0] * image.shape[1]) < 1:
            return ()  # insightface would shrink its short side to nothing
        lowest = min(self.min_score, self.min_score if self.faint_score is None else self.faint_score)
        boxes, points = self._native.detect(image, input_size=(width, height), det_thresh=lowest)
        landmarks = None if points is None else points.astype(np.float32)
        return sound_detections(boxes[:, :4], boxes[:, 4], landmarks, (image.shape[1], image.shape[0]))


def input_size(image: Image, size: int) -> tuple[int, int]:
    """`(width, height)` of the input for `image`: long side at most `size`, multiples of `STRIDE`."""
    height, width = image.shape[:2]
    shrink = min(size / max(height, width), 1.0)
    return _ceil(width * shrink), _ceil(height * shrink)


def _ceil(side: float) -> int:
    return max(-(-int(side) // STRIDE), 1) * STRIDE


def _model_zoo(name: str) -> Any:
    try:
        return importlib.import_module("insightface.model_zoo")
    except ImportError as error:
        raise ModelError(
            f"model {name!r} needs insightface ({error}); install it: pip install 'moodline[insightface]'"
        ) from error
