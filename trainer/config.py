"""A training recipe: its settings, and reading and writing them as YAML."""

from dataclasses import field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from engine.fields import Count, Name, Positive, Unit, settings
from engine.pixels import InputSpec
from trainer.augment import AugmentConfig
from trainer.nets import NETS, SMALLEST
from trainer.recipes import plain, read_yaml, to_settings, to_yaml

Side = Annotated[int, Field(ge=16, le=224, multiple_of=16)]
"""Pixels; the networks halve it up to four times."""
Epochs = Annotated[int, Field(ge=0, le=4096)]


@settings
class TrainConfig:
    """One recipe. `net` is a name of `trainer.nets.NETS`.

    `labels` are label sets of the data, learned side by side by one trunk; empty means the first. The first
    one is what validation is judged by, and with it the best epoch. `smoothing` is taken from plain labels,
    never from votes. `imbalance` acts on the first label set; at `strength` 1 all classes weigh the same, at
    0 each as often as it comes. `aligned_share` of the faces of an epoch are seen aligned, the others as
    whole crops. `first_epochs` are trained on faces of `first_size` pixels, which is faster. In the
    `last_epochs` faces come as often as they are and are changed only `last_augment` times as much: what is
    learned last are clean faces and their true shares. The rate of learning rises over `warmup_epochs` and
    falls along a cosine. `keep` says which weights a run is known by: those of the epoch that did best on
    validation, or of the last one, where validation does not resemble what the model is for. `init` names what
    to begin from (`trainer.beginning`); `teacher` a run whose answers make up `teacher_share` of the targets.
    """

    name: Name
    net: str
    version: str = "1"
    labels: tuple[str, ...] = ()
    size: Side = 48
    mean: float = 0.5
    std: Positive = 0.25
    epochs: Count = 30
    first_epochs: Epochs = 0
    first_size: Side = 32
    last_epochs: Epochs = 0
    last_augment: Unit = 0.5
    batch_size: Count = 128
    learning_rate: Positive = 0.1
    weight_decay: Unit = 5e-4
    warmup_epochs: Unit | Count = 1
    average: Unit = 0.998
    smoothing: Unit = 0.05
    mixup: Unit = 0.0
    imbalance: Literal["none", "weights", "oversample", "undersample"] = "none"
    strength: Unit = 0.3
    aligned_share: Unit = 0.6
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    patience: Count = 12
    keep: Literal["best", "last"] = "best"
    init: str = ""
    teacher: str = ""
    teacher_share: Unit = 0.5
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    compile: bool | Literal["auto"] = "auto"
    threads: Count = 2
    seed: int = 0

    def __post_init__(self) -> None:
        if self.net not in NETS:
            raise ValueError(f"net {self.net!r} is not one of {', '.join(NETS)}")
        least = SMALLEST.get(self.net, 0)
        if (self.first_size if self.first_epochs else self.size) < least:
            raise ValueError(f"net {self.net!r} needs faces of at least {least} pixels")
        if self.first_size > self.size:
            raise ValueError(f"first_size {self.first_size} is larger than size {self.size}")

    @property
    def input(self) -> InputSpec:
        """What the network is fed: gray, pixels 0..1 less `mean`, by `std`."""
        return InputSpec(self.size, self.size, "GRAY", 1 / 255, (self.mean,), (self.std,))

    def to_yaml(self) -> str:
        return to_yaml(plain(self))


def load_config(path: Path) -> TrainConfig:
    """The recipe in YAML file `path`.

    Raises:
        ConfigError: one problem for each key that is unknown, missing or out of range.
    """
    return parse_config(read_yaml(path), str(path))


def parse_config(raw: Any, where: str) -> TrainConfig:
    """A recipe from plain data; `where` begins each problem's line."""
    return to_settings(TrainConfig, raw, where)
