"""The only import of ONNX Runtime: sessions that prove on which device they run."""

import contextlib
import io
import logging
import re
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from engine.devices import Device
from engine.errors import DeviceError, DeviceLost, ModelError, OutOfMemory
from engine.items import Floats
from engine.modelcard import Model
from engine.onnxfile import check_whole
from engine.progress import tick

logger = logging.getLogger(__name__)

PROVIDERS: dict[str, str] = {
    "tensorrt": "TensorrtExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
_BY_PREFERENCE = ("cuda", "cpu")
# What goes wrong is raised here as one sentence; its own log would say it twice, in red.
ort.set_default_logger_severity(4)
# ONNX Runtime's exceptions share no base class but Exception.
_ORT_ERRORS = (
    ort_errors.EPFail,
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NoModel,
    ort_errors.NoSuchFile,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
)


class OnnxSession:
    """A model opened by ONNX Runtime on a proven device."""

    def __init__(self, native: Any, device: str) -> None:
        self._native = native
        self._input = native.get_inputs()[0]
        self.device = device

    @property
    def native(self) -> Any:
        """The `onnxruntime.InferenceSession`, for libraries that take one."""
        return self._native

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        return _fixed(self._input.shape)

    @property
    def output_shapes(self) -> tuple[tuple[int | None, ...], ...]:
        return tuple(_fixed(output.shape) for output in self._native.get_outputs())

    def run(self, batch: Floats) -> list[Floats]:
        """See `Session.run`. On a GPU a call that fails is tried once more.

        Raises:
            OutOfMemory: the device has no memory for it.
            DeviceLost: the GPU is gone or broken.
            ModelError: the network refuses a batch of this shape.
        """
        try:
            outputs = self._run(batch)
        except _ORT_ERRORS as error:
            if self.device == "cpu" or isinstance(error, ort_errors.InvalidArgument):
                raise _named(error, self.device, batch.shape) from error
            logger.warning("a call on %s failed and is tried once more: %s", self.device, _first_line(error))
            outputs = self._run_again(batch)
        tick()
        return outputs

    def _run(self, batch: Floats) -> list[Floats]:
        outputs: list[Floats] = self._native.run(None, {self._input.name: batch})
        return outputs

    def _run_again(self, batch: Floats) -> list[Floats]:
        try:
            return self._run(batch)
        except _ORT_ERRORS as error:
            raise _named(error, self.device, batch.shape) from error


def _fixed(shape: Sequence[Any]) -> tuple[int | None, ...]:
    return tuple(size if isinstance(size, int) and size > 0 else None for size in shape)


def open_session(model: Model, device: Device = "auto", threads: int = 1) -> OnnxSession:
    """Open `model` on `device`; `auto` takes the best that really works and logs which, and what a device of this
    build did not do. That the usual build has no CUDA is no news.

    `threads` bounds one call's parallelism on the CPU. The hash was checked when `model` was loaded.

    Raises:
        DeviceError: the session opened on another device than the one asked for.
        ModelError: the file is no ONNX network with one float input of the card's channels and size, or keeps
            weights in another file.
    """
    check_whole(model.path)
    wanted = _BY_PREFERENCE if device == "auto" else (device,)
    absent: list[str] = []
    refusals: list[str] = []
    for name in wanted:
        if PROVIDERS[name] not in ort.get_available_providers():
            absent.append(f"{name} is not in this build of ONNX Runtime ({_build()})")
            continue
        native = _open(model.path, name, threads)
        opened = native.get_providers()[0]
        if opened == PROVIDERS[name]:
            session = OnnxSession(native, name)
            _check(model, session)
            logger.info("model %s runs on %s%s", model.card.name, name, f" ({'; '.join(refusals)})" if refusals else "")
            return session
        refusals.append(f"asked for {name}, got {opened}")
    raise DeviceError(
        f"model {model.card.name!r}: {'; '.join([*absent, *refusals])}; "
        "install the GPU build and its CUDA libraries (make setup LOCK=gpu) or set device: cpu"
    )


def _open(path: Path, device: str, threads: int) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    # A waiting pool must not spin: the cores belong to decoding and the other stages.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if device != "cpu":
        _load_cuda_libraries()
    try:
        return ort.InferenceSession(str(path), options, providers=[PROVIDERS[device]])
    except _ORT_ERRORS as error:
        named = _named(error, device, ())
        kind = type(named) if isinstance(named, OutOfMemory | DeviceLost) else ModelError
        raise kind(f"model {str(path)!r} cannot be opened on {device}: {_first_line(error)}") from error


def _load_cuda_libraries() -> None:
    """Those that pip installed; what is missing ONNX Runtime prints, and the opened session proves."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        ort.preload_dlls()
    for line in filter(None, said.getvalue().splitlines()):
        logger.debug("%s", line)


def _check(model: Model, session: OnnxSession) -> None:
    """Card and network must agree on what goes in."""
    spec, shape = model.card.input, session.input_shape
    where = f"model {str(model.path)!r}"
    if len(session.native.get_inputs()) != 1 or len(shape) != 4:
        raise ModelError(f"{where}: expected one input (N, C, H, W), the network has {shape}")
    kind = session.native.get_inputs()[0].type
    if kind != "tensor(float)":
        raise ModelError(f"{where}: expected a float32 input, the network has {kind}; export it in float32")
    expected = (spec.channels, spec.height, spec.width)
    for axis, want, have in zip(("channels", "height", "width"), expected, shape[1:], strict=True):
        if have is not None and want is not None and want != have:
            raise ModelError(f"{where}: the card says input {axis} {want}, the network has {have}")
    if model.card.task == "emotion":
        classes = (session.output_shapes[0] or (None,))[-1]
        if classes is not None and classes != len(model.card.labels):
            raise ModelError(
                f"{where}: the card has {len(model.card.labels)} labels, the network has {classes} outputs"
            )


# ONNX Runtime has no class or code for these: they are told by what its providers write.
_NO_MEMORY = re.compile(
    r"out of memory|Failed to allocate memory|bad_alloc|ALLOC_FAILED|CUDA failure 2:", re.IGNORECASE
)
_LOST = re.compile(
    r"device.{0,20}lost|fallen off the bus|no CUDA-capable device|illegal memory access|launch failure"
    r"|misaligned address|device-side assert|uncorrectable ECC|EXECUTION_FAILED|INTERNAL_ERROR|driver shutting down"
    r"|CUDA failure (?:4|46|100|700|701|702|709|710|714|716|719|721|999):",
    re.IGNORECASE,
)


def _named(error: Exception, device: str, shape: tuple[int, ...]) -> ModelError:
    """What an error of ONNX Runtime means, with the way out."""
    said = _first_line(error)
    if _NO_MEMORY.search(str(error)):
        if device == "cpu":
            out = "run fewer cameras, or lower stages.detect.size and stages.classify.max_batch"
            return OutOfMemory(f"this machine is out of memory for input {shape}: {said}; {out}")
        out = "lower stages.classify.max_batch or stages.detect.size, or end what else uses the GPU (nvidia-smi)"
        return OutOfMemory(f"the GPU is out of memory for input {shape}: {said}; {out}")
    if device != "cpu" and _LOST.search(str(error)):
        out = "look at nvidia-smi and the kernel's log, and start the engine again"
        return DeviceLost(f"the GPU is lost or broken: {said}; {out}")
    return ModelError(f"the network refuses input {shape}: {said}")


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _build() -> str:
    return f"{ort.__version__}: {', '.join(ort.get_available_providers())}"


def available_providers() -> tuple[str, ...]:
    """What this build of ONNX Runtime offers; offering is not yet working."""
    return tuple(ort.get_available_providers())


def installed_runtimes() -> tuple[str, ...]:
    """`name version` of every ONNX Runtime distribution installed; more than one overwrite each other."""
    found = []
    for name in ("onnxruntime", "onnxruntime-gpu"):
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return tuple(found)
