"""Smaller files of an exported network: weights kept as float16, or all arithmetic in eight bits.

INT8 is static post-training quantisation (Jacob et al. 2018, arXiv 1712.05877) as ONNX Runtime does it:
QuantizeLinear/DequantizeLinear pairs around each operation, ranges measured on training faces.
"""

import contextlib
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx

from engine import pixels
from engine.errors import ConfigError, ModelError
from engine.items import Floats
from engine.pixels import InputSpec
from trainer.faceset import SPLITS, FaceSet

# Importing the engine comes first: it keeps ONNX Runtime from reporting home.
# isort: split
from onnxruntime import quantization
from onnxruntime.quantization.shape_inference import quant_pre_process

Method = Literal["minmax", "entropy", "percentile"]
METHODS: tuple[Method, ...] = ("minmax", "percentile", "entropy")
_CALIBRATION = {
    "minmax": quantization.CalibrationMethod.MinMax,
    "entropy": quantization.CalibrationMethod.Entropy,
    "percentile": quantization.CalibrationMethod.Percentile,
}
_HALF_MAX = float(np.finfo(np.float16).max)
_BATCH = 64


@dataclass(frozen=True, slots=True)
class Plan:
    """How a network is quantised: how ranges are found, and whether its first convolution and its last
    linear layer stay in float."""

    method: Method
    ends_in_float: bool = False


def halve_weights(source: Path, target: Path) -> None:
    """Write `target`: the network `source` with its weights stored as float16, and widened when it is loaded.

    ONNX Runtime folds the widening once, so speed and arithmetic are those of float32; only the rounding
    of the weights differs. Vectors (biases) stay float32: they are few.

    Raises:
        ModelError: a weight is too large for float16.
    """
    model = onnx.load(str(source))
    graph = model.graph
    casts = []
    for tensor in graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.ndim < 2:
            continue
        if not np.abs(values).max(initial=0) <= _HALF_MAX:
            raise ModelError(f"{source.name}: a weight of {tensor.name!r} is beyond float16's {_HALF_MAX:.0f}")
        name = tensor.name
        half = onnx.numpy_helper.from_array(values.astype(np.float16), f"{name}.half")
        tensor.CopyFrom(half)
        casts.append(onnx.helper.make_node("Cast", [half.name], [name], to=onnx.TensorProto.FLOAT))
    for number, cast in enumerate(casts):
        graph.node.insert(number, cast)
    onnx.checker.check_model(model)
    target.write_bytes(model.SerializeToString())


def calibration_batches(faces: FaceSet, spec: InputSpec, count: int = 512, seed: int = 0) -> list[Floats]:
    """Up to `count` training faces drawn by `seed`, half of them aligned and half whole, as input batches.

    Raises:
        ConfigError: the data set has no training faces.
    """
    rows = np.flatnonzero((np.asarray(faces.split) == SPLITS.index("train")) & ~np.asarray(faces.removed))
    if not len(rows):
        raise ConfigError(f"data {faces.origin.name!r} has no training faces; INT8 is calibrated on them")
    chosen = np.random.default_rng(seed).permutation(rows)[:count]
    images = [(faces.aligned if number % 2 else faces.whole)[row] for number, row in enumerate(chosen)]
    return [pixels.to_tensor(images[start : start + _BATCH], spec) for start in range(0, len(images), _BATCH)]


class _Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
    """Hands ready batches to ONNX Runtime's calibration, a range of them at a time."""

    def __init__(self, name: str, batches: Sequence[Floats]) -> None:
        self._name, self._batches = name, batches
        self.set_range(0, len(batches))

    def __len__(self) -> int:
        return len(self._batches)

    def set_range(self, start_index: int, end_index: int) -> None:
        self._rest: Iterator[Floats] = iter(self._batches[start_index:end_index])

    def get_next(self) -> dict[str, Floats] | None:
        batch = next(self._rest, None)
        return None if batch is None else {self._name: batch}


def quantise(source: Path, target: Path, batches: Sequence[Floats], plan: Plan, operations: Sequence[str] = ()) -> None:
    """Write `target`: the network `source` in INT8 (uint8 activations, int8 weights per channel), all of it or
    `operations` (ONNX names) only.

    Weights use 7 of the 8 bits: processors without VNNI add pairs of products in 16 bits, which would
    overflow, and the model would answer differently there.
    """
    prepared = target.with_suffix(".prepared.onnx")
    # The library talks to standard output while it works. There is nothing to optimise: the exporter has
    # folded the batch normalisation into the convolutions already.
    with contextlib.redirect_stdout(io.StringIO()):
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True, skip_optimization=True)
        network = onnx.load(str(prepared))
        quantization.quantize_static(
            str(prepared),
            str(target),
            _Reader(network.graph.input[0].name, batches),
            op_types_to_quantize=list(operations) or None,
            per_channel=True,
            reduce_range=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            nodes_to_exclude=_ends(network) if plan.ends_in_float else [],
            calibrate_method=_CALIBRATION[plan.method],
            # Ranges are taken batch by batch; all at once, the activations of all faces would be in memory.
            extra_options={"CalibStridedMinMax": 1},
        )
    prepared.unlink()


def _ends(network: Any) -> list[str]:
    """Names of the first convolution and the last linear layer."""
    convolutions = [node.name for node in network.graph.node if node.op_type == "Conv"]
    linear = [node.name for node in network.graph.node if node.op_type in ("Gemm", "MatMul")]
    return [*convolutions[:1], *linear[-1:]]


def choose(
    source: Path,
    target: Path,
    batches: Sequence[Floats],
    judge: Callable[[Path], float],
    operations: Sequence[str] = (),
) -> tuple[Plan, list[dict[str, Any]]]:
    """Write `target` by the plan that `judge` scores best, and say which it is and what each scored.

    Every method of calibration is tried, and the best of them again with its ends in float; of equal
    plans the earlier one stays, which is the simpler.
    """
    tried: list[tuple[float, Plan]] = []
    draft = target.with_suffix(".draft.onnx")

    def attempt(plan: Plan) -> None:
        quantise(source, draft, batches, plan, operations)
        score = judge(draft)
        if not tried or score > max(before for before, _ in tried):
            draft.replace(target)
        tried.append((score, plan))

    for method in METHODS:
        attempt(Plan(method))
    attempt(Plan(_best(tried).method, ends_in_float=True))
    draft.unlink(missing_ok=True)
    scores = [
        {"method": plan.method, "ends_in_float": plan.ends_in_float, "validation_accuracy": round(score, 4)}
        for score, plan in tried
    ]
    return _best(tried), scores


def _best(tried: Sequence[tuple[float, Plan]]) -> Plan:
    return max(tried, key=lambda pair: pair[0])[1]
