"""A convolutional network behind the same door as every other model."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from engine.errors import ConfigError
from engine.items import Floats, Image
from trainer.config import TrainConfig
from trainer.convnet import ConvNet
from trainer.models.base import Examples, check_examples, check_faces, hard_labels, hold_out, softmax
from trainer.models.store import Stored, write
from trainer.recipes import plain


class Cnn:
    """`trainer.convnet.ConvNet` as an entry of the table, for cross-validation and the like.

    One view of each face, one label set, no resuming; `moodline-train fit` trains whole runs with all of that.
    """

    def __init__(self, name: str, labels: tuple[str, ...], config: TrainConfig, cache: Path | None = None) -> None:
        self.name, self.labels, self.config = name, labels, config
        self._net = ConvNet(config, labels, cache or Path())
        self._seen = np.ones(len(labels), np.bool_)

    @property
    def parameters(self) -> int:
        return sum(value.numel() for value in self._net.net.parameters())

    @property
    def facts(self) -> Mapping[str, Any]:
        return {"net": self.config.net}

    def fit(self, images: Image, targets: Floats, validation: Examples | None = None) -> None:
        check_examples(images, targets, self.labels)
        self._seen = np.bincount(hard_labels(targets), minlength=len(self.labels)) > 0
        if validation is None:
            train, held = hold_out(targets, 0.1, self.config.seed)
            held = held if len(held) else train
            images, targets, validation = images[train], targets[train], (images[held], targets[held])
        with TemporaryDirectory(prefix="moodline-cnn-") as folder:
            net = ConvNet(self.config, self.labels, Path(folder))
            net.fit(images, targets, validation)
        self._net = net

    def predict_proba(self, images: Image) -> Floats:
        check_faces(images)
        if not len(images):
            return np.zeros((0, len(self.labels)), np.float32)
        return softmax(self._net.logits(images), self._seen)

    def save(self, folder: Path) -> None:
        arrays = {f"net.{name}": value.numpy() for name, value in self._net.net.state_dict().items()}
        write(Stored(self.name, self.labels, plain(self.config), self.facts, {"seen": self._seen, **arrays}), folder)

    def restore(self, stored: Stored) -> None:
        state = {name[4:]: torch.from_numpy(value) for name, value in stored.arrays.items() if name[:4] == "net."}
        self._seen = stored.arrays["seen"]
        try:
            self._net.net.load_state_dict(state)
        except RuntimeError as error:
            raise ConfigError(f"model {self.name!r}: its weights do not fit its settings; fit it again") from error
