"""Sessions: what opens, on which device, and what is refused."""

import logging
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from engine.devices import warm_up
from engine.errors import DeviceError, DeviceLost, ModelError, OutOfMemory
from engine.modelcard import Model
from engine.sessions import OnnxSession, available_providers, installed_runtimes, open_session
from tests.support import networks


@pytest.fixture
def model(tmp_path: Path) -> Model:
    path = networks.classifier(tmp_path / "mood.onnx")
    return Model(path, networks.emotion_card(path))


def needs_build_without_cuda() -> None:
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime has the CUDA provider")


def test_a_build_without_cuda_is_no_news(model: Model, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.INFO, "engine.sessions"):
        open_session(model, "auto")
    assert "model mood runs on c" in caplog.text and "is not in this build" not in caplog.text


@pytest.mark.parametrize("device", ["cpu", "auto"])
def test_a_session_names_its_device_and_shapes(model: Model, device):
    needs_build_without_cuda()
    session = open_session(model, device)
    assert session.device == "cpu"
    assert session.native.get_providers() == ["CPUExecutionProvider"]
    assert session.input_shape == (None, 1, 8, 8)
    assert session.output_shapes == ((None, 3),)


@pytest.mark.parametrize("device", ["cuda", "tensorrt"])
def test_asking_for_a_gpu_and_getting_a_cpu_is_an_error(model: Model, device):
    needs_build_without_cuda()
    with pytest.raises(DeviceError, match=rf"'mood': {device} is not in this build.*set device: cpu"):
        open_session(model, device)


def test_a_provider_that_falls_back_silently_is_found_out(model: Model, monkeypatch: pytest.MonkeyPatch):
    """The GPU build on a machine without CUDA offers the provider and then opens on the CPU."""
    offered = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: offered)
    native = onnxruntime.InferenceSession
    monkeypatch.setattr(
        onnxruntime,
        "InferenceSession",
        lambda path, options, providers: native(path, options, providers=["CPUExecutionProvider"]),
    )
    with pytest.raises(DeviceError, match="asked for cuda, got CPUExecutionProvider"):
        open_session(model, "cuda")
    assert open_session(model, "auto").device == "cpu"


def test_the_output_is_what_the_network_computes(model: Model):
    random = np.random.default_rng(0)
    batch = random.normal(size=(5, 1, 8, 8)).astype(np.float32)
    weights = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32)
    (logits,) = open_session(model, "cpu").run(batch)
    np.testing.assert_allclose(logits, batch.reshape(5, 64) @ weights, rtol=1e-4, atol=1e-4)


def test_threads_may_share_a_session(model: Model):
    session = open_session(model, "cpu")
    batches = [np.full((2, 1, 8, 8), number, np.float32) for number in range(8)]
    alone = [session.run(batch)[0] for batch in batches]
    together: dict[int, np.ndarray] = {}
    threads = [
        threading.Thread(target=lambda number=number: together.update({number: session.run(batches[number])[0]}))
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    for number, expected in enumerate(alone):
        np.testing.assert_array_equal(together[number], expected)


@pytest.mark.parametrize("content", [b"", b"no network", b"\x08\x07\x12\x00" * 50])
def test_a_file_that_is_no_network_is_refused_in_one_line(tmp_path: Path, content: bytes, model: Model):
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"broken.onnx' cannot be opened") as caught:
        open_session(Model(path, model.card), "cpu")
    assert "\n" not in str(caught.value)


def test_a_truncated_network_is_refused(model: Model):
    model.path.write_bytes(model.path.read_bytes()[:-200])
    with pytest.raises(ModelError, match="cannot be opened"):
        open_session(model, "cpu")


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"input": networks.gray_spec(48)}, "the card says input height 48, the network has 8"),
        ({"input": networks.CAFFE}, "the card says input channels 3, the network has 1"),
        ({"labels": ("a", "b")}, "the card has 2 labels, the network has 3 outputs"),
    ],
)
def test_card_and_network_must_agree(model: Model, changes, message):
    with pytest.raises(ModelError, match=message):
        open_session(Model(model.path, replace(model.card, **changes)), "cpu")


def test_a_network_of_another_number_type_is_refused(tmp_path: Path):
    path = networks.classifier(tmp_path / "mood.onnx", number=np.float64)
    with pytest.raises(ModelError, match=r"expected a float32 input, the network has tensor\(double\)"):
        open_session(Model(path, networks.emotion_card(path)), "cpu")


