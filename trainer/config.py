"""A training recipe: its settings, and reading and writing them as YAML."""

from dataclasses import asdict, field
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationError

from engine.errors import ConfigError
from engine.fields import Count, Name, Positive, Unit, settings
from engine.pixels import InputSpec
from trainer.augment import AugmentConfig
from trainer.nets import NETS

Side = Annotated[int, Field(ge=16, le=224, multiple_of=16)]
"""Pixels; the networks halve it up to four times."""


@settings
class TrainConfig:
    """One recipe. `net` is a name of `trainer.nets.NETS`; `aligned_share` of the faces of an epoch are seen
    aligned, the others as whole crops; rates are per step, and fall along a cosine after `warmup_epochs`."""

    name: Name
    net: str
    version: str = "1"
    size: Side = 48
    mean: float = 0.5
    std: Positive = 0.25
    epochs: Count = 30
    batch_size: Count = 128
    learning_rate: Positive = 0.1
    weight_decay: Unit = 5e-4
    warmup_epochs: Unit | Count = 1
    average: Unit = 0.998
    aligned_share: Unit = 0.6
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    patience: Count = 10
    precision: Literal["fp32", "bf16"] = "fp32"
    threads: Count = 2
    seed: int = 0

    def __post_init__(self) -> None:
        if self.net not in NETS:
            raise ValueError(f"net {self.net!r} is not one of {', '.join(NETS)}")

    @property
    def input(self) -> InputSpec:
        """What the network is fed: gray, pixels 0..1 less `mean`, by `std`."""
        return InputSpec(self.size, self.size, "GRAY", 1 / 255, (self.mean,), (self.std,))

    def to_yaml(self) -> str:
        text: str = yaml.safe_dump(asdict(self), sort_keys=False)
        return text


def load_config(path: Path) -> TrainConfig:
    """The recipe in YAML file `path`.

    Raises:
        ConfigError: one problem for each key that is unknown, missing or out of range.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"recipe {str(path)!r} cannot be read ({error})") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"recipe {path}: not YAML ({' '.join(str(error).split())})") from error
    return parse_config(raw, str(path))


def parse_config(raw: Any, where: str) -> TrainConfig:
    """A recipe from plain data; `where` begins each problem's line."""
    if not isinstance(raw, dict):
        raise ConfigError(f"{where}: expected keys and values, found {type(raw).__name__}")
    try:
        return TrainConfig(**raw)
    except ValidationError as error:
        problems = [
            f"{where}: {'.'.join(str(part) for part in item['loc']) or 'recipe'}: {item['msg']}"
            for item in error.errors()
        ]
        raise ConfigError(*problems) from error
    except TypeError as error:
        raise ConfigError(f"{where}: {error}") from error
