"""Fitting a network to label distributions: the epoch loop, checkpoints, and an exact resume."""

import copy
import itertools
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from engine.errors import ConfigError
from engine.items import Image
from trainer import checkpoints, runs
from trainer.batches import Batch, Examples, batches_per_epoch, training_epoch, validation_epoch
from trainer.beginning import begin, check
from trainer.config import TrainConfig, load_config
from trainer.devices import Device, choose
from trainer.nets import NETS
from trainer.schedule import check_finite, decayed_apart, follow, rate_at, set_rate

logger = logging.getLogger(__name__)

_MEASURED = 1024
"""Training faces that the batch statistics of a network from a file are measured on."""

Step = Callable[[Batch], tuple[float, float]]
"""Takes a batch and gives its mean loss and its accuracy (against each target's first label)."""
Watch = Callable[[Iterable[Batch], int, str], Iterator[Batch]]
"""Passes batches on while showing progress: `(batches, how many, what)`."""
OnEpoch = Callable[[dict[str, Any]], None]
"""Gets each epoch's line of the history. What it raises ends the run after the epoch's checkpoint."""


@dataclass(frozen=True, slots=True)
class Result:
    """How a run ended: epochs done, the best epoch (1, 2, ...) and its validation accuracy."""

    epochs: int
    best_epoch: int
    best_score: float
    stopped_early: bool


