"""A small invented data set whose stripes give away the label, for tests of everything after `prepare`."""

import numpy as np

from trainer.faceset import FaceSet, Origin, unknown
from trainer.labels import FER2013, FERPLUS, ferplus, one_each

SIZE = 48


def invented_set(count: int = 96, seed: int = 0, ferplus_first: bool = True) -> FaceSet:
    """Two thirds training, the rest validation and test. Two label sets: FER+ votes and FER2013 labels."""
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % len(FERPLUS)
    across = np.arange(SIZE)
    images = np.empty((count, SIZE, SIZE), np.uint8)
    for row, label in enumerate(labels):
        wave = 128 + 90 * np.sin(across * (label + 1) * np.pi / SIZE)
        noise = generator.normal(0, 8, (SIZE, SIZE))
        images[row] = np.clip(wave[:, None] + noise, 0, 255).astype(np.uint8)
    votes = np.zeros((count, 10), np.uint8)
    votes[np.arange(count), labels] = 8
    votes[np.arange(count), (labels + 1) % len(FERPLUS)] = 2
    plain = np.array([FER2013.index(FERPLUS[label]) if FERPLUS[label] in FER2013 else 0 for label in labels])
    sets = {"ferplus": ferplus(votes), "fer2013": one_each(FER2013, plain.astype(np.int64))}
    return FaceSet(
        whole=images,
        aligned=images[:, ::-1].copy(),
        found=np.ones(count, np.bool_),
        split=np.repeat([0, 1, 2], [count - 2 * (count // 6), count // 6, count // 6]).astype(np.uint8),
        answers=sets if ferplus_first else dict(reversed(sets.items())),
        origin=Origin("invented stripes", "none"),
        names=np.array([f"stripes {row}" for row in range(count)]),
        **unknown(count),
    )
