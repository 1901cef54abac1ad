"""A trained detector as ONNX files the engine loads: float32 and, where it pays, INT8; each with its card."""

import copy
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from engine import pixels
from engine.datarights import DataSource
from engine.errors import ConfigError, ModelError, MoodlineError
from engine.items import Floats
from engine.modelcard import Model, ModelCard, sha256_of
from engine.pixels import InputSpec
from engine.sessions import OnnxSession, open_session
from trainer import checkpoints, quantize, runs
from trainer.card import LICENCE, publish
from trainer.detector.config import DetectorConfig, load_config
from trainer.detector.net import RetinaFaceNet, Served
from trainer.detector.pictures import PictureSet
from trainer.detector.restore import blend, read
from trainer.detector.scenes import Composer
from trainer.detector.weights import load_weights
from trainer.export import save_onnx

TOLERANCE = 1e-3
OUTPUTS = ("loc", "conf", "landms")
_SIZES = ((360, 640), (320, 320), (184, 328))
_SEED = 77


@dataclass(frozen=True, slots=True)
class DetectorOptions:
    """`int8` also writes an INT8 file; its ranges are measured on `calibration` composed training scenes. With `blend`,
    an exported detector, the weights are those of the run for `share` and its for the rest."""

    int8: bool = False
    calibration: int = 128
    blend: Path | None = None
    share: float = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class TrainedDetector:
    """A run's best weights, in evaluation mode, on the CPU."""

    net: RetinaFaceNet
    config: DetectorConfig

    @classmethod
    def open(cls, run: Path) -> "TrainedDetector":
        """Raises ConfigError: `run` holds no trained detector, or a damaged one."""
        if not (run / "best.pt").is_file():
            raise ConfigError(f"run {str(run)!r} holds no trained detector (best.pt); train one: detector fit")
        config = load_config(run / "config.yaml")
        net = RetinaFaceNet(config.backbone, config.pyramid, config.coarse)
        load_weights(net, checkpoints.read(run / "best.pt"), str(run))
        net.eval()
        return cls(net, config)


def served(net: RetinaFaceNet, config: DetectorConfig) -> nn.Module:
    """`net` as the engine runs it, for inputs of `served_input`: dividing by the deviation is left to the first
    convolution's weights, which saves a pass over every picture."""
    folded = copy.deepcopy(net)
    std = torch.tensor(config.input.std).view(1, 3, 1, 1)
    with torch.no_grad():
        folded.first_convolution.weight /= std
    return Served(folded).eval()


def served_input(config: DetectorConfig) -> InputSpec:
    return replace(config.input, std=(1.0, 1.0, 1.0))


def write_onnx(network: nn.Module, path: Path) -> None:
    """A `served` network as ONNX: input `input` float32 `(batch, 3, height, width)`, outputs `loc` `(batch, P, 4)`,
    `conf` `(batch, P, 2)` as probabilities of background and face, `landms` `(batch, P, 10)`."""
    axes = {"input": {0: "batch", 2: "height", 3: "width"}, **{name: {0: "batch", 1: "priors"} for name in OUTPUTS}}
    save_onnx(network, torch.zeros(1, 3, 320, 320), OUTPUTS, axes, path)


def check_agreement(net: RetinaFaceNet, config: DetectorConfig, session: OnnxSession, seed: int = _SEED) -> float:
    """The largest difference of any output between the trained network and ONNX, on noise of several sizes.

    Raises:
        ModelError: it is more than 0.001, or not a number.
    """
    trained, random = Served(net).eval(), np.random.default_rng(seed)
    differences = []
    for height, width in _SIZES:
        noise = random.integers(0, 256, (height, width, 3), np.uint8)
        with torch.no_grad():
            expected = trained(torch.from_numpy(pixels.to_tensor([noise], config.input)))
        found = session.run(pixels.to_tensor([noise], served_input(config)))
        differences += [float(np.abs(want.numpy() - got).max()) for want, got in zip(expected, found, strict=True)]
    worst = float(np.max(differences))
    if not worst <= TOLERANCE:
        raise ModelError(f"ONNX and PyTorch differ by {worst:.2g}, {TOLERANCE} is allowed")
    return worst


def calibration_batches(pictures: PictureSet, config: DetectorConfig, count: int) -> list[Floats]:
    """`count` composed training scenes as input batches, for the ranges of INT8."""
    composer = Composer(pictures, "train", config.size, config.scenes)
    scenes = [composer.compose(np.random.default_rng([_SEED, number])).image for number in range(count)]
    return [pixels.to_tensor(scenes[start : start + 8], served_input(config)) for start in range(0, count, 8)]


Judge = Callable[[Model], float]
"""What a written model is worth; the larger the better."""


