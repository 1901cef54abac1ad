"""Batches in buckets."""

import numpy as np
import pytest

from engine.detectors.batching import CPU_BUCKETS, GPU_BUCKETS, BucketedSession, buckets_for
from engine.items import Floats


class Doubling:
    """A session whose outputs are its input doubled, and each row's sum; it notes its batch sizes."""

    def __init__(self, device: str = "cuda", batch: int | None = None) -> None:
        self.device = device
        self.input_shape = (batch, 1, None, None)
        self.output_shapes = ((batch, None),)
        self.sizes: list[int] = []

    def run(self, batch: Floats) -> list[Floats]:
        self.sizes.append(len(batch))
        return [batch * 2, batch.sum(axis=(1, 2, 3))]


@pytest.mark.parametrize(
    "count, runs",
    [
        (1, [1]),
        (3, [4]),  # padded to the next bucket
        (4, [4]),
        (11, [8, 4]),  # cut at the largest
        (17, [8, 8, 1]),
    ],
)
def test_a_batch_is_cut_and_padded_to_buckets_and_its_rows_come_back_in_order(count, runs):
    session = Doubling()
    bucketed = BucketedSession(session, (8, 1, 4))
    batch = np.arange(count * 6, dtype=np.float32).reshape(count, 1, 2, 3)
    doubled, sums = bucketed.run(batch)
    np.testing.assert_array_equal(doubled, batch * 2)
    np.testing.assert_array_equal(sums, batch.sum(axis=(1, 2, 3)))
    assert session.sizes == [1, 4, 8, *runs]


def test_every_bucket_of_a_shape_is_warmed_up_once():
    session = Doubling()
    bucketed = BucketedSession(session, (1, 2))
    for width in (3, 3, 4):
        bucketed.run(np.zeros((1, 1, 2, width), np.float32))
    assert session.sizes == [1, 2, 1, 1, 1, 2, 1]


def test_one_bucket_needs_no_warming_up():
    session = Doubling("cpu")
    BucketedSession(session, buckets_for(session)).run(np.zeros((3, 1, 2, 2), np.float32))
    assert session.sizes == [1, 1, 1]


@pytest.mark.parametrize(
    "session, buckets",
    [
        (Doubling("cpu"), CPU_BUCKETS),
        (Doubling("cuda"), GPU_BUCKETS),
        (Doubling("tensorrt"), GPU_BUCKETS),
        (Doubling("cuda", batch=1), (1,)),  # the network takes no other
        (Doubling("cpu", batch=4), (4,)),
    ],
)
def test_buckets_suit_the_device_unless_the_network_is_fixed(session, buckets):
    assert buckets_for(session) == buckets