def test_what_onnx_runtime_raises_while_running_is_a_model_error(model: Model):
    with pytest.raises(ModelError, match=r"^the network refuses input \(1, 1, 9, 9\): [^\n]+$"):
        open_session(model, "cpu").run(np.zeros((1, 1, 9, 9), np.float32))


def test_warming_up_runs_once_and_tells_what_the_network_refuses(model: Model):
    session = open_session(model, "cpu")
    warm_up(session, np.zeros((2, 1, 8, 8), np.float32))
    with pytest.raises(ModelError, match=r"the network refuses input \(1, 1, 9, 9\)"):
        warm_up(session, np.zeros((1, 1, 9, 9), np.float32))


def test_the_installed_runtime_is_one_and_offers_the_cpu():
    assert "CPUExecutionProvider" in available_providers()
    assert len(installed_runtimes()) == 1, "two distributions of ONNX Runtime overwrite each other"


class Failing:
    """A native session whose first calls fail as a GPU's do."""

    def __init__(self, native: Any, *failures: Exception) -> None:
        self._native, self._failures = native, list(failures)
        self.get_inputs, self.get_outputs = native.get_inputs, native.get_outputs

    def run(self, names: Any, feed: Any) -> Any:
        if self._failures:
            raise self._failures.pop(0)
        return self._native.run(names, feed)


TRANSIENT = ort_errors.Fail("[ONNXRuntimeError] : 1 : FAIL : Non-zero status code returned while running Conv node.")
NO_MEMORY = ort_errors.RuntimeException(
    "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : CUDA failure 2: out of memory ; GPU=0"
)
LOST = ort_errors.Fail("[ONNXRuntimeError] : 1 : FAIL : CUDA failure 700: an illegal memory access was encountered")


def gpu_session(model: Model, *failures: Exception) -> OnnxSession:
    return OnnxSession(Failing(open_session(model, "cpu").native, *failures), "cuda")


@pytest.mark.parametrize("failure", [TRANSIENT, NO_MEMORY, LOST])
def test_a_call_that_fails_on_a_gpu_is_tried_once_more(model: Model, failure: Exception, caplog):
    batch = np.ones((2, 1, 8, 8), np.float32)
    (logits,) = gpu_session(model, failure).run(batch)
    np.testing.assert_array_equal(logits, open_session(model, "cpu").run(batch)[0])
    assert len([one for one in caplog.messages if "tried once more" in one]) == 1


@pytest.mark.parametrize(
    ("failures", "kind", "message"),
    [
        ((NO_MEMORY, NO_MEMORY), OutOfMemory, "the GPU is out of memory for input .* lower stages.classify.max_batch"),
        ((LOST, LOST), DeviceLost, "the GPU is lost or broken: .* start the engine again"),
        ((TRANSIENT, LOST), DeviceLost, "the GPU is lost"),
        ((TRANSIENT, TRANSIENT), ModelError, "the network refuses input"),
    ],
)
def test_what_fails_twice_is_named(model: Model, failures, kind, message):
    with pytest.raises(ModelError, match=message) as caught:
        gpu_session(model, *failures).run(np.ones((1, 1, 8, 8), np.float32))
    assert type(caught.value) is kind


def test_a_wrong_shape_is_not_tried_again_and_neither_is_a_cpu(model: Model, caplog):
    with pytest.raises(ModelError, match="refuses input"):
        OnnxSession(open_session(model, "cpu").native, "cuda").run(np.ones((1, 1, 9, 9), np.float32))
    with pytest.raises(ModelError):
        OnnxSession(Failing(open_session(model, "cpu").native, TRANSIENT), "cpu").run(np.ones((1, 1, 8, 8), np.float32))
    assert caplog.messages == []


def test_a_machine_without_memory_for_a_call_says_so(tmp_path: Path):
    path = networks.greedy_classifier(tmp_path / "greedy.onnx")
    session = open_session(Model(path, networks.emotion_card(path)), "cpu")
    warm_up(session, np.zeros((1, 1, 8, 8), np.float32))
    with pytest.raises(OutOfMemory, match=r"this machine is out of memory for input \(1, 1, 8, 8\)"):
        session.run(np.ones((1, 1, 8, 8), np.float32))
