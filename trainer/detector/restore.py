"""Exported detectors taken up again: to train on from one, or to blend one with a run that was trained on from it.

Export folds batch normalisation into the convolution before it, and with it what the network knew of its own
activations. Their means and deviations are measured anew, on scenes; until the first step it says what the file says.
"""

from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor, nn

from engine.errors import ConfigError, ModelError
from engine.modelcard import load_model
from trainer.detector.net import RetinaFaceNet
from trainer.export import convolutions

Folded = list[tuple[Tensor, Tensor]]
"""Weights and biases of convolutions, batch normalisation folded into them, in the order they run in."""


def restore(net: RetinaFaceNet, file: Path, std: Tensor, scenes: Iterable[Tensor]) -> None:
    """Put the exported detector `file` into `net`, which is left in evaluation mode. `scenes` are batches as `net`
    takes them, float32 `(N, 3, H, W)`; `std`, `(3,)`, is the deviation of their channels that export left to the
    first convolution.

    Raises:
        ConfigError: `file` was not exported from a network like `net`, or is no model.
    """
    folded = read(net, file, std, "init")
    with torch.no_grad():
        _put(net, folded)
        _measure(net, list(_normalisations(net).values()), scenes)


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
    if [each.weight.shape for each in _running_order(net)] != [weight.shape for weight, _ in folded]:
        raise ConfigError(f"{key}: {str(file)!r} was exported from another network: backbone, pyramid or coarse differ")
    first, bias = folded[0]
    return [(first * std.view(1, 3, 1, 1), bias), *folded[1:]]


def blend(net: RetinaFaceNet, other: Folded, share: float) -> None:
    """Make of `net`, in evaluation mode, the mean of itself, `share` of it, and `other`, weight by weight.

    Between a network and the one it was trained on from, the mean often keeps what the one knew and has most of what
    the other learnt (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models", arXiv 2109.01903).
    """
    with torch.no_grad():
        pairs = zip(_folded(net), other, strict=True)
        _put(net, [(share * w + (1 - share) * v, share * b + (1 - share) * c) for (w, b), (v, c) in pairs])


def _folded(net: RetinaFaceNet) -> Folded:
    """What `net` says in evaluation mode as convolutions alone, in the order they run in."""
    after, found = _normalisations(net), []
    for convolution in _running_order(net):
        weight, bias = convolution.weight, convolution.bias
        if convolution in after:
            last = after[convolution]
            assert last.running_mean is not None and last.running_var is not None
            scale = last.weight / (last.running_var + last.eps).sqrt()
            weight, bias = weight * scale.view(-1, 1, 1, 1), last.bias - last.running_mean * scale
        assert bias is not None
        found.append((weight, bias))
    return found


def _put(net: RetinaFaceNet, folded: Folded) -> None:
    """Make `net` say in evaluation mode what these convolutions say."""
    net.eval()
    after = _normalisations(net)
    for convolution, (weight, bias) in zip(_running_order(net), folded, strict=True):
        convolution.weight.copy_(weight)
        if convolution in after:
            _pass_on(after[convolution], bias)
        elif convolution.bias is not None:
            convolution.bias.copy_(bias)


def _running_order(net: RetinaFaceNet) -> list[nn.Conv2d]:
    """The convolutions, each when it is come to."""
    order: list[nn.Conv2d] = []
    net.eval()
    all_of_them = [module for module in net.modules() if isinstance(module, nn.Conv2d)]
    hooks = [each.register_forward_pre_hook(lambda module, _inputs: order.append(module)) for each in all_of_them]
    with torch.no_grad():
        net(torch.zeros(1, 3, 64, 64, device=net.first_convolution.weight.device))
    for hook in hooks:
        hook.remove()
    return order


def _normalisations(net: RetinaFaceNet) -> dict[nn.Conv2d, nn.BatchNorm2d]:
    """Of each convolution the batch normalisation that follows it."""
    pairs = [module for module in net.modules() if isinstance(module, nn.Sequential) and len(module) == 2]
    return {
        first: second for first, second in pairs if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d)
    }


def _pass_on(normalisation: nn.BatchNorm2d, bias: Tensor) -> None:
    """Adds `bias` and does nothing else."""
    _set(normalisation, torch.zeros_like(bias), torch.full_like(bias, 1 - normalisation.eps), bias)


def _set(normalisation: nn.BatchNorm2d, mean: Tensor, variance: Tensor, bias: Tensor) -> None:
    """With these activations, still adds `bias` and does nothing else."""
    assert normalisation.running_mean is not None and normalisation.running_var is not None
    normalisation.running_mean.copy_(mean)
    normalisation.running_var.copy_(variance)
    normalisation.weight.copy_((variance + normalisation.eps).sqrt())
    normalisation.bias.copy_(mean + bias)


def _measure(net: RetinaFaceNet, normalisations: list[nn.BatchNorm2d], scenes: Iterable[Tensor]) -> None:
    sums = {
        each: torch.zeros(3, each.num_features, dtype=torch.float64, device=each.weight.device)
        for each in normalisations
    }

    def see(normalisation: nn.BatchNorm2d, inputs: tuple[Tensor]) -> None:
        values = inputs[0].double().transpose(0, 1).flatten(1)
        sums[normalisation] += torch.stack(
            [torch.full_like(values[:, 0], values.shape[1]), values.sum(1), values.square().sum(1)]
        )

    hooks = [each.register_forward_pre_hook(see) for each in normalisations]
    for batch in scenes:
        net(batch)
    for hook in hooks:
        hook.remove()
    for normalisation, (count, total, squares) in sums.items():
        mean = total / count
        variance = (squares / count - mean.square()).clamp(min=0)
        _set(normalisation, mean.float(), variance.float(), normalisation.bias.clone())
