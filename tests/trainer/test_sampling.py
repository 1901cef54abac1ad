"""Every answer to classes of different size, on counts small enough to work out by hand."""

import numpy as np
import pytest

from engine.errors import ConfigError
from trainer.sampling import balance, class_weights, resample

NAMES = ("many", "few", "none", "some")
LABELS = np.repeat([0, 1, 3], [16, 4, 8])
FEATURES = np.random.default_rng(0).normal(size=(28, 3)).astype(np.float32)


def test_with_weights_each_class_counts_the_same():
    weights = class_weights(LABELS, 4, "weights")
    assert (weights * np.bincount(LABELS, minlength=4))[[0, 1, 3]] == pytest.approx([28 / 3] * 3)
    assert weights[2] == 0


@pytest.mark.parametrize("how", ["weights", "sqrt-weights", "effective-weights", "none"])
def test_weights_of_all_faces_have_mean_one(how):
    assert class_weights(LABELS, 4, how)[LABELS].mean() == pytest.approx(1)


def test_square_roots_go_half_way():
    weights = class_weights(LABELS, 4, "sqrt-weights")
    assert weights[1] / weights[0] == pytest.approx(2)


@pytest.mark.parametrize(
    ("how", "counts"),
    [
        ("none", [16, 4, 0, 8]),
        ("weights", [16, 4, 0, 8]),
        ("oversample", [16, 16, 0, 16]),
        ("undersample", [4, 4, 0, 4]),
        ("smote", [16, 16, 0, 16]),
    ],
)
def test_the_counts_after_are_reported_by_name(how, counts):
    balanced = balance(FEATURES, LABELS, NAMES, how, seed=0)
    assert balanced.facts["before"] == {"many": 16, "few": 4, "none": 0, "some": 8}
    assert balanced.facts["after"] == dict(zip(NAMES, counts, strict=True))
    assert np.bincount(balanced.labels, minlength=4).tolist() == counts
    assert len(balanced.features) == len(balanced.weights) == sum(counts)


def test_oversampling_keeps_every_face_and_repeats_only_small_classes():
    rows = resample(LABELS, "oversample", seed=0)
    assert set(rows) == set(range(28))
    assert (np.bincount(rows)[:16] == 1).all()


def test_the_seed_decides_what_is_dropped():
    assert resample(LABELS, "undersample", 1).tolist() == resample(LABELS, "undersample", 1).tolist()
    assert resample(LABELS, "undersample", 1).tolist() != resample(LABELS, "undersample", 2).tolist()


def test_smote_needs_neighbours():
    with pytest.raises(ConfigError, match=r"smote needs two faces of a class.*few \(1\)"):
        balance(FEATURES[:17], LABELS[:17], NAMES, "smote", seed=0)


def test_one_class_alone_is_left_as_it_is():
    assert resample(LABELS[:16], "oversample", 0).tolist() == list(range(16))
