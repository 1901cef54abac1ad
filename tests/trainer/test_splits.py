"""Splits and folds."""

import numpy as np
import pytest

from engine.errors import ConfigError
from trainer import splits


def table(labels, split):
    return np.array([np.bincount(split[labels == label], minlength=3) for label in np.unique(labels)])


def test_every_class_is_cut_by_its_shares():
    labels = np.repeat([0, 1, 2], [100, 50, 10])
    split = splits.assign(labels, None, (8, 1, 1), seed=0)
    assert table(labels, split).tolist() == [[80, 10, 10], [40, 5, 5], [8, 1, 1]]


def test_the_seed_decides_and_nothing_else():
    labels = np.arange(60) % 3
    first, again, other = (splits.assign(labels, None, (8, 1, 1), seed) for seed in (1, 1, 2))
    assert (first == again).all() and (first != other).any()


def test_a_rare_class_reaches_every_split_where_it_can():
    labels = np.repeat([0, 1, 2], [90, 3, 1])
    split = splits.assign(labels, None, (8, 1, 1), seed=0)
    assert table(labels, split)[1].tolist() == [1, 1, 1]
    assert table(labels, split)[2].tolist() == [1, 0, 0]


def test_a_share_of_nothing_stays_empty():
    assert set(splits.assign(np.arange(40) % 2, None, (3, 1, 0), seed=0)) == {0, 1}


def test_no_person_is_in_two_splits_and_classes_stay_near_their_shares():
    generator = np.random.default_rng(0)
    groups = generator.integers(0, 60, 1200)
    labels = generator.integers(0, 4, 1200)
    split = splits.assign(labels, groups, (8, 1, 1), seed=0)
    assert all(len(np.unique(split[groups == group])) == 1 for group in range(60))
    shares = table(labels, split) / np.bincount(labels)[:, None]
    assert np.abs(shares - [0.8, 0.1, 0.1]).max() < 0.05


def test_persons_are_dealt_out_otherwise_by_another_seed():
    groups, labels = np.repeat(np.arange(10), np.arange(20, 30)), np.arange(245) % 3
    dealt = {splits.assign(labels, groups, (6, 2, 2), seed).tobytes() for seed in range(5)}
    assert len(dealt) > 2


def test_faces_without_a_known_person_stand_alone():
    labels = np.zeros(100, np.int64)
    split = splits.assign(labels, np.full(100, -1), (8, 1, 1), seed=0)
    assert np.bincount(split).tolist() == [80, 10, 10]


@pytest.mark.parametrize("shares", [(), (0, 0, 0), (1, -1, 0)])
def test_impossible_shares_are_refused(shares):
    with pytest.raises(ConfigError, match="shares"):
        splits.assign(np.zeros(3, np.int64), None, shares, seed=0)


@pytest.mark.parametrize("groups", [None, np.arange(120) // 4, np.full(120, -1)])
def test_folds_hold_every_row_out_once(groups):
    labels = np.arange(120) % 3
    parts = splits.folds(labels, groups, 5, seed=0)
    assert sorted(np.concatenate([held for _, held in parts])) == list(range(120))
    for train, held in parts:
        assert not set(train) & set(held) and len(train) + len(held) == 120
        assert set(labels[held]) == {0, 1, 2}
        if groups is not None and (groups >= 0).all():
            assert not set(groups[train]) & set(groups[held])


@pytest.mark.parametrize(
    ("labels", "groups", "k", "message"),
    [
        (np.zeros(9, np.int64), None, 1, "at least 2, got 1"),
        (np.array([0] * 9 + [1] * 2), None, 3, "class 1 has 2 faces"),
        (np.zeros(0, np.int64), None, 3, "there are no faces"),
        (np.zeros(9, np.int64), np.repeat([0, 1], [5, 4]), 3, "3 persons or clips, there are 2"),
    ],
)
def test_impossible_folds_are_refused(labels, groups, k, message):
    with pytest.raises(ConfigError, match=message):
        splits.folds(labels, groups, k, seed=0)


def test_groups_are_persons_then_clips():
    identity, clip = np.array([3, -1, -1, 3]), np.array([0, 1, -1, 2])
    assert splits.groups_of(identity, clip).tolist() == [3, 5, -1, 3]
    assert splits.groups_of(np.full(4, -1), np.full(4, -1)) is None
