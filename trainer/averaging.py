"""The mean of several runs that began from the same weights, as one more run.

Runs of different settings or seeds that share their beginning can be averaged weight by weight. The mean is
often better than each, most of all on faces of other origin (Wortsman et al. 2022, "Model soups", arXiv
2203.05482). It costs nothing when it is served.
"""

import json
import math
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim.swa_utils import update_bn

from engine.errors import ConfigError
from trainer import checkpoints, runs
from trainer.batches import Examples, training_epoch
from trainer.config import TrainConfig, load_config
from trainer.nets import NETS

FACES = 4096
"""Training faces that the mean network's batch statistics are measured on."""


def average(members: Sequence[Path], shares: Sequence[float], data: Examples, facts: dict[str, Any], out: Path) -> None:
    """Write run folder `out`: the weighted mean of the best weights of `members`, ready for evaluate and export.

    `shares` are relative. Batch statistics are measured on `data`, the training faces of the first member.

    Raises:
        ConfigError: fewer than two members, shares that do not fit, or runs of different networks or labels.
    """
    config = _check(members, shares)
    heads = runs.heads_of(members[0])
    if data.heads != heads:
        raise ConfigError(
            f"average: the data has other labels than {str(members[0])!r} learned; name the set it was trained on"
        )
    net = NETS[config.net](config.input.channels, sum(len(head.labels) for head in heads))
    states = [checkpoints.read(member / "best.pt") for member in members]
    for member, state in zip(members, states, strict=True):
        if not all(torch.isfinite(value).all() for value in state.values() if value.is_floating_point()):
            raise ConfigError(f"average: the weights of {str(member)!r} are not all numbers")
    net.load_state_dict(_mean(states, [share / sum(shares) for share in shares]))
    torch.set_num_threads(config.threads)
    batches = (images for images, _ in training_epoch(data, config, 0))
    update_bn(islice(batches, max(1, FACES // config.batch_size)), net)
    about = {"average_of": [{"run": str(run), "share": share} for run, share in zip(members, shares, strict=True)]}
    runs.begin(out, config.to_yaml(), {**runs.manifest(data, net, facts), **about})
    checkpoints.write(net.state_dict(), out / "best.pt")
    lines = [json.dumps({**line, "run": str(run)}) + "\n" for run in members for line in runs.history(run)]
    (out / "history.jsonl").write_text("".join(lines), encoding="utf-8")


def _check(members: Sequence[Path], shares: Sequence[float]) -> TrainConfig:
    if len(members) < 2:
        raise ConfigError("average: name at least two runs")
    if len({member.resolve() for member in members}) < len(members):
        raise ConfigError("average: a run is named twice; weigh it with --shares")
    if len(shares) != len(members) or not all(map(math.isfinite, shares)) or min(shares) < 0 or sum(shares) <= 0:
        raise ConfigError(f"average: {len(members)} runs need as many shares of at least 0, got {list(shares)}")
    for member in members:
        runs.require_trained(member, "average")
    configs = [load_config(member / "config.yaml") for member in members]
    for member, config in zip(members[1:], configs[1:], strict=True):
        for name in ("net", "size", "mean", "std"):
            ours, theirs = getattr(configs[0], name), getattr(config, name)
            if ours != theirs:
                raise ConfigError(f"average: {name} is {ours} in {str(members[0])!r} and {theirs} in {str(member)!r}")
        if runs.heads_of(member) != runs.heads_of(members[0]):
            raise ConfigError(f"average: {str(members[0])!r} and {str(member)!r} learned different labels")
    return configs[0]


def _mean(states: Sequence[dict[str, Tensor]], shares: Sequence[float]) -> dict[str, Tensor]:
    return {
        name: torch.stack([share * state[name] for state, share in zip(states, shares, strict=True)]).sum(0)
        if value.is_floating_point()
        else value
        for name, value in states[0].items()
    }
