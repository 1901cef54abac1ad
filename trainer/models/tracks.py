"""A face over time as a network saw it, and what every model of clips offers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from engine.fields import Count, Positive, Unit, settings
from engine.items import Floats
from trainer.labels import Ints
from trainer.models.store import Stored, write
from trainer.recipes import plain


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
    def name(self) -> str: ...

    @property
    def labels(self) -> tuple[str, ...]: ...

    @property
    def net_labels(self) -> tuple[str, ...]: ...

    @property
    def config(self) -> "GruConfig": ...

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


def check_tracks(tracks: Sequence[Track], truth: Ints) -> None:
    if len(tracks) != len(truth) or not len(tracks):
        raise ValueError(f"expected as many labels as tracks, and at least one; got {len(truth)} and {len(tracks)}")


def keep(model: SequenceModel, arrays: Mapping[str, Any], folder: Path) -> None:
    """Write the model into `folder`."""
    facts = {"net_labels": list(model.net_labels)}
    write(Stored(model.name, model.labels, plain(model.config), facts, arrays), folder)
