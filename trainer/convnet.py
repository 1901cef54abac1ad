"""A convolutional network as a classifier of faces: fit, predict, deep features."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from engine import pixels
from engine.errors import ConfigError
from engine.items import Floats, Image
from trainer import checkpoints, runs
from trainer.batches import Examples, Head, slices_of
from trainer.config import TrainConfig, load_config
from trainer.fit import Fit, Watch
from trainer.labels import Ints
from trainer.nets import NETS

_BATCH = 256


class ConvNet:
    """A network of `trainer.nets` with the input of its recipe. `net` gives the logits of `labels`. Faces may also be
    given in colour, uint8 BGR `(N, S, S, 3)`."""

    takes_colour = True

    def __init__(self, config: TrainConfig, labels: tuple[str, ...], folder: Path, net: nn.Module | None = None):
        self.config, self.labels, self.folder = config, labels, folder
        self.net = (net or NETS[config.net](config.input.channels, len(labels))).eval()

    @classmethod
    def open(cls, run: Path, label_set: str | None = None) -> "ConvNet":
        """The best weights of a run folder. Of a net that learned several label sets one is kept: the named, or
        the first.

        Raises:
            ConfigError: no run, no finished epoch, damaged weights, or no such label set.
        """
        config = load_config(run / "config.yaml")
        heads = runs.heads_of(run)
        name = label_set or heads[0].name
        if name not in {head.name for head in heads}:
            raise ConfigError(f"run {str(run)!r} learned {', '.join(head.name for head in heads)}, not {name!r}")
        net = NETS[config.net](config.input.channels, sum(len(head.labels) for head in heads))
        if not (run / "best.pt").is_file():
            raise ConfigError(
                f"run {str(run)!r} has no finished epoch (no best.pt); "
                f"go on with: moodline-train fit RECIPE --data DATA --run {run} --resume"
            )
        try:
            net.load_state_dict(checkpoints.read(run / "best.pt"))
        except RuntimeError as error:
            raise ConfigError(f"run {str(run)!r}: best.pt does not fit its config.yaml and manifest.json") from error
        columns = dict(zip((head.name for head in heads), slices_of(heads), strict=True))
        labels = {head.name: head.labels for head in heads}[name]
        return cls(config, labels, run, _one_head(net, columns[name]))

    def fit(
        self,
        images: Image,
        targets: Floats,
        validation: tuple[Image, Floats] | None = None,
        watch: Watch = lambda batches, _count, _what: iter(batches),
    ) -> None:
        """Train on uint8 `(N, S, S)` with distributions `(N, C)`. Without `validation` every tenth image is
        held out. The run folder takes the checkpoints; an interrupted fit goes on from there."""
        data = _examples(images, targets, validation, self.labels)
        # Any one view is all there is.
        config = replace(self.config, labels=())
        self.folder.mkdir(parents=True, exist_ok=True)
        Fit(config, data, self.folder).run(watch)
        self.net = ConvNet.open(self.folder).net

    def logits(self, images: Image) -> Floats:
        """Float32 `(N, C)` of gray faces uint8 `(N, S, S)`."""
        return self._run(self.net, images)

    def predict_proba(self, images: Image) -> Floats:
        """Probabilities float32 `(N, C)` of gray faces uint8 `(N, S, S)`."""
        probabilities: Floats = torch.from_numpy(self.logits(images)).softmax(1).numpy()
        return probabilities

    def features(self, images: Image) -> Floats:
        """Deep features float32 `(N, D)`: what the last linear layer reads."""
        if not isinstance(self.net, nn.Sequential):
            raise TypeError("a network of trainer.nets is a Sequential")
        return self._run(self.net[:-1], images)

    def _run(self, net: nn.Module, images: Image) -> Floats:
        if images.ndim not in (3, 4) or images.dtype != np.uint8:
            raise ValueError(f"images: expected uint8 (N, S, S[, 3]), got {images.dtype} {images.shape}")
        parts = []
        for start in range(0, len(images), _BATCH):
            batch = pixels.to_tensor(list(images[start : start + _BATCH]), self.config.input)
            with torch.no_grad():
                parts.append(net(torch.from_numpy(batch)).numpy())
        return np.concatenate(parts) if parts else np.empty((0, len(self.labels)), np.float32)


def _one_head(net: nn.Module, rows: slice) -> nn.Module:
    """`net` with only these outputs of its last layer."""
    if not isinstance(net, nn.Sequential) or not isinstance(net[-1], nn.Linear):
        raise TypeError("a network of trainer.nets ends in a linear layer")
    last = nn.Linear(net[-1].in_features, rows.stop - rows.start)
    with torch.no_grad():
        last.weight.copy_(net[-1].weight[rows])
        last.bias.copy_(net[-1].bias[rows])
    net[-1] = last
    return net


def _examples(
    images: Image, targets: Floats, validation: tuple[Image, Floats] | None, labels: tuple[str, ...]
) -> Examples:
    rows: Ints = np.arange(len(images))
    if validation is None:
        held_out = rows % 10 == 9
        train, held = rows[~held_out], rows[held_out]
    else:
        train, held = rows, np.arange(len(images), len(images) + len(validation[0]))
        images, targets = np.concatenate([images, validation[0]]), np.concatenate([targets, validation[1]])
    return Examples(images, images, (Head("labels", labels),), targets.astype(np.float32), train, held)
