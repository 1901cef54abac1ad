"""A random forest on features, kept as plain arrays."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from tqdm import tqdm

from engine.fields import Count, settings
from engine.items import Floats, Image
from trainer.labels import Ints
from trainer.models.base import Examples, check_examples, check_faces, hard_labels, hold_out
from trainer.models.extractors import FeatureConfig, check_same, extractor
from trainer.models.store import Stored, write
from trainer.recipes import plain
from trainer.sampling import Imbalance, balance


@settings
class ForestConfig:
    """`trees` of at most `depth` questions, leaves of at least `leaf` faces; `leaves` are tried on faces held
    out, the best one stays. Each question is chosen among the square root of all features."""

    features: FeatureConfig
    trees: Count = 200
    depth: Count = 24
    leaves: tuple[Count, ...] = (2,)
    imbalance: Imbalance = "none"
    threads: Count = 1
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Trees:
    """All trees in a row. `left` and `right` are the nodes after a question (`feature`, at most `threshold`
    goes left) and -1 at a leaf; `shares` `(nodes, C)` are a node's classes; `roots` begin each tree."""

    left: NDArray[np.int32]
    right: NDArray[np.int32]
    feature: NDArray[np.int16]
    threshold: NDArray[np.float64]
    shares: Floats
    roots: NDArray[np.int32]

    @classmethod
    def of(cls, forest: RandomForestClassifier, classes: int) -> "Trees":
        """The arrays of a fitted forest whose `classes_` index `classes` labels."""
        trees = [each.tree_ for each in forest.estimators_]
        roots = np.cumsum([0, *(tree.node_count for tree in trees)])[:-1]
        shares = np.zeros((int(roots[-1]) + trees[-1].node_count, classes), np.float32)
        values = np.concatenate([tree.value[:, 0] for tree in trees])
        shares[:, forest.classes_] = values / values.sum(1, keepdims=True)
        return cls(
            np.concatenate([_moved(tree.children_left, root) for tree, root in zip(trees, roots, strict=True)]),
            np.concatenate([_moved(tree.children_right, root) for tree, root in zip(trees, roots, strict=True)]),
            np.concatenate([tree.feature for tree in trees]).astype(np.int16),
            np.concatenate([tree.threshold for tree in trees]),
            shares,
            roots.astype(np.int32),
        )

    def __call__(self, features: Floats) -> Floats:
        """Mean shares of the leaves that each row of `features` `(N, D)` falls into; `(N, C)`, rows sum to 1."""
        rows = np.arange(len(features))
        total = np.zeros((len(features), self.shares.shape[1]), np.float64)
        for root in self.roots:
            nodes = np.full(len(features), root, np.int32)
            while (inner := self.left[nodes] >= 0).any():
                goes_left = features[rows, self.feature[nodes]] <= self.threshold[nodes]
                nodes = np.where(inner, np.where(goes_left, self.left[nodes], self.right[nodes]), nodes)
            total += self.shares[nodes]
        return np.asarray(total / len(self.roots), np.float32)


def _moved(children: Ints, root: int) -> NDArray[np.int32]:
    return np.where(children >= 0, children + root, -1).astype(np.int32)


class Forest:
    """A random forest (Breiman 2001) grown by scikit-learn; probabilities are shares of training faces in leaves."""

    def __init__(self, name: str, labels: tuple[str, ...], config: ForestConfig, cache: Path | None = None) -> None:
        self.name, self.labels, self.config = name, labels, config
        self._extract = extractor(config.features, cache)
        self._trees: Trees | None = None
        self._facts: dict[str, Any] = {}

    @property
    def parameters(self) -> int:
        """Questions and leaves: a feature and a threshold each, or a share for each class."""
        if self._trees is None:
            return 0
        questions = int((self._trees.left >= 0).sum())
        return 2 * questions + (len(self._trees.left) - questions) * len(self.labels)

    @property
    def facts(self) -> Mapping[str, Any]:
        return self._facts

    def fit(self, images: Image, targets: Floats, validation: Examples | None = None) -> None:
        check_examples(images, targets, self.labels)
        if validation is None and len(self.config.leaves) > 1:
            train, held = hold_out(targets, 0.15, self.config.seed)
            images, targets, validation = images[train], targets[train], (images[held], targets[held])
        features = np.asarray(self._extract(images), np.float32)
        settings_ = self.config
        balanced = balance(features, hard_labels(targets), self.labels, settings_.imbalance, settings_.seed)
        best, tried = -1.0, []
        for leaf in settings_.leaves:
            trees = self._grow(balanced.features, balanced.labels, balanced.weights, leaf)
            accuracy = None if validation is None else _accuracy(trees, self._extract(validation[0]), validation[1])
            tried.append({"leaf": leaf, "accuracy": accuracy})
            if accuracy is None or accuracy > best:
                best, self._trees, self._facts = accuracy or 0.0, trees, {"leaf": leaf}
        self._facts |= {"tried": tried, "features": self._extract.name, "imbalance": balanced.facts}

    def _grow(self, features: Floats, labels: Ints, weights: Floats, leaf: int) -> Trees:
        forest = RandomForestClassifier(
            n_estimators=0,
            max_depth=self.config.depth,
            min_samples_leaf=leaf,
            n_jobs=self.config.threads,
            random_state=self.config.seed,
            warm_start=True,
        )
        for count in self._some_more():
            forest.n_estimators = count
            forest.fit(features, labels, sample_weight=weights)
        return Trees.of(forest, len(self.labels))

    def _some_more(self) -> Iterator[int]:
        """How many trees there should be, step by step, so that a bar can be shown."""
        steps: Sequence[int] = range(0, self.config.trees, max(4, self.config.threads))
        with tqdm(total=self.config.trees, desc=self.name, unit="tree", leave=False, disable=None) as bar:
            for before, after in zip(steps, [*steps[1:], self.config.trees], strict=True):
                yield after
                bar.update(after - before)

    def predict_proba(self, images: Image) -> Floats:
        check_faces(images)
        if self._trees is None:
            return np.full((len(images), len(self.labels)), 1 / len(self.labels), np.float32)
        return self._trees(np.asarray(self._extract(images), np.float32))

    def save(self, folder: Path) -> None:
        assert self._trees is not None, "fit before save"
        arrays = {name: getattr(self._trees, name) for name in Trees.__slots__}
        write(Stored(self.name, self.labels, plain(self.config), self._facts, arrays), folder)

    def restore(self, stored: Stored) -> None:
        check_same(self._extract, stored.facts, self.name)
        self._trees = Trees(**stored.arrays)
        self._facts = dict(stored.facts)


def _accuracy(trees: Trees, features: Floats, targets: Floats) -> float:
    guesses = trees(np.asarray(features, np.float32)).argmax(1)
    return round(float((guesses == hard_labels(targets)).mean()), 4)
