"""Small generated ONNX networks, and where the reference weights are."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from engine.modelcard import Model, ModelCard, card_path, sha256_of
from engine.pixels import InputSpec

CAFFE = InputSpec(None, None, "BGR", 1.0, (104.0, 117.0, 123.0), (1.0, 1.0, 1.0))
Dim = int | str


def assets() -> Path:
    """The development assets beside the repository; skips the test where there are none."""
    folder = Path(__file__).resolve().parents[3] / "shared" / "assets"
    if not folder.is_dir():
        pytest.skip(f"development assets are not at {folder}")
    return folder


def gray_spec(side: int) -> InputSpec:
    return InputSpec(side, side, "GRAY", 1 / 255, (0.5,), (0.5,))


def classifier(
    path: Path,
    labels: int = 3,
    side: int = 8,
    batch: Dim = "n",
    number: type = np.float32,
    channels: int = 1,
    softmax: bool = False,
) -> Path:
    """A linear layer from a `(side, side)` picture, gray unless it has more channels, to `labels` logits, or with
    `softmax` to probabilities."""
    weights = np.random.default_rng(0).normal(size=(channels * side * side, labels)).astype(number)
    nodes = [
        helper.make_node("Flatten", ["picture"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
    ]
    out = "logits"
    if softmax:
        nodes.append(helper.make_node("Softmax", ["logits"], ["scores"], axis=-1))
        out = "scores"
    return _save(path, nodes, {"weights": weights}, [batch, channels, side, side], {out: [batch, labels]})


def hanging_classifier(path: Path, above: float, side: int = 8, labels: int = 3) -> Path:
    """A classifier that does not return once the brightest pixel of a picture, 0 to 1, is above `above`."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["goes_on"], ["on"]), helper.make_node("Mul", ["carried", "one"], ["next"])],
        "body",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("goes_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("carried", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", TensorProto.FLOAT, None),
        ],
        [numpy_helper.from_array(np.ones((), np.float32), "one")],
    )
    weights = {
        "weights": np.random.default_rng(0).normal(size=(side * side, labels)).astype(np.float32),
        "limit": np.asarray((above - 0.5) / 0.5, np.float32),
        "turns": np.asarray(2**62, np.int64),
    }
    nodes = [
        helper.make_node("ReduceMax", ["picture"], ["brightest"], keepdims=0),
        helper.make_node("Greater", ["brightest", "limit"], ["hangs"]),
        helper.make_node("Loop", ["turns", "hangs", "picture"], ["same"], body=body),
        helper.make_node("Flatten", ["same"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
    ]
    return _save(path, nodes, weights, ["n", 1, side, side], {"logits": ["n", labels]})


def greedy_classifier(path: Path, side: int = 8, labels: int = 3, elements: int = 2**45) -> Path:
    """A classifier that wants more memory than any machine has, for bright pictures alone."""
    weights = {
        "weights": np.random.default_rng(0).normal(size=(side * side, labels)).astype(np.float32),
        "limit": np.zeros((), np.float32),
        "few": np.asarray([1], np.int64),
        "many": np.asarray([elements], np.int64),
        "zero": np.zeros((1,), np.float32),
    }
    nodes = [
        helper.make_node("ReduceMax", ["picture"], ["brightest"], keepdims=0),
        helper.make_node("Greater", ["brightest", "limit"], ["bright"]),
        helper.make_node("Where", ["bright", "many", "few"], ["count"]),
        helper.make_node("Expand", ["zero", "count"], ["wide"]),
        helper.make_node("ReduceMax", ["wide"], ["nothing"], keepdims=0),
        helper.make_node("Add", ["picture", "nothing"], ["same"]),
        helper.make_node("Flatten", ["same"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
    ]
    return _save(path, nodes, weights, ["n", 1, side, side], {"logits": ["n", labels]})


def retinaface(
    path: Path,
    seed: int = 0,
    softmax: bool = True,
    shape: tuple[Dim, Dim, Dim] = ("n", "h", "w"),
    priors: int = 2,
    context: int = 0,
) -> Path:
    """RetinaFace's outputs from one random convolution per level and head; named and ordered unlike the real one's.

    With `context` the heads of a level look at so many channels, as the real one's do, instead of at the picture.
    """
    random = np.random.default_rng(seed)
    nodes: list[onnx.NodeProto] = []
    weights: dict[str, np.ndarray] = {}
    for stride in (8, 16, 32) if context else ():
        weights[f"context{stride}_w"] = random.normal(0, 0.01, (context, 3, 3, 3)).astype(np.float32)
        read = ["picture", f"context{stride}_w"]
        nodes.append(helper.make_node("Conv", read, [f"context{stride}"], strides=[stride] * 2, pads=[1] * 4))
    for head, width in (("points", 10), ("scores", 2), ("boxes", 4)):
        for stride in (8, 16, 32):
            name = f"{head}{stride}"
            weights[f"{name}_w"] = random.normal(0, 0.01, (priors * width, context or 3, 1, 1)).astype(np.float32)
            weights[f"{name}_shape"] = np.array([0, -1, width], np.int64)
            seen, step = (f"context{stride}", 1) if context else ("picture", stride)
            nodes += [
                helper.make_node("Conv", [seen, f"{name}_w"], [f"{name}_c"], strides=[step, step]),
                helper.make_node("Transpose", [f"{name}_c"], [f"{name}_t"], perm=[0, 2, 3, 1]),
                helper.make_node("Reshape", [f"{name}_t", f"{name}_shape"], [name]),
            ]
        joined = head if head != "scores" or not softmax else "logits"
        nodes.append(helper.make_node("Concat", [f"{head}{stride}" for stride in (8, 16, 32)], [joined], axis=1))
    if softmax:
        nodes.append(helper.make_node("Softmax", ["logits"], ["scores"], axis=-1))
    batch, height, width = shape
    outputs: dict[str, list[Dim]] = {"points": [batch, "a", 10], "scores": [batch, "a", 2], "boxes": [batch, "a", 4]}
    return _save(path, nodes, weights, [batch, 3, height, width], outputs)


def _save(
    path: Path,
    nodes: list[onnx.NodeProto],
    weights: dict[str, np.ndarray],
    picture: list[Dim],
    outputs: dict[str, list[Dim]],
) -> Path:
    double = any(array.dtype == np.float64 for array in weights.values())
    number = TensorProto.DOUBLE if double else TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("picture", number, picture)],
        [helper.make_tensor_value_info(name, number, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    network = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(network)
    onnx.save(network, path)
    return path


def detector_card(path: Path, layout: str = "retinaface", spec: InputSpec = CAFFE) -> ModelCard:
    return ModelCard(path.stem, "1", "face-detection", sha256_of(path), spec, layout, "MIT")


def emotion_card(path: Path, labels: int = 3, side: int = 8) -> ModelCard:
    names = tuple(f"label{number}" for number in range(labels))
    return ModelCard(path.stem, "1", "emotion", sha256_of(path), gray_spec(side), "logits", "MIT", labels=names)


def with_card(path: Path, card: ModelCard) -> Model:
    """`path` with `card` written beside it."""
    card_path(path).write_text(card.to_json(), encoding="utf-8")
    return Model(path, card)
