"""Fitting a face detector: the epoch loop over composed scenes, checkpoints, and an exact resume."""

import copy
import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from trainer import checkpoints, recipes, runs
from trainer.detector import weights
from trainer.detector.config import DetectorConfig, load_config
from trainer.detector.hints import Taught, Teacher, hint_losses
from trainer.detector.loss import Wanted, multibox
from trainer.detector.net import Outputs, RetinaFaceNet
from trainer.detector.pictures import PictureSet
from trainer.detector.scenes import Composer
from trainer.detector.stream import Batch, Scenes, batches
from trainer.devices import Device, choose
from trainer.schedule import check_finite, decayed_apart, follow, rate_at, set_rate

logger = logging.getLogger(__name__)

T = TypeVar("T")
Watch = Callable[[Iterable[Batch], int, str], Iterator[Batch]]
"""Passes batches on while showing progress: `(batches, how many, what)`."""
OnEpoch = Callable[[dict[str, Any]], None]
"""Gets each epoch's line of the history. What it raises ends the run after the epoch's checkpoint."""
_VALIDATION_SEED = 1_000_003
_LONGEST_STEP = 10.0
"""The gradient's norm is cut to this: a scene of sixty tiny faces must not throw the weights about."""
_MEASURED = 128
"""So many scenes are looked at to take up an exported network."""
PARTS = ("score", "box", "landmark")
HINTED = ("hint_score", "hint_features")


@dataclass(frozen=True, slots=True)
class Result:
    """How a run ended: epochs done, the best epoch (1, 2, ...) and its validation loss."""

    epochs: int
    best_epoch: int
    best_loss: float


