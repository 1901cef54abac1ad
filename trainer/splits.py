"""Splits and folds: every class in its share, and no person or clip on two sides."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from engine.errors import ConfigError
from engine.items import Image
from trainer.labels import Ints

_FEW_GROUPS = 1000
Fold = tuple[Ints, Ints]
"""Rows to train on and rows held out, both sorted."""
Table = NDArray[np.float64]


def groups_of(identity: Ints, clip: Ints) -> Ints | None:
    """What must stay together, `(N,)`: the person where known, else the clip, else -1; None if nothing is known.

    >>> groups_of(np.array([3, -1, -1]), np.array([0, 1, -1])).tolist()
    [3, 5, -1]
    """
    if not ((identity >= 0) | (clip >= 0)).any():
        return None
    beyond = int(identity.max()) + 1
    return np.where(identity >= 0, identity, np.where(clip >= 0, clip + beyond, -1))


def assign(labels: Ints, groups: Ints | None, shares: Sequence[float], seed: int) -> Image:
    """A split for every row, uint8 `(N,)` into `shares`, drawn by `seed`: stratified by `labels` `(N,)`.

    Rows of one group (`groups` `(N,)`; -1 or None: each on its own) go to one split. `shares` are relative;
    with groups they are met as nearly as the groups allow.

    Raises:
        ConfigError: a share is negative, or all are zero.
    """
    wanted = np.array(shares, np.float64)
    if not len(wanted) or (wanted < 0).any() or wanted.sum() <= 0:
        raise ConfigError(f"shares: expected numbers of at least 0 with a positive sum, got {list(shares)}")
    wanted /= wanted.sum()
    generator = np.random.default_rng(seed)
    if groups is None:
        return _cut_each_class(labels, wanted, generator)
    return _fill_with_groups(labels, _numbered(groups), wanted, generator)


def folds(labels: Ints, groups: Ints | None, k: int, seed: int) -> list[Fold]:
    """`k` folds of all rows, stratified by `labels` `(N,)`, no group of `groups` on both sides; drawn by `seed`.

    scikit-learn's StratifiedGroupKFold where groups are known, else its StratifiedKFold.

    Raises:
        ConfigError: `k` is below 2, or a class has fewer rows (or there are fewer groups) than folds.
    """
    if k < 2:
        raise ConfigError(f"folds: expected at least 2, got {k}")
    names, counts = np.unique(labels, return_counts=True)
    if not len(counts) or counts.min() < k:
        few = f"class {names[counts.argmin()]} has {counts.min()} faces" if len(counts) else "there are no faces"
        raise ConfigError(f"folds: {k} folds need {k} faces of every class, but {few}; ask for fewer folds")
    nothing = np.zeros((len(labels), 1), np.uint8)
    if groups is None:
        plain = StratifiedKFold(k, shuffle=True, random_state=seed)
        return [(train, held) for train, held in plain.split(nothing, labels)]
    numbers = _numbered(groups)
    if numbers.max() + 1 < k:
        raise ConfigError(f"folds: {k} folds need {k} persons or clips, there are {numbers.max() + 1}")
    grouped = StratifiedGroupKFold(k, shuffle=True, random_state=seed)
    return [(train, held) for train, held in grouped.split(nothing, labels, numbers)]


def _numbered(groups: Ints) -> Ints:
    """Groups as 0..G-1, every -1 a group of its own."""
    alone = groups < 0
    known = np.unique(groups[~alone], return_inverse=True)[1]
    numbers = np.empty(len(groups), np.int64)
    numbers[~alone] = known
    start = int(known.max()) + 1 if len(known) else 0
    numbers[alone] = start + np.arange(int(alone.sum()))
    return numbers


def _cut_each_class(labels: Ints, shares: Table, generator: np.random.Generator) -> Image:
    split = np.zeros(len(labels), np.uint8)
    for label in np.unique(labels):
        rows = generator.permutation(np.flatnonzero(labels == label))
        for number, part in enumerate(np.split(rows, np.cumsum(_whole_parts(len(rows), shares))[:-1])):
            split[part] = number
    return split


def _whole_parts(count: int, shares: Table) -> Ints:
    """`count` in whole parts by the largest remainder; no part that has a share is empty where it can be helped."""
    exact = count * shares
    parts = np.floor(exact).astype(np.int64)
    for index in np.argsort(parts - exact, kind="stable")[: count - int(parts.sum())]:
        parts[index] += 1
    for index in np.flatnonzero((parts == 0) & (shares > 0)):
        largest = int(parts.argmax())
        if parts[largest] > 1:
            parts[largest] -= 1
            parts[index] += 1
    return parts


def _fill_with_groups(labels: Ints, groups: Ints, shares: Table, generator: np.random.Generator) -> Image:
    """The best of some draws: fewest classes missing from a split, then classes nearest to their shares."""
    classes, index = np.unique(labels, return_inverse=True)
    counts = np.zeros((int(groups.max(initial=-1)) + 1, len(classes)))
    np.add.at(counts, (groups, index), 1)
    target = shares[:, None] * counts.sum(0)
    # Many groups come out well in any order; few may leave a split without a class.
    draws = [_draw(counts, target, generator) for _ in range(30 if len(counts) <= _FEW_GROUPS else 1)]
    _, _, of_group = min(draws, key=lambda draw: draw[:2])
    return of_group[groups]


def _draw(counts: Table, target: Table, generator: np.random.Generator) -> tuple[int, float, Image]:
    """Large groups first, each to the split where it brings the classes nearest to `target` (chi-square).

    `counts` is groups by classes, `target` splits by classes. Sizes are varied by up to a quarter, or every draw would
    be the same. Returns how many classes miss a split, the final distance, and each group's split.
    """
    filled, expected = np.zeros_like(target), np.maximum(target, 1e-9)
    of_group = np.zeros(len(counts), np.uint8)
    sizes = counts.sum(1) * generator.uniform(0.75, 1.25, len(counts))
    for group in np.argsort(-sizes, kind="stable"):
        added = counts[group]
        cost = (added * (2 * (filled - target) + added) / expected).sum(1)
        best = int(cost.argmin())
        filled[best] += added
        of_group[group] = best
    missing = int(((filled == 0) & (target > 0)).sum())
    return missing, float(((filled - target) ** 2 / expected).sum()), of_group