class Fit:
    """One training run in `folder`. `run` trains to the end of the recipe, from `last.pt` if it is there.

    Written there: `config.yaml`, `manifest.json` (with `facts`), `history.jsonl` (a line per epoch), `last.pt`
    (everything a resume needs), `best.pt` (the averaged weights that did best on validation) and at the end
    `cost.json`. After a resume on the same CPU with the same number of threads the run is, bit for bit, the
    one never interrupted.
    """

    def __init__(
        self, config: TrainConfig, data: Examples, folder: Path, facts: Mapping[str, Any] = MappingProxyType({})
    ) -> None:
        self.config, self.data, self.folder, self.facts = config, data, folder, facts
        check(config.init)
        self.device: Device = choose(config)
        self.steps_per_epoch = batches_per_epoch(data, config)
        torch.manual_seed(config.seed)
        self.net = build(config, data).to(self.device.name)
        self.average = copy.deepcopy(self.net).requires_grad_(False)
        self.optimizer = torch.optim.SGD(
            decayed_apart(self.net, config.weight_decay), config.learning_rate, momentum=0.9, nesterov=True
        )
        self.forward = torch.compile(self.net) if self.device.compile else self.net
        self.epoch = 0
        self.step_number = 0
        self.best_score = -1.0
        self.best_epoch = 0

    def run(
        self,
        watch: Watch = lambda batches, _count, _what: iter(batches),
        on_epoch: OnEpoch = lambda _line: None,
    ) -> Result:
        """Train; `KeyboardInterrupt` may end it at any time and loses the unfinished epoch only.

        Raises:
            ConfigError: the folder holds a run of another recipe, or a damaged checkpoint.
            MoodlineError: the loss is no longer a number, or a checkpoint cannot be written.
        """
        torch.set_num_threads(self.config.threads)
        self._open_folder()
        while self.epoch < self.config.epochs and not self.out_of_patience:
            started = time.monotonic()
            torch.manual_seed(self.config.seed * 100_003 + self.epoch)
            self.net.train()
            batches = training_epoch(self.data, self.config, self.epoch)
            label = f"epoch {self.epoch + 1}/{self.config.epochs}"
            loss, accuracy = mean_of(self.train_step, watch(batches, self.steps_per_epoch, label))
            line = {"train_loss": loss, "train_accuracy": accuracy, **self._validate()}
            self.epoch += 1
            if self.config.keep == "last" or line["validation_accuracy"] > self.best_score:
                self.best_score, self.best_epoch = line["validation_accuracy"], self.epoch
                checkpoints.write(self.average.state_dict(), self.folder / "best.pt")
            on_epoch(self._record({**line, "seconds": round(time.monotonic() - started, 1)}))
        runs.write_cost(self.folder, self.device.kind, self.config.threads)
        return Result(self.epoch, self.best_epoch, self.best_score, self.epoch < self.config.epochs)

    @property
    def out_of_patience(self) -> bool:
        """Whether validation has not improved for the recipe's `patience`, not counting the smaller faces."""
        return self.epoch - max(self.best_epoch, self.config.first_epochs) >= self.config.patience

    def train_step(self, batch: Batch) -> tuple[float, float]:
        rate = self.config.learning_rate * rate_at(self.step_number / self.steps_per_epoch, self.config)
        set_rate(self.optimizer, rate)
        logits, targets = self._logits(self.forward, batch)
        loss = loss_of(logits, targets, self.data.slices)
        check_finite(loss.item(), self.epoch, self.step_number % self.steps_per_epoch)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call,unused-ignore]
        self.optimizer.step()
        self.step_number += 1
        follow(self.average, self.net, min(self.config.average, self.step_number / (10 + self.step_number)))
        return loss.item(), _accuracy(logits, targets, self.data.slices[0])

    def _logits(self, net: Callable[[Tensor], Tensor], batch: Batch) -> tuple[Tensor, Tensor]:
        images, targets = (part.to(self.device.name) for part in batch)
        images = images.contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.kind, torch.bfloat16, enabled=self.device.bf16):
            return net(images).float(), targets

    def _validate(self) -> dict[str, float]:
        """Loss and accuracy of the averaged weights: the first label set on aligned faces, then all of them."""
        self.average.eval()
        line: dict[str, float] = {}
        for view in ("aligned", "whole"):
            images: Image = getattr(self.data, view)
            batches = list(validation_epoch(self.data, self.config, images, self.epoch))
            with torch.no_grad():
                outputs = [self._logits(self.average, batch) for batch in batches]
            logits, targets = (torch.cat(parts) for parts in zip(*outputs, strict=True))
            if view == "aligned":
                line["validation_loss"] = loss_of(logits, targets, self.data.slices).item()
                line["validation_accuracy"] = _accuracy(logits, targets, self.data.slices[0])
            for head, columns in zip(self.data.heads, self.data.slices, strict=True):
                line[f"{head.name}_{view}"] = _accuracy(logits, targets, columns)
        return line

    def _record(self, numbers: dict[str, float]) -> dict[str, Any]:
        line = runs.record(self.folder, self.epoch, numbers)
        state = {
            "net": self.net.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "epoch": self.epoch,
            "step_number": self.step_number,
            "best_score": self.best_score,
            "best_epoch": self.best_epoch,
        }
        checkpoints.write(state, self.folder / "last.pt")
        return line

    def _open_folder(self) -> None:
        """Begin a new run, or take up the one in the folder."""
        begun = (self.folder / "last.pt").is_file()
        if begun:
            self._check_same()
            self._resume()
            return
        if (self.folder / "best.pt").is_file():
            raise ConfigError(
                f"run {str(self.folder)!r} holds weights but no checkpoint to resume (an average, for instance); "
                "choose another folder, or begin from it with init"
            )
        if self.config.init:
            begin(self.net, self.config, self.data.heads, self._looks())
            self.average.load_state_dict(self.net.state_dict())
        runs.begin(self.folder, self.config.to_yaml(), runs.manifest(self.data, self.net, self.facts))

    def _looks(self) -> Iterator[Tensor]:
        """Some training batches, to measure activations on."""
        batches = training_epoch(self.data, self.config, 0)
        for images, _ in itertools.islice(batches, max(1, _MEASURED // self.config.batch_size)):
            yield images.to(self.device.name)

    def _check_same(self) -> None:
        """Refuse to go on with another recipe or on other data.

        Raises:
            ConfigError: naming what differs.
        """
        runs.check_recipe(self.folder, _differences(load_config(self.folder / "config.yaml"), self.config))
        there, here = (
            (facts.get("data") or {}).get("sha256") for facts in (runs.read_manifest(self.folder), self.facts)
        )
        if runs.heads_of(self.folder) != self.data.heads or (there and here and there != here):
            raise runs.other_data(self.folder, there, here)

    def _resume(self) -> None:
        state = checkpoints.read(self.folder / "last.pt")
        self.net.load_state_dict(state["net"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch, self.step_number = state["epoch"], state["step_number"]
        self.best_score, self.best_epoch = state["best_score"], state["best_epoch"]
        runs.cut_history(self.folder, self.epoch)


def build(config: TrainConfig, data: Examples) -> nn.Module:
    """The recipe's untrained network with one output for each label of each head."""
    outputs = sum(len(head.labels) for head in data.heads)
    net = NETS[config.net](config.input.channels, outputs)
    return net.to(memory_format=torch.channels_last)  # type: ignore[no-any-return,call-overload,unused-ignore]


def loss_of(logits: Tensor, targets: Tensor, heads: list[slice]) -> Tensor:
    """Cross entropy against the distributions of each head, summed over heads; rows of zeros cost nothing.

    For votes this is the label-distribution loss of Barsoum et al. 2016.
    """
    parts = [-(targets[:, head] * logits[:, head].log_softmax(1)).sum(1).mean() for head in heads]
    return torch.stack(parts).sum()


def _accuracy(logits: Tensor, targets: Tensor, head: slice) -> float:
    """Share of the rows with a label of this head whose likeliest label is the guess; 0 when there are none."""
    logits, targets = logits[:, head], targets[:, head]
    known = targets.sum(1) > 0
    if not known.any():
        return 0.0
    return float((logits.argmax(1) == targets.argmax(1))[known].float().mean().item())


def mean_of(step: Step, batches: Iterable[Batch]) -> tuple[float, float]:
    """`step` over all batches: mean loss and accuracy per image."""
    count, loss, accuracy = 0, 0.0, 0.0
    for batch in batches:
        size = len(batch[0])
        batch_loss, batch_accuracy = step(batch)
        count, loss, accuracy = count + size, loss + size * batch_loss, accuracy + size * batch_accuracy
    return loss / count, accuracy / count


def _differences(old: TrainConfig, new: TrainConfig) -> list[str]:
    names = [name for name in type(old).__dataclass_fields__ if getattr(old, name) != getattr(new, name)]
    return [f"{name}: {getattr(old, name)!r} there, {getattr(new, name)!r} here" for name in names]
