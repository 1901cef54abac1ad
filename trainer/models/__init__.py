"""The models that can be trained and compared, in two literal tables.

Adding one is a class that passes `tests/trainer/models/test_contract.py`, and one line here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import ConfigError
from trainer.config import TrainConfig
from trainer.features import HogConfig, LbpConfig
from trainer.models.base import Classifier, Model
from trainer.models.cnn import Cnn
from trainer.models.deep import DeepConfig
from trainer.models.forest import Forest, ForestConfig
from trainer.models.majority import Majority, MajorityConfig
from trainer.models.store import read
from trainer.models.svm import Svm, SvmConfig
from trainer.recipes import plain, to_settings

__all__ = ["MODELS", "Classifier", "Entry", "Model", "build", "open_model", "resolved"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A class of models and its settings where a recipe says nothing else."""

    model: Callable[..., Any]
    config: Any


MODELS: Mapping[str, Entry] = {
    "majority": Entry(Majority, MajorityConfig()),
    "lbp-svm": Entry(Svm, SvmConfig(features=LbpConfig(), costs=(1e-5, 3e-5, 1e-4, 3e-4))),
    "hog-svm": Entry(Svm, SvmConfig(features=HogConfig(), costs=(1e-4, 3e-4, 1e-3, 3e-3))),
    "hog-rbf-svm": Entry(
        Svm, SvmConfig(features=HogConfig(), landmarks=2000, gammas=(0.25, 0.5), costs=(0.3, 1.0, 3.0))
    ),
    "hog-forest": Entry(Forest, ForestConfig(features=HogConfig())),
    "deep-svm": Entry(Svm, SvmConfig(features=DeepConfig(run="runs/emotion-ferplus"), costs=(1e-4, 1e-3, 1e-2))),
    "cnn": Entry(Cnn, TrainConfig(name="cnn", net="resnet-1.6m")),
}


def build(
    name: str,
    labels: tuple[str, ...],
    settings: Mapping[str, Any] | None = None,
    cache: Path | None = None,
    where: str = "recipe",
) -> Model:
    """The untrained model `name` of the table; `settings` replace its own, `cache` keeps features.

    Raises:
        ConfigError: no such model or setting; the lines begin with `where`.
    """
    config = resolved(name, settings or {}, where)
    model: Model = MODELS[name].model(name, labels, config, cache)
    return model


def resolved(name: str, settings: Mapping[str, Any], where: str = "recipe") -> Any:
    """The settings of model `name`: its own, and `settings` in their place.

    Raises:
        ConfigError: no such model or setting; the lines begin with `where`.
    """
    if name not in MODELS:
        raise ConfigError(f"{where}: model {name!r} is not one of {', '.join(MODELS)}")
    own = MODELS[name].config
    return to_settings(type(own), {**plain(own), **settings}, where)


def open_model(folder: Path, cache: Path | None = None) -> Model:
    """The trained model that `Model.save` wrote to `folder`.

    Raises:
        ConfigError: when it is missing, damaged, or of a kind this version does not know.
    """
    stored = read(folder)
    model = build(stored.model, stored.labels, stored.config, cache, str(folder / "model.json"))
    restore: Callable[[Any], None] = getattr(model, "restore")  # noqa: B009
    try:
        restore(stored)
    except (KeyError, TypeError) as error:
        raise ConfigError(f"model {str(folder)!r} is damaged ({error}); fit it again") from error
    return model