def release_detector(
    run: Path,
    pictures: PictureSet,
    out: Path,
    judge: Judge,
    measure: Callable[[Sequence[Model]], Mapping[str, Any]],
    options: DetectorOptions = DetectorOptions(),
    rights: tuple[DataSource, ...] = (),
) -> tuple[list[Model], dict[str, Any]]:
    """Write `out` (.onnx) with its card from the run's best weights, and `-int8` beside it where asked.

    `judge` chooses how INT8 is calibrated, on validation pictures; `measure` gives what the cards say of the
    files by name; `rights` is their `data_rights`. Nothing is moved into place until everything is written. The
    table of what each file is worth is returned, and kept as `export.json` in the run folder.

    Raises:
        ConfigError: the run folder is incomplete or damaged, or `out` no .onnx name.
        ModelError: ONNX and PyTorch disagree.
        MoodlineError: the files could not be written; those of before are as they were.
    """
    if out.suffix != ".onnx":
        raise ConfigError(f"output {str(out)!r} must end in .onnx")
    trained = TrainedDetector.open(run)
    data = {**provenance(run, trained), **_blended(trained, options)}
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=".export-") as folder:
            drafts, table = _drafts(trained, pictures, Path(folder) / out.name, judge, options, data)
            drafts = [Model(draft.path, replace(draft.card, data_rights=rights)) for draft in drafts]
            facts = measure(drafts)
            finished = [
                _measured(draft, {**table.get(draft.card.name, {}), **facts[draft.card.name]}) for draft in drafts
            ]
            table = {model.card.name: {"sha256": model.card.sha256, **model.card.metrics} for model in finished}
            models = publish(finished, out.parent)
    except OSError as error:
        raise MoodlineError(
            f"export {str(out)!r} cannot be written ({error.strerror or error}); the files of before are as they were"
        ) from error
    (run / "export.json").write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")
    return models, table


def _blended(trained: TrainedDetector, options: DetectorOptions) -> dict[str, Any]:
    """Blend as `options` say, and what the card says of it."""
    if options.blend is None:
        return {}
    std = torch.tensor(trained.config.input.std)
    blend(trained.net, read(trained.net, options.blend, std, "--blend"), options.share)
    return {"blended": {"sha256": sha256_of(options.blend), "share": round(1 - options.share, 4)}}


def _drafts(
    trained: TrainedDetector,
    pictures: PictureSet,
    path: Path,
    judge: Judge,
    options: DetectorOptions,
    data: Mapping[str, Any],
) -> tuple[list[Model], dict[str, Any]]:
    write_onnx(served(trained.net, trained.config), path)
    plain = Model(path, card(trained.config, path, data))
    worst = check_agreement(trained.net, trained.config, open_session(plain, "cpu"))
    table: dict[str, Any] = {plain.card.name: {"onnx_against_torch": float(f"{worst:.2g}")}}
    if not options.int8:
        return [plain], table
    target = path.with_name(f"{path.stem}-int8.onnx")
    batches = calibration_batches(pictures, trained.config, options.calibration)
    plan, tried = quantize.choose(
        path,
        target,
        batches,
        lambda draft: judge(Model(draft, card(trained.config, draft, data))),
        operations=["Conv"],  # probabilities and offsets stay exact
    )
    small = Model(target, card(trained.config, target, data))
    table[small.card.name] = {
        "quantisation": {"method": plan.method, "ends_in_float": plan.ends_in_float, "scenes": options.calibration},
        "tried": tried,
    }
    return [plain, small], table


def card(config: DetectorConfig, path: Path, data: Mapping[str, Any]) -> ModelCard:
    """The card of the file at `path`, called as the file is."""
    return ModelCard(
        name=path.stem,
        version=config.version,
        task="face-detection",
        sha256=sha256_of(path),
        input=served_input(config),
        layout="retinaface",
        licence=LICENCE,
        landmarks="mean",
        data=dict(data),
    )


def _measured(draft: Model, metrics: Mapping[str, Any]) -> Model:
    said = {key: value for key, value in metrics.items() if key != "tried"}
    return Model(draft.path, replace(draft.card, metrics=said))


def provenance(run: Path, trained: TrainedDetector) -> dict[str, Any]:
    """What a card says of the data, from what the run folder recorded."""
    manifest = runs.read_manifest(run)
    data = manifest.get("data") or {}
    train = (data.get("splits") or {}).get("train", {})
    parts = data.get("parts") or [data]
    sources = [Path(str(each.get("source", ""))).name for part in parts for each in part.get("sources") or []]
    teachers: list[Any] = []
    for each in (each for part in parts for each in part.get("teachers") or []):
        named = {key: each.get(key) for key in ("name", "sha256")}
        teachers += [named] if named not in teachers else []
    hints = manifest.get("hints")
    return {
        "sources": sources,
        "teachers": teachers,
        **({"hints": hints["sha256"]} if hints else {}),
        "sha256": data.get("sha256"),
        "pictures": train.get("pictures"),
        "faces": train.get("faces"),
        "recipe": trained.config.name,
        "backbone": trained.config.backbone,
        "scenes": trained.config.scenes_per_epoch * len(runs.history(run)),
        "parameters": sum(value.numel() for value in trained.net.parameters()),
    }
