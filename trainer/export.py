"""From a run folder to a model the engine loads: ONNX file and card."""

import json
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import nn

from engine import pixels
from engine.errors import ModelError
from engine.items import Floats
from engine.modelcard import Model, ModelCard, card_path, sha256_of
from engine.sessions import open_session
from trainer import evaluate
from trainer.config import TrainConfig, load_config
from trainer.data import LABELS
from trainer.evaluate import Predict
from trainer.fit import build, read_checkpoint
from trainer.preprocess import Packed

OPSET = 17
TOLERANCE = 1e-3
_SOURCES = (
    "FER2013 (Goodfellow et al. 2013) with the FER+ votes (Barsoum et al. 2016); "
    "images under the terms of the Kaggle challenge, votes MIT"
)


def export(run: Path, packed: Packed, out: Path) -> Model:
    """Write `out` (.onnx) and its card from the best weights of `run`.

    The network is checked against PyTorch on real images, its temperature is fitted on validation, and
    the metrics of the card are those of the written ONNX file on the test split.

    Raises:
        ConfigError: the run folder is incomplete.
        ModelError: ONNX and PyTorch disagree by more than 0.001; nothing is written then.
    """
    config = load_config(run / "config.yaml")
    net = trained(run, config)
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / out.name
        write_onnx(net, config, draft)
        card = _card(config, sha256_of(draft))
        predict = predictor(Model(draft, card), threads=config.threads)
        worst = disagreement(net, predict, _probe(packed, config))
        if not worst <= TOLERANCE:
            raise ModelError(f"ONNX and PyTorch differ by {worst:.2g} on real images, {TOLERANCE} is allowed")
        temperature = evaluate.temperature_on_validation(predict, packed, config.input)
        metrics = evaluate.report(predict, packed, "test", config.input, temperature)
        summary = {**evaluate.summary(metrics), "onnx_against_torch": float(f"{worst:.2g}")}
        card = _card(config, card.sha256, temperature, summary, _provenance(run))
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(draft.read_bytes())
    card_path(out).write_text(card.to_json(), encoding="utf-8")
    return Model(out, card)


def trained(run: Path, config: TrainConfig) -> nn.Module:
    """The network with the best weights of `run`, ready for use."""
    net = build(config)
    net.load_state_dict(read_checkpoint(run / "best.pt"))
    return net.eval()


def write_onnx(net: nn.Module, config: TrainConfig, path: Path) -> None:
    """`net` as ONNX with input `input` `(batch, C, H, W)` and output `logits` `(batch, 8)`."""
    spec = config.input
    example = torch.zeros(2, spec.channels, config.size, config.size)
    with warnings.catch_warnings():
        # The exporter without further dependencies announces its retirement.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            net.to(memory_format=torch.contiguous_format),
            (example,),
            str(path),
            dynamo=False,
            opset_version=OPSET,
            input_names=["input"],
            output_names=["logits"],
            dynamic_axes={"input": {0: "batch"}, "logits": {0: "batch"}},
        )
    onnx.checker.check_model(onnx.load(str(path)))


def predictor(model: Model, threads: int = 1) -> Predict:
    """The model's logits by ONNX Runtime on the CPU, which is where metrics are reproducible."""
    session = open_session(model, "cpu", threads)
    return lambda batch: session.run(batch)[0]


def disagreement(net: nn.Module, predict: Predict, batch: Floats) -> float:
    """The largest difference of a logit between PyTorch and ONNX."""
    with torch.no_grad():
        expected: Floats = net(torch.from_numpy(batch)).numpy()
    return float(np.abs(expected - predict(batch)).max())


def _probe(packed: Packed, config: TrainConfig, count: int = 64) -> Floats:
    rows = np.linspace(0, len(packed.aligned) - 1, count).astype(int)
    return pixels.to_tensor([packed.aligned[row] for row in rows], config.input)


def _card(
    config: TrainConfig,
    sha256: str,
    temperature: float = 1.0,
    metrics: dict[str, Any] | None = None,
    data: dict[str, Any] | None = None,
) -> ModelCard:
    return ModelCard(
        name=config.name,
        version=config.version,
        task="emotion",
        sha256=sha256,
        input=config.input,
        layout="logits",
        licence="Apache-2.0",
        labels=LABELS,
        alignment="arcface-112",
        temperature=temperature,
        metrics=metrics or {},
        data=data or {},
    )


def _provenance(run: Path) -> dict[str, Any]:
    facts = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    return {
        "sources": _SOURCES,
        "training_images": facts["training_images"],
        "aligned": facts["data"]["aligned"],
        "sha256": facts["data"]["sha256"],
        "recipe": load_config(run / "config.yaml").name,
        "epochs": len((run / "history.jsonl").read_text(encoding="utf-8").splitlines()),
    }
