"""Models of whole clips: what a network sees of each frame, taken together over time."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from engine.errors import ConfigError
from engine.items import Floats
from trainer.labels import Ints
from trainer.models.extractors import Scaler
from trainer.models.gru import Gru
from trainer.models.store import Stored, read
from trainer.models.tracks import GruConfig, SequenceModel, Track, check_tracks, keep
from trainer.recipes import to_settings


class Averaged:
    """The network itself, learning nothing here: its probabilities averaged over the frames, cut down to
    `labels` and brought to sum 1."""

    def __init__(self, name: str, labels: tuple[str, ...], net_labels: tuple[str, ...], config: GruConfig) -> None:
        missing = [label for label in labels if label not in net_labels]
        if missing:
            raise ConfigError(f"model {name!r}: the network knows no {', '.join(missing)}; it has {list(net_labels)}")
        self.name, self.labels, self.net_labels, self.config = name, labels, net_labels, config
        self._columns = [net_labels.index(label) for label in labels]

    @property
    def parameters(self) -> int:
        return 0

    def fit(self, tracks: Sequence[Track], truth: Ints) -> None:
        check_tracks(tracks, truth)

    def predict_proba(self, tracks: Sequence[Track]) -> Floats:
        means = np.array([track.probabilities[:, self._columns].mean(0) for track in tracks], np.float32)
        means = means.reshape(len(tracks), len(self.labels)) + 1e-9
        return np.asarray(means / means.sum(1, keepdims=True), np.float32)

    def save(self, folder: Path) -> None:
        keep(self, {}, folder)

    def restore(self, stored: Stored) -> None:
        """Nothing was learned."""


class Logistic:
    """Logistic regression on the mean of a clip's deep features: order forgotten, but trained on the same clips."""

    @staticmethod
    def pool(features: Floats) -> Floats:
        """One row `(D,)` of a clip's `(T, D)`."""
        mean: Floats = features.mean(0)
        return mean

    def __init__(self, name: str, labels: tuple[str, ...], net_labels: tuple[str, ...], config: GruConfig) -> None:
        self.name, self.labels, self.net_labels, self.config = name, labels, net_labels, config
        self._arrays: dict[str, Any] = {}

    @property
    def parameters(self) -> int:
        return int(self._arrays["weights"].size + self._arrays["bias"].size) if self._arrays else 0

    def fit(self, tracks: Sequence[Track], truth: Ints) -> None:
        check_tracks(tracks, truth)
        means = self._pooled(tracks)
        scaler = Scaler.fit(means)
        found = LogisticRegression(C=self.config.cost, max_iter=500).fit(scaler(means), truth)
        two = len(found.classes_) == 2
        weights = np.zeros((len(self.labels), means.shape[1]), np.float32)
        bias = np.full(len(self.labels), -1e9, np.float32)
        # Of two classes scikit-learn keeps one row: the second against the first.
        weights[found.classes_] = np.concatenate([0 * found.coef_, found.coef_]) if two else found.coef_
        bias[found.classes_] = [0, found.intercept_[0]] if two else found.intercept_
        self._arrays = {**scaler.arrays(), "weights": weights, "bias": bias}

    def predict_proba(self, tracks: Sequence[Track]) -> Floats:
        if not tracks:
            return np.zeros((0, len(self.labels)), np.float32)
        scores = Scaler.of(self._arrays)(self._pooled(tracks)) @ self._arrays["weights"].T + self._arrays["bias"]
        powers = np.exp(scores - scores.max(1, keepdims=True))
        return np.asarray(powers / powers.sum(1, keepdims=True), np.float32)

    def save(self, folder: Path) -> None:
        keep(self, self._arrays, folder)

    def restore(self, stored: Stored) -> None:
        self._arrays = dict(stored.arrays)

    def _pooled(self, tracks: Sequence[Track]) -> Floats:
        return np.stack([self.pool(track.features) for track in tracks])


class LastFrame(Logistic):
    """Logistic regression on the last frame alone: in clips that end at the peak, the best single picture."""

    @staticmethod
    def pool(features: Floats) -> Floats:
        last: Floats = features[-1]
        return last


SEQUENCES: Mapping[str, Callable[[str, tuple[str, ...], tuple[str, ...], GruConfig], Any]] = {
    "cnn-averaged": Averaged,
    "features-averaged-logistic": Logistic,
    "features-last-logistic": LastFrame,
    "cnn-gru": Gru,
}


def open_sequence_model(folder: Path) -> SequenceModel:
    """The model that `SequenceModel.save` wrote to `folder`.

    Raises:
        ConfigError: when it is missing, damaged, or of a kind this version does not know.
    """
    stored = read(folder)
    if stored.model not in SEQUENCES:
        raise ConfigError(f"model {str(folder)!r} is a {stored.model!r}, not one of {', '.join(SEQUENCES)}")
    config = to_settings(GruConfig, dict(stored.config), str(folder / "model.json"))
    net_labels = tuple(stored.facts.get("net_labels", ()))
    model = SEQUENCES[stored.model](stored.model, stored.labels, net_labels, config)
    try:
        model.restore(stored)
    except (KeyError, RuntimeError) as error:
        raise ConfigError(f"model {str(folder)!r} is damaged ({error}); fit it again") from error
    found: SequenceModel = model
    return found