class DetectorFit:
    """One training run in `folder`. `run` trains to the end of the recipe, from `last.pt` if it is there.

    Written there: `config.yaml`, `manifest.json` (with `facts`), `history.jsonl` (a line per epoch), `last.pt`
    (everything a resume needs), `best.pt` (the averaged weights with the lowest validation loss) and at the
    end `cost.json`. After a resume on the same CPU with the same number of threads the run is, bit for bit,
    the one never interrupted, whatever the number of workers.
    """

    def __init__(
        self,
        config: DetectorConfig,
        data: PictureSet,
        folder: Path,
        facts: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        self.config, self.data, self.folder, self.facts = config, data, folder, facts
        weights.check(config.init)
        self.device: Device = choose(config)
        torch.manual_seed(config.seed)
        self.net = RetinaFaceNet(config.backbone, config.pyramid, config.coarse).to(
            self.device.name, memory_format=torch.channels_last
        )
        self.average = copy.deepcopy(self.net).requires_grad_(False)
        self.teacher = Teacher(config.hints.file) if config.hints.file else None
        self.taught = Taught(self.net, config.pyramid, self.teacher.channels if self.teacher else ())
        self.taught.to(self.device.name)
        self.optimizer = torch.optim.AdamW(decayed_apart(self.taught, config.weight_decay), config.learning_rate)
        self.forward = torch.compile(self.taught) if self.device.compile else self.taught
        self._validation = Scenes(
            Composer(data, "validation", config.size, config.scenes), _VALIDATION_SEED, 0, config.validation_scenes
        )
        self.epoch = 0
        self.step_number = 0
        self.best_loss = math.inf
        self.best_epoch = 0

    @property
    def steps_per_epoch(self) -> int:
        return -(-self.config.scenes_per_epoch // self.config.batch_size)

    def run(
        self,
        watch: Watch = lambda batches, _count, _what: iter(batches),
        on_epoch: OnEpoch = lambda _line: None,
    ) -> Result:
        """Train; `KeyboardInterrupt` may end it at any time and loses the unfinished epoch only.

        Raises:
            ConfigError: the folder holds a run of another recipe or of other data, or a damaged checkpoint.
            MoodlineError: the loss is no longer a number, or a checkpoint cannot be written.
        """
        torch.set_num_threads(self.config.threads)
        self._open_folder()
        while self.epoch < self.config.epochs:
            started = time.monotonic()
            self.taught.train()
            label = f"epoch {self.epoch + 1}/{self.config.epochs}"
            trained = _mean(self.train_step, watch(self._batches(), self.steps_per_epoch, label))
            validated = self._validate()
            self.epoch += 1
            line = {**_named("train", trained), **_named("validation", validated)}
            if sum(validated) < self.best_loss:
                self.best_loss, self.best_epoch = sum(validated), self.epoch
                checkpoints.write(self.average.state_dict(), self.folder / "best.pt")
            on_epoch(self._record({**line, "seconds": round(time.monotonic() - started, 1)}))
        runs.write_cost(self.folder, self.device.kind, self.config.threads)
        return Result(self.epoch, self.best_epoch, self.best_loss)

    def _batches(self) -> Iterator[Batch]:
        """This epoch's scenes; in the last epochs they are distorted less often."""
        config = self.config
        scenes = config.scenes
        if self.epoch >= config.epochs - config.last_epochs:
            scenes = replace(scenes, distort=scenes.distort.times(config.last_distort))
        composer = Composer(self.data, "train", config.size, scenes)
        first = self.epoch * config.scenes_per_epoch
        stream = Scenes(composer, config.seed, first, config.scenes_per_epoch, config.hints.file)
        return batches(stream, config.batch_size, config.workers)

    def _scenes_to_measure(self) -> Iterator[Tensor]:
        composer = Composer(self.data, "train", self.config.size, self.config.scenes)
        scenes = Scenes(composer, self.config.seed, 0, _MEASURED)
        for batch in batches(scenes, self.config.batch_size, self.config.workers):
            yield network_input(batch.images.to(self.device.name), self.config)

    def train_step(self, batch: Batch) -> list[float]:
        rate = self.config.learning_rate * rate_at(self.step_number / self.steps_per_epoch, self.config)
        set_rate(self.optimizer, rate)
        losses = self._losses(batch)
        loss = torch.stack(losses).sum()
        check_finite(loss.item(), self.epoch, self.step_number % self.steps_per_epoch)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call,unused-ignore]
        nn.utils.clip_grad_norm_(self.net.parameters(), _LONGEST_STEP)
        self.optimizer.step()
        self.step_number += 1
        follow(self.average, self.net, min(self.config.average, self.step_number / (10 + self.step_number)))
        return [part.item() for part in losses]

    def _losses(self, batch: Batch) -> tuple[Tensor, ...]:
        """Those of `PARTS`, and where there is a teacher those of `HINTED`."""
        (answers, shown), wanted = self._told(self.forward, batch)
        answers = _float32(answers)
        losses = multibox(answers, wanted, self.config.loss)
        if batch.hints is None:
            return losses
        hints = batch.hints.to(self.device.name)
        return *losses, *hint_losses(answers[1], [each.float() for each in shown], hints, wanted, self.config.hints)

    def _checked(self, batch: Batch) -> list[float]:
        """The losses of `PARTS` of the averaged weights."""
        answers, wanted = self._told(self.average, batch)
        return [part.item() for part in multibox(_float32(answers), wanted, self.config.loss)]

    def _told(self, net: Callable[[Tensor], T], batch: Batch) -> tuple[T, Wanted]:
        """What `net` makes of the batch, and what it should have answered."""
        images = network_input(batch.images.to(self.device.name), self.config)
        with torch.autocast(self.device.kind, torch.bfloat16, enabled=self.device.bf16):
            return net(images), batch.wanted.to(self.device.name)

    def _validate(self) -> list[float]:
        """The averaged weights' losses on the fixed scenes of the validation split."""
        self.average.eval()
        with torch.no_grad():
            return _mean(self._checked, batches(self._validation, self.config.batch_size, self.config.workers))

    def _record(self, numbers: dict[str, float]) -> dict[str, Any]:
        line = runs.record(self.folder, self.epoch, numbers)
        state = {
            "net": self.net.state_dict(),
            "average": self.average.state_dict(),
            "adapters": self.taught.adapters.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "epoch": self.epoch,
            "step_number": self.step_number,
            "best_loss": self.best_loss,
            "best_epoch": self.best_epoch,
        }
        checkpoints.write(state, self.folder / "last.pt")
        return line

    def _open_folder(self) -> None:
        """Begin a new run, or take up the one in the folder."""
        if (self.folder / "last.pt").is_file():
            self._check_same()
            self._resume()
            return
        runs.begin(self.folder, self.config.to_yaml(), self._manifest())
        if self.config.init:
            begun = [self.net, self.average]
            weights.begin(begun, self.config.init, self.config.input.std, self._scenes_to_measure())

    def _check_same(self) -> None:
        """Refuse to go on with another recipe or on other data.

        Raises:
            ConfigError: naming what differs.
        """
        plain = [
            recipes.plain(replace(each, workers=0)) for each in (load_config(self.folder / "config.yaml"), self.config)
        ]
        runs.check_recipe(self.folder, recipes.differences(*plain))
        before = runs.read_manifest(self.folder)["data"]["sha256"]
        if before != self.data.sha256:
            raise runs.other_data(self.folder, before, self.data.sha256)

    def _manifest(self) -> dict[str, Any]:
        taught = {"hints": {"sha256": self.teacher.sha256}} if self.teacher else {}
        data = dict(self.data.facts)
        return {"task": "face-detection", "data": data, **taught, **runs.made_with(self.net), **self.facts}

    def _resume(self) -> None:
        state = checkpoints.read(self.folder / "last.pt")
        self.net.load_state_dict(state["net"])
        self.average.load_state_dict(state["average"])
        # Runs begun before there were hints have no adapters.
        self.taught.adapters.load_state_dict(state.get("adapters", {}))
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch, self.step_number = state["epoch"], state["step_number"]
        self.best_loss, self.best_epoch = state["best_loss"], state["best_epoch"]
        runs.cut_history(self.folder, self.epoch)


def _float32(outputs: Outputs) -> Outputs:
    boxes, logits, landmarks = outputs
    return boxes.float(), logits.float(), landmarks.float()


def network_input(images: Tensor, config: DetectorConfig) -> Tensor:
    """uint8 BGR `(N, H, W, 3)` as the float32 `(N, 3, H, W)` that `engine.pixels.to_tensor` makes."""
    spec = config.input
    mean, std = (torch.tensor(values, device=images.device) for values in (spec.mean, spec.std))
    # Channels stay last in memory, which is how CPUs convolve fastest.
    return ((images.float() - mean) / std).permute(0, 3, 1, 2)


def _named(split: str, losses: list[float]) -> dict[str, float]:
    parts = zip((*PARTS, *HINTED), losses, strict=False)
    return {f"{split}_loss": sum(losses), **{f"{split}_{name}": loss for name, loss in parts}}


def _mean(step: Callable[[Batch], list[float]], over: Iterable[Batch]) -> list[float]:
    """The losses over all batches, per scene."""
    count, rows = 0, []
    for batch in over:
        size = len(batch.images)
        count += size
        rows.append([size * part for part in step(batch)])
    return [sum(parts) / count for parts in zip(*rows, strict=True)]
