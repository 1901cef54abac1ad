"""A recurrent network over the deep features of a clip."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence

from engine.errors import ConfigError
from engine.items import Floats
from trainer.labels import Ints
from trainer.models.extractors import Scaler
from trainer.models.store import Stored
from trainer.models.tracks import GruConfig, Track, check_tracks, keep


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
        check_tracks(tracks, truth)
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
        keep(self, {**self._scaler.arrays(), "seen": self._seen, **state}, folder)

    def restore(self, stored: Stored) -> None:
        state = {name[4:]: torch.from_numpy(value) for name, value in stored.arrays.items() if name[:4] == "net."}
        self._scaler, self._seen = Scaler.of(stored.arrays), stored.arrays["seen"]
        self._net = _Net(len(self._scaler.mean), self.config, len(self.labels)).eval()
        self._net.load_state_dict(state)
