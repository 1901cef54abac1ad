"""The model to beat: it answers the same for every face."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from engine.fields import settings
from engine.items import Floats, Image
from trainer.models.base import Examples, check_examples, check_faces
from trainer.models.store import Stored, write


@settings
class MajorityConfig:
    """Nothing to choose."""


class Majority:
    """The mean label distribution of the training faces, whatever the face: its top is the majority class."""

    def __init__(self, name: str, labels: tuple[str, ...], config: MajorityConfig, _cache: Path | None = None) -> None:
        self.name, self.labels, self.config = name, labels, config
        self._shares: Floats = np.full(len(labels), 1 / len(labels), np.float32)

    @property
    def parameters(self) -> int:
        return len(self.labels)

    @property
    def facts(self) -> Mapping[str, Any]:
        return {"shares": dict(zip(self.labels, np.round(self._shares.astype(float), 4).tolist(), strict=True))}

    def fit(self, images: Image, targets: Floats, validation: Examples | None = None) -> None:  # noqa: ARG002
        check_examples(images, targets, self.labels)
        self._shares = targets.mean(0, dtype=np.float64).astype(np.float32)

    def predict_proba(self, images: Image) -> Floats:
        check_faces(images)
        return np.tile(self._shares, (len(images), 1))

    def save(self, folder: Path) -> None:
        write(Stored(self.name, self.labels, {}, self.facts, {"shares": self._shares}), folder)

    def restore(self, stored: Stored) -> None:
        self._shares = stored.arrays["shares"]
