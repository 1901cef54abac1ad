"""Models of whole clips: what a network sees of each frame, taken together over time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence

from engine.errors import ConfigError
from engine.fields import Count, Positive, Unit, settings
from engine.items import Floats
from trainer.labels import Ints
from trainer.models.extractors import Scaler
from trainer.models.store import Stored, read, write
from trainer.recipes import plain, to_settings


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One face over time as a network saw it: `features` float32 `(T, D)`, its deep features of every frame,
    and `probabilities` `(T, K)` over the network's own labels."""

    features: Floats
    probabilities: Floats

    def __post_init__(self) -> None:
        if self.features.ndim != 2 or not len(self.features) or len(self.features) != len(self.probabilities):
            raise ValueError(
                f"track: expected features (T, D) and probabilities (T, K), got {self.features.shape} and "
                f"{self.probabilities.shape}"
            )


class SequenceModel(Protocol):
    """The shape of `trainer.models.base.Model` for clips: tracks instead of faces, one label `(N,)` each."""

    @property
    def labels(self) -> tuple[str, ...]: ...

    @property
    def parameters(self) -> int: ...

    def fit(self, tracks: Sequence[Track], truth: Ints) -> None: ...

    def predict_proba(self, tracks: Sequence[Track]) -> Floats: ...

    def save(self, folder: Path) -> None: ...


@settings
class GruConfig:
    """`hidden` numbers of memory; `dropout` of features and memory; `noise` is added to standardised features."""

    hidden: Count = 64
    dropout: Unit = 0.4
    noise: Unit = 0.3
    epochs: Count = 80
    learning_rate: Positive = 3e-3
    weight_decay: Unit = 1e-2
    cost: Positive = 0.01
    seed: int = 0


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
        _check(tracks, truth)

    def predict_proba(self, tracks: Sequence[Track]) -> Floats:
        means = np.array([track.probabilities[:, self._columns].mean(0) for track in tracks], np.float32)
        means = means.reshape(len(tracks), len(self.labels)) + 1e-9
        return np.asarray(means / means.sum(1, keepdims=True), np.float32)

    def save(self, folder: Path) -> None:
        _write(self, {}, folder)

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
        _check(tracks, truth)
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
        _write(self, self._arrays, folder)

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


class _Net(nn.Module):  # type: ignore[misc,unused-ignore]
    def __init__(self, inputs: int, config: GruConfig, classes: int) -> None:
        super().__init__()
        self.drop = nn.Dropout(config.dropout)
        self.gru = nn.GRU(inputs, config.hidden, batch_first=True)
        self.head = nn.Linear(config.hidden, classes)

    def forward(self, batch: Tensor, lengths: Tensor) -> Tensor:
        """Logits `(N, C)` of padded `(N, T, D)`, from the memory after each clip's last frame."""
        packed = pack_padded_sequence(self.drop(batch), lengths, batch_first=True, enforce_sorted=False)
        _, memory = self.gru(packed)
        logits: Tensor = self.head(self.drop(memory[0]))
        return logits


class Gru:
    """A gated recurrent unit (Cho et al. 2014, arXiv 1406.1078) over deep features. It looks back only, so it
    could run live."""

    def __init__(self, name: str, labels: tuple[str, ...], net_labels: tuple[str, ...], config: GruConfig) -> None:
        self.name, self.labels, self.net_labels, self.config = name, labels, net_labels, config
        self._scaler: Scaler | None = None
        self._net: _Net | None = None
        self._seen = np.ones(len(labels), np.bool_)

    @property
    def parameters(self) -> int:
        return sum(value.numel() for value in self._net.parameters()) if self._net else 0

    def fit(self, tracks: Sequence[Track], truth: Ints) -> None:
        """Trains on all clips at once in each epoch; the same seed gives the same weights."""
        _check(tracks, truth)
        self._scaler = Scaler.fit(np.concatenate([track.features for track in tracks]))
        self._seen = np.bincount(truth, minlength=len(self.labels)) > 0
        batch, lengths = self._padded(tracks)
        target = torch.from_numpy(truth)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.config.seed)
            net = self._net = _Net(batch.shape[2], self.config, len(self.labels)).train()
            solver = torch.optim.AdamW(
                net.parameters(), self.config.learning_rate, weight_decay=self.config.weight_decay
            )
            schedule = torch.optim.lr_scheduler.CosineAnnealingLR(solver, self.config.epochs)
            for _ in range(self.config.epochs):
                noisy = batch + self.config.noise * torch.randn(batch.shape)
                loss = functional.cross_entropy(net(noisy, lengths), target, label_smoothing=0.05)
                solver.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call,unused-ignore]
                solver.step()
                schedule.step()
        net.eval()

    def predict_proba(self, tracks: Sequence[Track]) -> Floats:
        if self._net is None:
            raise ConfigError(f"model {self.name!r} is not fitted")
        if not tracks:
            return np.zeros((0, len(self.labels)), np.float32)
        with torch.no_grad():
            logits = self._net(*self._padded(tracks))
        logits[:, torch.from_numpy(~self._seen)] = -torch.inf
        probabilities: Floats = logits.softmax(1).numpy()
        return probabilities

    def _padded(self, tracks: Sequence[Track]) -> tuple[Tensor, Tensor]:
        assert self._scaler is not None, "fitted or restored"
        parts = [torch.from_numpy(self._scaler(track.features)) for track in tracks]
        return pad_sequence(parts, batch_first=True), torch.tensor([len(part) for part in parts])

    def save(self, folder: Path) -> None:
        assert self._net is not None, "fit before save"
        assert self._scaler is not None, "fit before save"
        state = {f"net.{name}": value.numpy() for name, value in self._net.state_dict().items()}
        _write(self, {**self._scaler.arrays(), "seen": self._seen, **state}, folder)

    def restore(self, stored: Stored) -> None:
        state = {name[4:]: torch.from_numpy(value) for name, value in stored.arrays.items() if name[:4] == "net."}
        self._scaler, self._seen = Scaler.of(stored.arrays), stored.arrays["seen"]
        self._net = _Net(len(self._scaler.mean), self.config, len(self.labels)).eval()
        self._net.load_state_dict(state)


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


def _write(model: Averaged | Logistic | Gru, arrays: Mapping[str, Any], folder: Path) -> None:
    facts = {"net_labels": list(model.net_labels)}
    write(Stored(model.name, model.labels, plain(model.config), facts, arrays), folder)


def _check(tracks: Sequence[Track], truth: Ints) -> None:
    if len(tracks) != len(truth) or not len(tracks):
        raise ValueError(f"expected as many labels as tracks, and at least one; got {len(truth)} and {len(tracks)}")
