"""Exported detectors taken up again: to train on from one, or to blend one with a run that was trained on from it.

Export folds batch normalisation into the convolution before it, and with it what the network knew of its own
activations. Their means and deviations are measured again on scenes. Until the first step it says what the file says.
"""

from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor

from engine.errors import ConfigError, ModelError
from engine.modelcard import load_model
from trainer.detector.net import RetinaFaceNet
from trainer.export import convolutions
from trainer.folded import Folded, folded_of, measure, put, running_order


def restore(net: RetinaFaceNet, file: Path, std: Tensor, scenes: Iterable[Tensor]) -> None:
    """Put the exported detector `file` into `net`, which is left in evaluation mode. `scenes` are batches as `net`
    takes them, float32 `(N, 3, H, W)`; `std`, `(3,)`, is the deviation of their channels that export left to the
    first convolution.

    Raises:
        ConfigError: `file` was not exported from a network like `net`, or is no model.
    """
    folded = read(net, file, std, "init")
    with torch.no_grad():
        put(net, folded, _example(net))
        measure(net, scenes)


def read(net: RetinaFaceNet, file: Path, std: Tensor, key: str) -> Folded:
    """The convolutions of the exported detector `file`, of a network like `net`, for inputs divided by `std`.

    Raises:
        ConfigError: it is not, or no model; the text begins with `key`.
    """
    try:
        load_model(file)
    except ModelError as error:
        raise ConfigError(f"{key}: {error}") from error
    folded = [(torch.from_numpy(weight.copy()), torch.from_numpy(bias.copy())) for weight, bias in convolutions(file)]
    if [each.weight.shape for each in running_order(net, _example(net))] != [weight.shape for weight, _ in folded]:
        raise ConfigError(f"{key}: {str(file)!r} was exported from another network: backbone, pyramid or coarse differ")
    first, bias = folded[0]
    return [(first * std.view(1, 3, 1, 1), bias), *folded[1:]]


def blend(net: RetinaFaceNet, other: Folded, share: float) -> None:
    """Make of `net`, in evaluation mode, the mean of itself, `share` of it, and `other`, weight by weight.

    Between a network and the one it was trained on from, the mean often keeps what the one knew and has most of what
    the other learnt (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models", arXiv 2109.01903).
    """
    with torch.no_grad():
        pairs = zip(folded_of(net, _example(net)), other, strict=True)
        put(
            net, [(share * w + (1 - share) * v, share * b + (1 - share) * c) for (w, b), (v, c) in pairs], _example(net)
        )


def _example(net: RetinaFaceNet) -> Tensor:
    return torch.zeros(1, 3, 64, 64, device=net.first_convolution.weight.device)
