"""Support vector machines on features: linear, or with an approximated radial kernel."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.kernel_approximation import Nystroem
from tqdm import tqdm

from engine.fields import Positive, settings
from engine.items import Floats, Image
from trainer.features import Extractor
from trainer.labels import Bools, Ints
from trainer.models.base import (
    Examples,
    best_temperature,
    check_examples,
    check_faces,
    hard_labels,
    hold_out,
    softmax,
)
from trainer.models.extractors import FeatureConfig, Scaler, check_same, extractor
from trainer.models.linear import Linear, fit_linear
from trainer.models.store import Stored, write
from trainer.recipes import plain
from trainer.sampling import Balanced, Imbalance, balance

_CHUNK = 2048


@settings
class SvmConfig:
    """`costs` (the C of the objective) and `gammas` (width of the radial kernel, times 1 / D) are tried on
    faces held out, the best pair stays. `landmarks` 0 is a linear machine; else that many Nystroem landmarks."""

    features: FeatureConfig
    costs: tuple[Positive, ...] = (1e-4, 1e-3, 1e-2)
    landmarks: int = 0
    gammas: tuple[Positive, ...] = (0.5,)
    imbalance: Imbalance = "none"
    steps: int = 150
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Kernel:
    """A radial kernel through landmarks (Nystroem; Williams and Seeger 2001): `(N, D)` to `(N, M)`."""

    landmarks: Floats
    mixing: Floats
    gamma: float

    def __call__(self, features: Floats) -> Floats:
        squares = (self.landmarks**2).sum(1)
        mapped = np.empty((len(features), len(self.mixing)), np.float32)
        for start in range(0, len(features), _CHUNK):
            part = features[start : start + _CHUNK]
            distance = (part**2).sum(1)[:, None] - 2 * part @ self.landmarks.T + squares
            mapped[start : start + _CHUNK] = np.exp(-self.gamma * np.maximum(distance, 0)) @ self.mixing
        return mapped


class Svm:
    """One machine a class against the rest, squared hinge loss (as LinearSVC's), probabilities by a softmax with
    a temperature fitted on faces held out."""

    def __init__(self, name: str, labels: tuple[str, ...], config: SvmConfig, cache: Path | None = None) -> None:
        self.name, self.labels, self.config = name, labels, config
        self._extract: Extractor = extractor(config.features, cache)
        self._scaler = Scaler.fit(np.zeros((1, 1), np.float32))
        self._kernel: Kernel | None = None
        self._linear = Linear(np.zeros((len(labels), 0), np.float32), np.zeros(len(labels), np.float32))
        self._seen: Bools = np.ones(len(labels), np.bool_)
        self._temperature = 1.0
        self._facts: dict[str, Any] = {}

    @property
    def parameters(self) -> int:
        kernel = self._kernel.landmarks.size + self._kernel.mixing.size if self._kernel else 0
        return self._linear.weights.size + self._linear.bias.size + kernel

    @property
    def facts(self) -> Mapping[str, Any]:
        return self._facts

    def fit(self, images: Image, targets: Floats, validation: Examples | None = None) -> None:
        check_examples(images, targets, self.labels)
        if validation is None:
            train, held = hold_out(targets, 0.15, self.config.seed)
            held = held if len(held) else train
            images, targets, validation = images[train], targets[train], (images[held], targets[held])
        raw = np.asarray(self._extract(images), np.float32)
        self._scaler = Scaler.fit(raw)
        features, labels = self._scaler(raw), hard_labels(targets)
        self._seen = np.bincount(labels, minlength=len(self.labels)) > 0
        balanced = balance(features, labels, self.labels, self.config.imbalance, self.config.seed)
        self._choose(balanced, self._scaler(self._extract(validation[0])), hard_labels(validation[1]))
        self._facts |= {"features": self._extract.name, "imbalance": balanced.facts}

    def _choose(self, train: Balanced, held: Floats, truth: Ints) -> None:
        best, tried = -1.0, []
        for kernel, cost, linear in self._candidates(train):
            scores = linear(kernel(held) if kernel else held)
            accuracy = float((np.where(self._seen, scores, -np.inf).argmax(1) == truth).mean())
            tried.append({"cost": cost, "gamma": kernel.gamma if kernel else None, "accuracy": round(accuracy, 4)})
            if accuracy > best:
                best, self._kernel, self._linear = accuracy, kernel, linear
                self._facts = {"cost": cost, "gamma": kernel.gamma if kernel else None}
        self._temperature = best_temperature(
            self._linear(self._kernel(held) if self._kernel else held), truth, self._seen
        )
        self._facts |= {"held_out": len(truth), "tried": tried, "temperature": round(self._temperature, 4)}

    def _candidates(self, train: Balanced) -> Iterator[tuple[Kernel | None, float, Linear]]:
        """Every setting fitted; the weights of one cost are where the next begins."""
        gammas = self.config.gammas if self.config.landmarks else (0.0,)
        with tqdm(
            total=len(gammas) * len(self.config.costs), desc=self.name, unit="fit", leave=False, disable=None
        ) as bar:
            for gamma in gammas:
                kernel = self._kernel_of(train.features, gamma) if self.config.landmarks else None
                features, start = kernel(train.features) if kernel else train.features, None
                for cost in sorted(self.config.costs):
                    start = fit_linear(
                        features, train.labels, train.weights, len(self.labels), cost, self.config.steps, start
                    )
                    bar.update()
                    yield kernel, cost, start

    def _kernel_of(self, features: Floats, gamma: float) -> Kernel:
        width = gamma / features.shape[1]
        count = min(self.config.landmarks, len(features))
        found = Nystroem(kernel="rbf", gamma=width, n_components=count, random_state=self.config.seed).fit(features)
        return Kernel(found.components_.astype(np.float32), found.normalization_.T.astype(np.float32), width)

    def predict_proba(self, images: Image) -> Floats:
        check_faces(images)
        features = self._scaler(self._extract(images))
        scores = self._linear(self._kernel(features) if self._kernel else features)
        return softmax(scores, self._seen, self._temperature)

    def save(self, folder: Path) -> None:
        arrays = {
            **self._scaler.arrays(),
            "weights": self._linear.weights,
            "bias": self._linear.bias,
            "seen": self._seen,
            "temperature": np.array(self._temperature),
        }
        if self._kernel:
            arrays |= {"landmarks": self._kernel.landmarks, "mixing": self._kernel.mixing}
            arrays |= {"gamma": np.array(self._kernel.gamma)}
        write(Stored(self.name, self.labels, plain(self.config), self._facts, arrays), folder)

    def restore(self, stored: Stored) -> None:
        check_same(self._extract, stored.facts, self.name)
        arrays = stored.arrays
        self._scaler = Scaler.of(arrays)
        self._linear = Linear(arrays["weights"], arrays["bias"])
        self._seen, self._temperature = arrays["seen"], float(arrays["temperature"])
        if "gamma" in arrays:
            self._kernel = Kernel(arrays["landmarks"], arrays["mixing"], float(arrays["gamma"]))
        self._facts = dict(stored.facts)
