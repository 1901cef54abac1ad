"""What all training loops share: the rate of learning over time, averaged weights, and what decays."""

import math
from typing import Any, Protocol

import torch
from torch import nn

from engine.errors import MoodlineError


class Schedule(Protocol):
    """The part of a recipe that `rate_at` needs."""

    @property
    def epochs(self) -> int: ...

    @property
    def warmup_epochs(self) -> float: ...


def rate_at(epoch: float, config: Schedule) -> float:
    """The share of the learning rate at a fractional epoch: a line up, then half a cosine down to 0."""
    if epoch < config.warmup_epochs:
        return (epoch + 0.01) / (config.warmup_epochs + 0.01)
    done = (epoch - config.warmup_epochs) / max(config.epochs - config.warmup_epochs, 1e-9)
    return 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate


def check_finite(loss: float, epoch: int, step: int) -> None:
    """Raises MoodlineError: the loss of `step` (0, 1, ...) after `epoch` whole epochs is no longer a number."""
    if not math.isfinite(loss):
        kept = f"the weights of epoch {epoch} are kept" if epoch else "no epoch was finished"
        raise MoodlineError(f"epoch {epoch + 1}, step {step + 1}: the loss is {loss}; {kept}; lower learning_rate")


def follow(average: nn.Module, net: nn.Module, keep: float) -> None:
    """Move `average` towards `net`: `keep` of the old value stays. Counters are copied."""
    current = net.state_dict()
    with torch.no_grad():
        for name, value in average.state_dict().items():
            if value.is_floating_point():
                value.lerp_(current[name], 1 - keep)
            else:
                value.copy_(current[name])


def decayed_apart(net: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Weight decay on the weights of convolutions and of linear layers, not on biases and scales."""
    weights = [value for value in net.parameters() if value.ndim > 1]
    others = [value for value in net.parameters() if value.ndim <= 1]
    return [{"params": weights, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]
