"""What `tune` tries: a base recipe, ranges for some of its keys, and the rules of the search, from YAML."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from engine.errors import ConfigError
from engine.fields import Count, Text, settings
from trainer.config import TrainConfig, parse_config
from trainer.recipes import plain, read_yaml, to_settings

Scalar = bool | int | float | str
TEST_REFUSED = "the test split is for the final number only; tune on validation"


@settings
class Range:
    """Where one key is searched: `uniform` and `log` between `low` and `high`, `int` with both ends, or
    `choice` among `values`."""

    kind: Literal["uniform", "log", "int", "choice"]
    low: float | None = None
    high: float | None = None
    values: tuple[Scalar, ...] = ()

    def __post_init__(self) -> None:
        if self.kind == "choice":
            if len(self.values) < 2 or self.low is not None or self.high is not None:
                raise ValueError("a choice needs two or more values, and neither low nor high")
            return
        if self.values or self.low is None or self.high is None or not self.low < self.high:
            raise ValueError(f"{self.kind} needs low below high, and no values")
        if self.kind == "log" and self.low <= 0:
            raise ValueError(f"log needs low above 0, got {self.low}")
        if self.kind == "int" and (self.low % 1 or self.high % 1):
            raise ValueError(f"int needs whole numbers, got {self.low} and {self.high}")

    @property
    def ends(self) -> tuple[Scalar, ...]:
        """Values that show whether the recipe takes this range: both ends, or all choices."""
        if self.kind == "choice":
            return self.values
        ends = (self.low or 0.0, self.high or 0.0)
        return tuple(int(end) for end in ends) if self.kind == "int" else ends


@settings
class TuneConfig:
    """A search. `base` is a recipe, its path relative to this file; trials train `epochs` of it. `search`
    has a range for each searched key, `augment.cutout` for one inside another. A trial is stopped when an
    epoch is worse than the median of the trials before it, not before `patient_trials` and `patient_epochs`."""

    base: Text
    epochs: Count
    search: dict[str, Range] = field(default_factory=dict)
    objective: Literal["accuracy", "macro-f1"] = "accuracy"
    split: str = "validation"
    patient_trials: Count = 4
    patient_epochs: Count = 2
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Space:
    """A checked search: its settings and its base recipe."""

    config: TuneConfig
    base: TrainConfig

    def recipe(self, values: Mapping[str, Scalar], epochs: int | None = None) -> TrainConfig:
        """The base recipe with `values`, for `epochs` if given.

        Raises:
            ConfigError: the recipe does not take them.
        """
        raw = base_of(self.base)
        for key, value in values.items():
            _set(raw, key, value)
        if epochs is not None:
            raw["epochs"] = epochs
        return parse_config(raw, f"search {dict(values)}")


def base_of(config: TrainConfig) -> dict[str, Any]:
    """A recipe as plain data that may be changed."""
    raw: dict[str, Any] = plain(config)
    return raw


def load_space(path: Path) -> Space:
    """The search in YAML file `path`, every end of every range tried on the base recipe.

    Raises:
        ConfigError: one line for each problem; a search on the test split is refused.
    """
    config = to_settings(TuneConfig, read_yaml(path), str(path))
    if config.split != "validation":
        refuse_split(config.split, f"{path}: split")
    if not config.search:
        raise ConfigError(f"{path}: search: name at least one key with a range")
    base = parse_config(read_yaml(path.parent / config.base), str(path.parent / config.base))
    space = Space(config, base)
    for key, where in config.search.items():
        for value in where.ends:
            try:
                space.recipe({key: value})
            except ConfigError as error:
                raise ConfigError(f"{path}: search.{key}: {value!r} does not go into the recipe ({error})") from error
    return space


def refuse_split(split: str, where: str) -> None:
    """Say why tuning on `split` is refused.

    Raises:
        ConfigError: always.
    """
    if split == "test":
        raise ConfigError(f"{where} test: {TEST_REFUSED}")
    raise ConfigError(f"{where} {split}: expected validation, which is what is not trained on and not the final test")


def _set(raw: dict[str, Any], key: str, value: Scalar) -> None:
    *parents, last = key.split(".")
    inside = raw
    for name in parents:
        if not isinstance(inside.get(name), dict):
            raise ConfigError(f"key {key!r}: the recipe has no group {name!r}")
        inside = inside[name]
    if last not in inside:
        raise ConfigError(f"the recipe has no key {key!r}; it has {', '.join(inside)}")
    inside[last] = value
