"""Weights in another file are refused, wherever in a network they are named; whole files are not."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from onnx import TensorProto, helper, numpy_helper
from onnx.external_data_helper import convert_model_to_external_data

from engine.errors import ModelError
from engine.modelcard import SHIPPED, Model
from engine.onnxfile import check_whole
from engine.sessions import open_session
from pipelines.models_cli import models
from tests.support import networks


def outside() -> TensorProto:
    tensor = numpy_helper.from_array(np.zeros(4, np.float32), "w")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../etc/passwd"
    return tensor


def graph_with(tensor: TensorProto) -> onnx.GraphProto:
    return helper.make_graph([], "inner", [], [], [tensor])


def in_initializer(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(outside())


def in_constant(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Constant", [], ["c"], value=outside()))


def in_subgraph(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("If", ["x"], ["c"], then_branch=graph_with(outside())))


def in_subgraph_of_a_list(model: onnx.ModelProto) -> None:
    node = helper.make_node("Custom", [], ["c"])
    node.attribute.append(helper.make_attribute("branches", [graph_with(outside())]))
    model.graph.node.append(node)


def in_sparse_tensor(model: onnx.ModelProto) -> None:
    sparse = model.graph.sparse_initializer.add()
    sparse.values.CopyFrom(outside())


def in_function(model: onnx.ModelProto) -> None:
    node = helper.make_node("Constant", [], ["c"], value=outside())
    model.functions.append(helper.make_function("d", "f", [], ["c"], [node], []))


def in_training(model: onnx.ModelProto) -> None:
    model.training_info.add().algorithm.CopyFrom(graph_with(outside()))


def without_location(model: onnx.ModelProto) -> None:
    tensor = outside()
    tensor.ClearField("data_location")
    model.graph.initializer.append(tensor)


PLACES = [in_initializer, in_constant, in_subgraph, in_subgraph_of_a_list, in_sparse_tensor, in_function, in_training,
          without_location]  # fmt: skip


@pytest.mark.parametrize("put", PLACES, ids=lambda put: put.__name__)
def test_weights_in_another_file_are_found(tmp_path: Path, put: Callable[[onnx.ModelProto], None]) -> None:
    model = onnx.load(networks.classifier(tmp_path / "m.onnx"))
    put(model)
    path = tmp_path / "out.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="keeps weights in another file"):
        check_whole(path)


@pytest.fixture
def split(tmp_path: Path) -> Path:
    """A network that works, with its weights in a file beside it."""
    path = tmp_path / "split.onnx"
    model = onnx.load(networks.classifier(tmp_path / "whole.onnx"))
    convert_model_to_external_data(model, location="weights.bin", size_threshold=0)
    onnx.save(model, path)
    assert (tmp_path / "weights.bin").exists()
    return path


def test_neither_load_nor_add_nor_verify_takes_it(split: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    card = networks.emotion_card(split)
    with pytest.raises(ModelError, match="keeps weights in another file"):
        open_session(Model(split, card), "cpu")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    added = CliRunner().invoke(models, ["add", str(split), "--like", "emotion-fer"])
    assert "keeps weights in another file" in str(added.exception)
    networks.with_card(split, card)
    monkeypatch.setenv("MOODLINE_MODELS", str(tmp_path))
    verified = CliRunner().invoke(models, ["verify", "split"])
    assert "FAILED  split: model" in verified.output and "keeps weights in another file" in verified.output


def test_whole_files_pass(tmp_path: Path) -> None:
    for path in (
        *SHIPPED.glob("*.onnx"),
        networks.retinaface(tmp_path / "r.onnx"),
        networks.classifier(tmp_path / "c.onnx"),
    ):
        check_whole(path)


@pytest.mark.parametrize(
    "content",
    [b"\x00\x00\x00\x00ORTM" + bytes(20), b"\x3a\xff\xff\xff\xff\x0f", b"\x3a\x05\x0a", b"\x3b" * 8, b"\x80" * 12,
     b"\x38\x01", b"\x3a\x01\x80"],
    ids=["the runtime's own format", "a length beyond the end", "cut off", "groups", "an endless number",
         "a graph that is a number", "a key that is cut off"],
)  # fmt: skip
def test_what_is_no_network_is_said_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="is not a sound ONNX file") as caught:
        check_whole(path)
    assert "\n" not in str(caught.value)


def test_graphs_without_end_are_refused(tmp_path: Path) -> None:
    data = b""
    for _ in range(80):  # a graph in an attribute of a node of a graph ...
        for key in (b"\x32", b"\x2a", b"\x0a"):
            data = key + _length(len(data)) + data
    path = tmp_path / "deep.onnx"
    path.write_bytes(b"\x3a" + _length(len(data)) + data)
    with pytest.raises(ModelError, match="nested too deeply"):
        check_whole(path)


def _length(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])
