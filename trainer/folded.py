"""Networks as convolutions alone, batch normalisation folded in: taken apart, put back, measured again.

Export and inference formats keep no batch statistics. `put` writes such convolutions into a network, and
`measure` finds the means and variances of its activations again, without changing its output.
"""

import itertools
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

Folded = list[tuple[Tensor, Tensor]]
"""Weights and biases of convolutions in the order they run in."""


def folded_of(net: nn.Module, example: Tensor) -> Folded:
    """The convolutions that compute what `net` computes in evaluation mode. `example` is one input batch."""
    after, found = normalisations(net), []
    for convolution in running_order(net, example):
        weight, bias = convolution.weight, convolution.bias
        if convolution in after:
            last = after[convolution]
            assert last.running_mean is not None and last.running_var is not None
            scale = last.weight / (last.running_var + last.eps).sqrt()
            weight, bias = weight * scale.view(-1, 1, 1, 1), last.bias - last.running_mean * scale
        assert bias is not None
        found.append((weight, bias))
    return found


def put(net: nn.Module, folded: Sequence[tuple[Tensor, Tensor]], example: Tensor) -> None:
    """Make the first convolutions of `net` compute what `folded` computes; evaluation mode.

    Convolutions of `net` beyond the length of `folded` stay as they are.
    """
    net.eval()
    after = normalisations(net)
    for convolution, (weight, bias) in zip(running_order(net, example), folded, strict=False):
        convolution.weight.copy_(weight)
        if convolution in after:
            _pass_on(after[convolution], bias)
        elif convolution.bias is not None:
            convolution.bias.copy_(bias)


def running_order(net: nn.Module, example: Tensor) -> list[nn.Conv2d]:
    """The convolutions of `net` in the order in which `example` passes them."""
    order: list[nn.Conv2d] = []
    net.eval()
    all_of_them = [module for module in net.modules() if isinstance(module, nn.Conv2d)]
    hooks = [each.register_forward_pre_hook(lambda module, _inputs: order.append(module)) for each in all_of_them]
    with torch.no_grad():
        net(example)
    for hook in hooks:
        hook.remove()
    return order


def normalisations(net: nn.Module) -> dict[nn.Conv2d, nn.BatchNorm2d]:
    """The batch normalisation behind each convolution, where a sequence has them side by side."""
    sequences = [list(module) for module in net.modules() if isinstance(module, nn.Sequential)]
    return {
        first: second
        for layers in sequences
        for first, second in itertools.pairwise(layers)
        if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d)
    }


def measure(net: nn.Module, batches: Iterable[Tensor], only: Sequence[nn.BatchNorm2d] | None = None) -> None:
    """Measure mean and variance in front of every batch normalisation (or `only` those) on input `batches`.

    The output of `net` in evaluation mode stays the same for normalisations that `put` has written.
    """
    chosen = list(normalisations(net).values()) if only is None else list(only)
    sums = {each: torch.zeros(3, each.num_features, dtype=torch.float64, device=each.weight.device) for each in chosen}

    def see(normalisation: nn.BatchNorm2d, inputs: tuple[Tensor]) -> None:
        values = inputs[0].double().transpose(0, 1).flatten(1)
        sums[normalisation] += torch.stack(
            [torch.full_like(values[:, 0], values.shape[1]), values.sum(1), values.square().sum(1)]
        )

    hooks = [each.register_forward_pre_hook(see) for each in chosen]
    net.eval()
    with torch.no_grad():
        for batch in batches:
            net(batch)
    for hook in hooks:
        hook.remove()
    with torch.no_grad():
        for normalisation, (count, total, squares) in sums.items():
            mean = total / count
            variance = (squares / count - mean.square()).clamp(min=0)
            _set(normalisation, mean.float(), variance.float(), normalisation.bias.clone())


def _pass_on(normalisation: nn.BatchNorm2d, bias: Tensor) -> None:
    """Make `normalisation` add `bias` and change nothing else."""
    _set(normalisation, torch.zeros_like(bias), torch.full_like(bias, 1 - normalisation.eps), bias)


def _set(normalisation: nn.BatchNorm2d, mean: Tensor, variance: Tensor, bias: Tensor) -> None:
    """Give `normalisation` these statistics; it still adds `bias` and changes nothing else."""
    assert normalisation.running_mean is not None and normalisation.running_var is not None
    normalisation.running_mean.copy_(mean)
    normalisation.running_var.copy_(variance)
    normalisation.weight.copy_((variance + normalisation.eps).sqrt())
    normalisation.bias.copy_(mean + bias)
