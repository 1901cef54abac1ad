"""Features by their settings, and bringing them to one scale."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine.errors import ConfigError
from engine.items import Floats
from trainer.features import Cached, Extractor, Hog, HogConfig, Lbp, LbpConfig
from trainer.models.deep import Deep, DeepConfig

FeatureConfig: TypeAlias = LbpConfig | HogConfig | DeepConfig


def extractor(config: FeatureConfig, cache: Path | None = None) -> Extractor:
    """The extractor of these settings; what it computes for many faces is kept in folder `cache`, if given."""
    found: Extractor
    if isinstance(config, LbpConfig):
        found = Lbp(config)
    elif isinstance(config, HogConfig):
        found = Hog(config)
    else:
        found = Deep(config)
    return found if cache is None else Cached(found, cache)


def check_same(extract: Extractor, facts: Mapping[str, Any], name: str) -> None:
    """A kept model needs the features it learned from.

    Raises:
        ConfigError: they are others now, for example since their network was trained again.
    """
    if facts.get("features") != extract.name:
        raise ConfigError(
            f"model {name!r} learned from features {facts.get('features')!r}, and now gets {extract.name!r}; "
            "bring back their network, or fit the model again"
        )


@dataclass(frozen=True, slots=True, eq=False)
class Scaler:
    """Features less their mean, by their standard deviation; both float32 `(D,)`, from training faces."""

    mean: Floats
    deviation: Floats

    @classmethod
    def fit(cls, features: Floats) -> "Scaler":
        """Deviations are held at a tenth of their median or more: a rare pattern must not shout."""
        deviation = features.std(0, dtype=np.float64)
        floor = max(0.1 * float(np.median(deviation)), 1e-6)
        return cls(
            features.mean(0, dtype=np.float64).astype(np.float32), np.maximum(deviation, floor).astype(np.float32)
        )

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> "Scaler":
        return cls(arrays["mean"], arrays["deviation"])

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {"mean": self.mean, "deviation": self.deviation}

    def __call__(self, features: Floats) -> Floats:
        return (features - self.mean) / self.deviation
