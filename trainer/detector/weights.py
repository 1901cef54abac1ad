"""Where the weights of a network come from: the best of a run, or an exported file."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from engine.errors import ConfigError
from trainer import checkpoints
from trainer.detector.net import RetinaFaceNet
from trainer.detector.restore import restore


def check(init: str) -> None:
    """Raises ConfigError: a recipe's `init` names nothing to begin from."""
    if init and not _file(init).is_file():
        text = (
            f"init: {init!r} holds no trained detector; train it first, name an exported .onnx file, or leave init out"
        )
        raise ConfigError(text)


def begin(nets: Sequence[RetinaFaceNet], init: str, std: Sequence[float], scenes: Iterable[Tensor]) -> None:
    """Put what `init` names into all `nets`, which are alike. Of `scenes`, batches as they take them, as many as there
    are are looked at where it is an exported file; `std` is what their channels were divided by.

    Raises:
        ConfigError: it is another network, no model, or damaged.
    """
    file = _file(init)
    if file.suffix == ".onnx":
        restore(nets[0], file, torch.tensor(std), scenes)
        state = {name: each.clone() for name, each in nets[0].state_dict().items()}
    else:
        state = checkpoints.read(file)
    for net in nets:
        begin_from(net, state, init)


def _file(init: str) -> Path:
    return Path(init) if init.endswith(".onnx") else Path(init) / "best.pt"


def load_weights(net: nn.Module, state: Mapping[str, Tensor], run: str) -> None:
    """Put the weights of `run` into `net`.

    Raises:
        ConfigError: they are those of another network.
    """
    if _shapes(state) != _shapes(net.state_dict()):
        raise ConfigError(f"{run!r} is a run of another network: backbone or pyramid differ")
    net.load_state_dict(state)


def begin_from(net: nn.Module, state: Mapping[str, Tensor], run: str) -> None:
    """Put the weights of `run` into `net`; context heads of another kind stay as they are.

    Raises:
        ConfigError: they are those of another network.
    """
    own = net.state_dict()
    differing = {name for name, _ in _shapes(own) ^ _shapes(state)}
    anew = {_part(name) for name in differing if name.startswith("context.")}
    kept = {name: each for name, each in state.items() if _part(name) not in anew}
    load_weights(net, kept | {name: each for name, each in own.items() if _part(name) in anew}, run)


def _shapes(state: Mapping[str, Tensor]) -> set[tuple[str, torch.Size]]:
    return {(name, each.shape) for name, each in state.items()}


def _part(name: str) -> str:
    """`context.1` of `context.1.near.0.0.weight`."""
    return ".".join(name.split(".")[:2])
