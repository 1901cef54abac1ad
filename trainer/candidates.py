"""Models as cross-validation sees them: a name, a recipe, and a way to train them on any data set."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from engine.errors import ConfigError
from trainer.batches import examples
from trainer.config import TrainConfig
from trainer.convnet import ConvNet
from trainer.faceset import FaceSet
from trainer.fit import Fit, OnEpoch, Watch
from trainer.models import MODELS, build
from trainer.models.deep import DeepConfig
from trainer.recipes import plain
from trainer.subjects import Predicts

Train: TypeAlias = Callable[[FaceSet, Path], Predicts]
"""Trains on the splits `train` and `validation` of a data set; the folder may keep checkpoints."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model to cross-validate: its name, its recipe as plain data, and how it is trained."""

    name: str
    recipe: Mapping[str, Any]
    train: Train


def network(
    config: TrainConfig,
    label_set: str | None = None,
    watch: Watch = lambda batches, _count, _what: iter(batches),
    on_epoch: OnEpoch = lambda _line: None,
) -> Candidate:
    """A recipe of `trainer.fit`, judged by `label_set` (None: its first).

    Raises:
        ConfigError: it begins from, or learns from, a run that has seen these very faces.
    """
    for run, what in ((config.init, "begins from"), (config.teacher, "is taught by")):
        if run:
            raise ConfigError(
                f"recipe {config.name!r} {what} the run {run!r}, which knows the faces of every fold; take a recipe "
                "without init and teacher, such as configs/trainer/cnn-small.yaml"
            )

    def train(faces: FaceSet, folder: Path) -> Predicts:
        Fit(config, examples(faces, config), folder).run(watch, on_epoch)
        return ConvNet.open(folder, label_set)

    return Candidate(config.name, plain(config), train)


def baseline(name: str, label_set: str | None = None) -> Candidate:
    """Model `name` of `trainer.models.MODELS` with its own settings, trained on aligned faces.

    Raises:
        ConfigError: there is none of that name, or it reads a network that has seen these very faces.
    """
    if name not in MODELS:
        raise ConfigError(f"model {name!r} is not one of {', '.join(MODELS)}")
    config = MODELS[name].config
    if isinstance(getattr(config, "features", None), DeepConfig):
        raise ConfigError(
            f"model {name!r} reads features of a network trained on the training split, so every fold would be "
            "scored on faces that network knows; compare it on the validation split instead"
        )

    def train(faces: FaceSet, _folder: Path) -> Predicts:
        answers = faces.label_set(label_set)
        targets, usable = answers.distributions()
        usable &= ~faces.blank()
        parts = [np.flatnonzero(usable & (faces.split == number)) for number in (0, 1)]
        learned, held = ((np.asarray(faces.aligned[rows]), targets[rows]) for rows in parts)
        model = build(name, answers.labels)
        model.fit(*learned, validation=held)
        return model

    return Candidate(name, {"model": name, **plain(config)}, train)
