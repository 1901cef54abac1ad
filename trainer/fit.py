"""Fitting a network to label distributions: the epoch loop, checkpoints, and an exact resume."""

import copy
import json
import logging
import math
import platform
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.errors import ConfigError, MoodlineError
from trainer.batches import Batch, Selection, batches_per_epoch, select, training_epoch, validation_epoch
from trainer.config import TrainConfig
from trainer.data import LABELS
from trainer.nets import NETS
from trainer.preprocess import Packed, manifest

logger = logging.getLogger(__name__)

Step = Callable[[Batch], tuple[float, float]]
"""Takes a batch and gives its mean loss and its accuracy (against each target's first label)."""
Watch = Callable[[Iterable[Batch], int, str], Iterator[Batch]]
"""Passes batches on while showing progress: `(batches, how many, what)`."""


@dataclass(frozen=True, slots=True)
class Result:
    """How a run ended: epochs done, the best epoch (1, 2, ...) and its validation accuracy."""

    epochs: int
    best_epoch: int
    best_score: float
    stopped_early: bool


class Fit:
    """One training run in `folder`. `run` trains to the end of the recipe, from `last.pt` if it is there.

    Written there: `config.yaml`, `manifest.json`, `history.jsonl` (a line per epoch), `last.pt` (everything
    a resume needs) and `best.pt` (the averaged weights that did best on validation). After a resume on the
    same machine with the same number of threads the run is, bit for bit, the one never interrupted.
    """

    def __init__(self, config: TrainConfig, packed: Packed, folder: Path) -> None:
        self.config, self.packed, self.folder = config, packed, folder
        self.selection: Selection = select(packed)
        self.steps_per_epoch = batches_per_epoch(self.selection, config)
        torch.manual_seed(config.seed)
        self.net = build(config)
        self.average = copy.deepcopy(self.net).requires_grad_(False)
        self.optimizer = torch.optim.SGD(
            _decayed_apart(self.net, config.weight_decay), config.learning_rate, momentum=0.9, nesterov=True
        )
        self.epoch = 0
        self.step_number = 0
        self.best_score = -1.0
        self.best_epoch = 0

    def run(self, watch: Watch = lambda batches, _count, _what: iter(batches)) -> Result:
        """Train; `KeyboardInterrupt` may end it at any time and loses the unfinished epoch only.

        Raises:
            ConfigError: the folder holds a run of another recipe, or a damaged checkpoint.
            MoodlineError: the loss is no longer a number.
        """
        torch.set_num_threads(self.config.threads)
        self._open_folder()
        while self.epoch < self.config.epochs and not self.out_of_patience:
            started = time.monotonic()
            torch.manual_seed(self.config.seed * 100_003 + self.epoch)
            batches = training_epoch(self.packed, self.selection, self.config, self.epoch)
            self.net.train()
            loss, accuracy = mean_of(self.train_step, watch(batches, self.steps_per_epoch, self._label("train")))
            if not math.isfinite(loss):
                raise MoodlineError(f"epoch {self.epoch + 1}: the loss is {loss}; lower learning_rate")
            held_out = validation_epoch(self.packed, self.selection, self.config)
            self.average.eval()
            val_loss, score = mean_of(self.validate_step, held_out)
            self.epoch += 1
            better = score > self.best_score
            if better:
                self.best_score, self.best_epoch = score, self.epoch
                _write(self.average.state_dict(), self.folder / "best.pt")
            self._record(loss, accuracy, val_loss, score, time.monotonic() - started)
        return Result(self.epoch, self.best_epoch, self.best_score, self.epoch < self.config.epochs)

    @property
    def out_of_patience(self) -> bool:
        return self.epoch - self.best_epoch >= self.config.patience

    def train_step(self, batch: Batch) -> tuple[float, float]:
        rate = self.config.learning_rate * rate_at(self.step_number / self.steps_per_epoch, self.config)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        loss, accuracy = self._loss(self.net, batch)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call,unused-ignore]
        self.optimizer.step()
        self.step_number += 1
        follow(self.average, self.net, min(self.config.average, self.step_number / (10 + self.step_number)))
        return loss.item(), accuracy

    def validate_step(self, batch: Batch) -> tuple[float, float]:
        with torch.no_grad():
            loss, accuracy = self._loss(self.average, batch)
        return loss.item(), accuracy

    def _loss(self, net: nn.Module, batch: Batch) -> tuple[Tensor, float]:
        images, targets = batch
        images = images.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.config.precision == "bf16"):
            logits = net(images).float()
        loss = functional.cross_entropy(logits, targets)
        return loss, (logits.argmax(1) == targets.argmax(1)).float().mean().item()

    def _label(self, phase: str) -> str:
        return f"epoch {self.epoch + 1}/{self.config.epochs} {phase}"

    def _record(self, loss: float, accuracy: float, val_loss: float, score: float, seconds: float) -> None:
        line = {
            "epoch": self.epoch,
            "train_loss": round(loss, 5),
            "train_accuracy": round(accuracy, 5),
            "validation_loss": round(val_loss, 5),
            "validation_accuracy": round(score, 5),
            "seconds": round(seconds, 1),
        }
        logger.info("%s", line)
        with (self.folder / "history.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        _write(
            {
                "net": self.net.state_dict(),
                "average": self.average.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "epoch": self.epoch,
                "step_number": self.step_number,
                "best_score": self.best_score,
                "best_epoch": self.best_epoch,
            },
            self.folder / "last.pt",
        )

    def _open_folder(self) -> None:
        """Begin a new run, or take up the one in the folder."""
        path = self.folder / "config.yaml"
        if path.is_file() and path.read_text(encoding="utf-8") != self.config.to_yaml():
            raise ConfigError(f"run {str(self.folder)!r} was begun with another recipe; choose a new folder")
        self.folder.mkdir(parents=True, exist_ok=True)
        path.write_text(self.config.to_yaml(), encoding="utf-8")
        facts = _manifest(self.net, self.packed, self.selection)
        (self.folder / "manifest.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
        if (self.folder / "last.pt").is_file():
            self._resume()

    def _resume(self) -> None:
        state = read_checkpoint(self.folder / "last.pt")
        self.net.load_state_dict(state["net"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch, self.step_number = state["epoch"], state["step_number"]
        self.best_score, self.best_epoch = state["best_score"], state["best_epoch"]
        # A line without its checkpoint is of an epoch that will be done again.
        history = self.folder / "history.jsonl"
        lines = history.read_text(encoding="utf-8").splitlines(keepends=True)
        history.write_text("".join(lines[: self.epoch]), encoding="utf-8")
        logger.info("resumed after epoch %d", self.epoch)


def build(config: TrainConfig) -> nn.Module:
    """The recipe's untrained network."""
    net = NETS[config.net](config.input.channels, len(LABELS))
    return net.to(memory_format=torch.channels_last)  # type: ignore[no-any-return,call-overload,unused-ignore]


def mean_of(step: Step, batches: Iterable[Batch]) -> tuple[float, float]:
    """`step` over all batches: mean loss and accuracy per image."""
    count, loss, accuracy = 0, 0.0, 0.0
    for batch in batches:
        size = len(batch[0])
        batch_loss, batch_accuracy = step(batch)
        count, loss, accuracy = count + size, loss + size * batch_loss, accuracy + size * batch_accuracy
    return loss / count, accuracy / count


def rate_at(epoch: float, config: TrainConfig) -> float:
    """The share of the learning rate at a fractional epoch: a line up, then half a cosine down to 0."""
    if epoch < config.warmup_epochs:
        return (epoch + 0.01) / (config.warmup_epochs + 0.01)
    done = (epoch - config.warmup_epochs) / max(config.epochs - config.warmup_epochs, 1e-9)
    return 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))


def follow(average: nn.Module, net: nn.Module, keep: float) -> None:
    """Move `average` towards `net`: `keep` of the old value stays. Counters are copied."""
    current = net.state_dict()
    with torch.no_grad():
        for name, value in average.state_dict().items():
            if value.is_floating_point():
                value.lerp_(current[name], 1 - keep)
            else:
                value.copy_(current[name])


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint of plain tensors and numbers; nothing in the file is executed.

    Raises:
        ConfigError: when it is missing or damaged.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, KeyError) as error:
        raise ConfigError(f"checkpoint {str(path)!r} cannot be read ({error})") from error
    return state


def _write(state: dict[str, Any], path: Path) -> None:
    """Write beside, then move: an interruption leaves the old file whole."""
    beside = path.with_suffix(".part")
    torch.save(state, beside)
    beside.replace(path)


def _decayed_apart(net: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Weight decay on the weights of convolutions and of the last layer, not on biases and scales."""
    weights = [value for value in net.parameters() if value.ndim > 1]
    others = [value for value in net.parameters() if value.ndim <= 1]
    return [{"params": weights, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]


def _manifest(net: nn.Module, packed: Packed, selection: Selection) -> dict[str, Any]:
    return {
        "data": manifest(packed),
        "training_images": len(selection.train),
        "validation_images": len(selection.validation),
        "parameters": sum(value.numel() for value in net.parameters()),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }
