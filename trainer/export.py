"""From a PyTorch network to an ONNX file that is proven to say the same."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from engine import pixels
from engine.errors import ModelError
from engine.items import Floats
from engine.pixels import InputSpec
from trainer.variants import VIEWS, Predict, Sample

OPSET = 17
TOLERANCE = 1e-3
_BATCH = 32


class Mirrored(nn.Module):  # type: ignore[misc]
    """`net`, its logits averaged over each face and its mirror image (test-time augmentation)."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, batch: Tensor) -> Tensor:
        both: Tensor = self.net(torch.cat([batch, batch.flip(3)]))
        return both.reshape(2, -1, both.shape[1]).mean(0)


Axes = Mapping[str, Mapping[int, str]]
"""Which axes of which input or output may have any size, and what they are called."""


def save_onnx(net: nn.Module, example: Tensor, outputs: Sequence[str], axes: Axes, path: Path) -> None:
    """`net` as ONNX with one input `input`, like `example` but for `axes`, and named `outputs`."""
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
            output_names=list(outputs),
            dynamic_axes={name: dict(sizes) for name, sizes in axes.items()},
        )
    onnx.checker.check_model(onnx.load(str(path)))


def write_onnx(net: nn.Module, spec: InputSpec, path: Path) -> None:
    """`net` as ONNX with input `input` float32 `(batch, C, H, W)` and output `logits` `(batch, classes)`."""
    example = torch.zeros(2, spec.channels, spec.height or 48, spec.width or 48)
    save_onnx(net, example, ["logits"], {"input": {0: "batch"}, "logits": {0: "batch"}}, path)


def disagreement(net: nn.Module, predict: Predict, batch: Floats) -> float:
    """The largest difference of a logit between PyTorch and ONNX."""
    with torch.no_grad():
        expected: Floats = net(torch.from_numpy(batch)).numpy()
    return float(np.abs(expected - predict(batch)).max())


def check_agreement(net: nn.Module, predict: Predict, over: Sample, spec: InputSpec, count: int = 256) -> float:
    """The largest difference on up to `count` faces spread over `over`, half aligned and half whole.

    Raises:
        ModelError: it is more than 0.001, or not a number.
    """
    rows = over.rows[np.linspace(0, len(over.rows) - 1, min(count, len(over.rows))).astype(int)]
    images = [over.faces.view(VIEWS[number % 2])[row] for number, row in enumerate(rows)]
    batches = [pixels.to_tensor(images[start : start + _BATCH], spec) for start in range(0, len(images), _BATCH)]
    worst = float(np.max([disagreement(net, predict, batch) for batch in batches]))
    if not worst <= TOLERANCE:
        raise ModelError(f"ONNX and PyTorch differ by {worst:.2g} on real faces, {TOLERANCE} is allowed")
    return worst


def convolutions(file: Path) -> list[tuple[Floats, Floats]]:
    """Weights and biases of the convolutions of a network that `save_onnx` wrote, in the order they run in."""
    graph = onnx.load(str(file)).graph
    arrays = _weights(graph)
    nodes = [node for node in graph.node if node.op_type == "Conv" and len(node.input) == 3]
    return [
        (arrays[node.input[1]], arrays[node.input[2]])
        for node in nodes
        if all(name in arrays for name in node.input[1:])
    ]


def _weights(graph: onnx.GraphProto) -> dict[str, Floats]:
    """Every constant of a network by name, also those that are stored in half precision and widened."""
    arrays = {each.name: onnx.numpy_helper.to_array(each) for each in graph.initializer}
    for node in graph.node:
        if node.op_type == "Cast" and node.input[0] in arrays:
            arrays[node.output[0]] = arrays[node.input[0]].astype(np.float32)
    return arrays


def linear(file: Path) -> tuple[Floats, Floats] | None:
    """Weight `(out, in)` and bias `(out,)` of the last linear layer of a network that `write_onnx` wrote, or None."""
    graph = onnx.load(str(file)).graph
    arrays = _weights(graph)
    nodes = [node for node in graph.node if node.op_type == "Gemm" and node.input[1] in arrays and len(node.input) == 3]
    if not nodes:
        return None
    turned = any(each.name == "transB" and each.i for each in nodes[-1].attribute)
    weight = arrays[nodes[-1].input[1]]
    return (weight if turned else weight.T), arrays[nodes[-1].input[2]]


def expose(source: Path, target: Path, readers: int) -> int:
    """Write the network `source` to `target` with one output more for each tensor that `readers` convolutions of one
    cell read, in the order of the network: what the heads of a detector look at. Returns how many there are.
    `source` is one that ONNX Runtime opens.
    """
    model = onnx.load(str(source))
    sizes = {each.name: list(each.dims) for each in model.graph.initializer}
    pointwise = [
        node.input[0] for node in model.graph.node if node.op_type == "Conv" and sizes[node.input[1]][2:] == [1, 1]
    ]
    read = [name for name in dict.fromkeys(pointwise) if pointwise.count(name) == readers]
    model.graph.output.extend(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in read)
    onnx.save(model, str(target))
    return len(read)
