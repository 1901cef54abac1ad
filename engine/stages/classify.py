"""Classification: aligned chips in, emotion scores out, in padded micro-batches over all cameras."""

import bisect
from collections.abc import Mapping, Sequence
from threading import Lock

import numpy as np

from engine.devices import Device, Session, warm_up
from engine.errors import ModelError
from engine.fields import BatchSize, Count, Millis, Text, settings
from engine.items import EmotionScores, FaceChip, Floats, Image, Reading, SourceStatus, TrackEnded, Unseen
from engine.modelcard import ModelCard
from engine.pixels import to_tensor


@settings
class ClassifyConfig:
    """A batch is sent when it holds `max_batch` chips or its first has waited `max_wait_ms`."""

    model: Text = "emotion-fer"
    device: Device = "auto"
    max_batch: BatchSize = 32
    max_wait_ms: Millis = 10.0
    threads: Count | None = None


Passing = TrackEnded | Unseen | SourceStatus


class EmotionClassifier:
    """The network behind a card: uint8 BGR chips in, scores out. Any thread may call it.

    Batches are padded to the next of a few sizes, all of them warmed up when the object is made, so
    that no camera ever waits for a kernel to be chosen.
    """

    def __init__(self, session: Session, card: ModelCard, max_batch: int) -> None:
        """Raises `ModelError` when card and network do not fit an emotion classifier."""
        if card.task != "emotion" or card.layout not in ("logits", "probabilities"):
            raise ModelError(f"model {card.name!r} is no emotion classifier (task {card.task}, {card.layout})")
        if card.input.width is None or card.input.height is None:
            raise ModelError(f"model {card.name!r}: the card must give an input size")
        self.card = card
        self.device = session.device
        self._session = session
        fixed = session.input_shape[0]
        sizes = _CPU_SIZES if session.device == "cpu" else _GPU_SIZES
        self._buckets = [fixed] if fixed else [size for size in sizes if size < max_batch] + [max_batch]
        blank = np.zeros((card.input.height, card.input.width, 3), np.uint8)
        for size in self._buckets:
            warm_up(session, to_tensor([blank] * size, card.input))
        self.predict([blank])

    def predict(self, images: Sequence[Image]) -> list[EmotionScores]:
        """One `EmotionScores` per image; the result does not depend on what else is in the batch."""
        scores: list[EmotionScores] = []
        for start in range(0, len(images), self._buckets[-1]):
            scores += self._predict(images[start : start + self._buckets[-1]])
        return scores

    def _predict(self, images: Sequence[Image]) -> list[EmotionScores]:
        batch = to_tensor(images, self.card.input)
        bucket = self._buckets[bisect.bisect_left(self._buckets, len(batch))]
        padded = np.zeros((bucket, *batch.shape[1:]), np.float32)
        padded[: len(batch)] = batch
        logits = self._session.run(padded)[0]
        if logits.shape != (bucket, len(self.card.labels)):
            raise ModelError(
                f"model {self.card.name!r}: the card has {len(self.card.labels)} labels, "
                f"the network gave {logits.shape[1:]} scores a face"
            )
        if self.card.layout == "probabilities":
            logits = np.log(np.maximum(logits, _LEAST))
        values = softmax(logits[: len(batch)] / np.float32(self.card.temperature))
        return [EmotionScores(self.card.labels, row.copy()) for row in values]


_LEAST = np.float32(1e-9)
_GPU_SIZES = (1, 2, 4, 8, 16, 32, 64, 128)
_CPU_SIZES = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 48, 64, 96, 128)
"""On a CPU padding is work: steps are fine enough to waste an eighth at most from the eighth face on."""


def softmax(logits: Floats) -> Floats:
    """Along the last axis, float32.

    >>> softmax(np.float32([[0, 0]])).tolist()
    [[0.5, 0.5]]
    """
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True), np.float32)


class Classify:
    """The stage: chips fit for it are classified, gated ones become readings without scores."""

    def __init__(self, classifier: EmotionClassifier) -> None:
        self._classifier = classifier
        self._lock = Lock()
        self._counts = {"classified": 0, "gated": 0}

    def process(self, items: Sequence[FaceChip | Passing]) -> Sequence[Reading | Passing]:
        fit = [item for item in items if isinstance(item, FaceChip) and not item.quality.gated]
        scores = iter(self._classifier.predict([chip.image for chip in fit]))
        gated = sum(isinstance(item, FaceChip) for item in items) - len(fit)
        with self._lock:
            self._counts["classified"] += len(fit)
            self._counts["gated"] += gated
        return [
            Reading(item, None if item.quality.gated else next(scores)) if isinstance(item, FaceChip) else item
            for item in items
        ]

    def flush(self) -> Sequence[Reading | Passing]:
        return ()

    def close(self) -> None:
        """Nothing to free: the session belongs to who opened it."""

    def counts(self) -> Mapping[str, int]:
        """Chips by outcome; any thread."""
        with self._lock:
            return dict(self._counts)
