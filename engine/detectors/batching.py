"""Feeding a session batches of the few sizes it is fast at."""

from collections.abc import Iterator, Sequence
from threading import Lock

import numpy as np

from engine.devices import Session, warm_up
from engine.items import Floats

GPU_BUCKETS = (1, 2, 4, 8, 16)
CPU_BUCKETS = (1,)
"""On a CPU a batch only falls out of the cache: eight 640x360 pictures at once took RetinaFace-0.25 a fifth
longer than one after the other."""


def buckets_for(session: Session) -> tuple[int, ...]:
    """The batch sizes to run: the network's own when it is fixed, else what suits the device."""
    fixed = session.input_shape[0]
    if fixed is not None:
        return (fixed,)
    return CPU_BUCKETS if session.device == "cpu" else GPU_BUCKETS


class BucketedSession:
    """Cuts a batch into parts of the largest bucket and pads the last part up to the next bucket.

    On a GPU the first picture of a new shape warms up every bucket of that shape. Any thread may call.
    """

    def __init__(self, session: Session, buckets: Sequence[int]) -> None:
        self._session = session
        self._buckets = tuple(sorted(buckets))
        self._warm: set[tuple[int, ...]] = set()
        self._lock = Lock()

    def run(self, batch: Floats) -> list[Floats]:
        """All outputs for `batch` float32 `(N, C, H, W)`, each with N rows."""
        self._warm_up(batch)
        parts = [self._run_padded(part) for part in self._parts(batch)]
        return parts[0] if len(parts) == 1 else [np.concatenate(rows) for rows in zip(*parts, strict=True)]

    def _parts(self, batch: Floats) -> Iterator[Floats]:
        largest = self._buckets[-1]
        for start in range(0, len(batch), largest):
            yield batch[start : start + largest]

    def _run_padded(self, part: Floats) -> list[Floats]:
        bucket = next(size for size in self._buckets if size >= len(part))
        if bucket == len(part):
            return self._session.run(part)
        padded = np.zeros((bucket, *part.shape[1:]), np.float32)
        padded[: len(part)] = part
        return [rows[: len(part)] for rows in self._session.run(padded)]

    def _warm_up(self, batch: Floats) -> None:
        shape = batch.shape[1:]
        if len(self._buckets) == 1 or shape in self._warm:
            return
        with self._lock:
            if shape not in self._warm:
                for size in self._buckets:
                    warm_up(self._session, np.zeros((size, *shape), np.float32))
                self._warm.add(shape)
