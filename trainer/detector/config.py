"""A detector's recipe: its settings, and reading and writing them as YAML."""

from dataclasses import field
from pathlib import Path
from typing import Annotated, Any, Literal

from engine.fields import Count, Field, Name, Positive, Unit, settings
from engine.pixels import InputSpec
from trainer.detector.hints import HintConfig
from trainer.detector.loss import LossConfig
from trainer.detector.net import Backbone, Coarse
from trainer.detector.scenes import SceneConfig
from trainer.recipes import plain, read_yaml, to_settings, to_yaml

MEAN = (104.0, 117.0, 123.0)
"""Of blue, green and red in ImageNet, as the public RetinaFace networks take it off."""
STD = (57.0, 57.0, 57.0)


@settings
class DetectorConfig:
    """One recipe. An epoch is `scenes_per_epoch` scenes of `size` pixels, composed anew each time. The rate of
    learning rises over `warmup_epochs` and falls along a cosine; `average` is how much of the averaged weights,
    which are what is kept, stays at each step. In the `last_epochs` scenes are distorted `last_distort` times as
    often. `validation_scenes` are composed of the other split, always the same ones. `workers` compose beside the
    training; with 0 it waits."""

    name: Name
    version: str = "1"
    backbone: Backbone = "mobilenet025-lean"
    pyramid: Annotated[int, Field(ge=16, le=256, multiple_of=4)] = 64
    coarse: Coarse = "separable"
    size: Annotated[int, Field(ge=96, le=1024, multiple_of=32)] = 320
    epochs: Count = 40
    last_epochs: Annotated[int, Field(ge=0, le=4096)] = 0
    last_distort: Unit = 0.5
    scenes_per_epoch: Annotated[int, Field(ge=1, le=1_000_000)] = 4000
    batch_size: Count = 16
    learning_rate: Positive = 2e-3
    weight_decay: Unit = 0.01
    warmup_epochs: Unit | Count = 0.5
    average: Unit = 0.999
    scenes: SceneConfig = field(default_factory=SceneConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    hints: HintConfig = field(default_factory=HintConfig)
    validation_scenes: Count = 256
    init: str = ""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    compile: bool | Literal["auto"] = "auto"
    threads: Count = 2
    workers: Annotated[int, Field(ge=0, le=64)] = 1
    seed: int = 0

    @property
    def input(self) -> InputSpec:
        """What the network is fed: BGR of any size, less the mean, by one deviation."""
        return InputSpec(None, None, "BGR", 1.0, MEAN, STD)

    def to_yaml(self) -> str:
        return to_yaml(plain(self))


def load_config(path: Path) -> DetectorConfig:
    """The recipe in YAML file `path`.

    Raises:
        ConfigError: one problem for each key that is unknown, missing or out of range.
    """
    return parse_config(read_yaml(path), str(path))


def parse_config(raw: Any, where: str) -> DetectorConfig:
    """A recipe from plain data; `where` begins each problem's line."""
    return to_settings(DetectorConfig, raw, where)
