"""Smaller files: they answer nearly alike, they are smaller, and an interruption never mixes old and new."""

import contextlib
import dataclasses
import resource

import numpy as np
import onnx
import pytest
import torch

from engine.errors import ConfigError, ModelError, MoodlineError
from engine.modelcard import card_path, load_model
from engine.sessions import open_session
from tests.trainer.support import invented_set
from trainer import quantize
from trainer.card import Identity
from trainer.config import TrainConfig
from trainer.export import write_onnx
from trainer.labels import FERPLUS
from trainer.nets import NETS
from trainer.release import Options, release

SPEC = TrainConfig(name="tiny", net="tiny").input
IDENTITY = Identity("tiny", "1", FERPLUS, SPEC)
BOTH = Options(fp16=True, int8=True, calibration=32)


def network(seed=0):
    torch.manual_seed(seed)
    return NETS["tiny"](1, len(FERPLUS)).eval()


@pytest.fixture(scope="module")
def faces():
    return invented_set()


@pytest.fixture(scope="module")
def released(tmp_path_factory, faces):
    folder = tmp_path_factory.mktemp("models")
    return release(network(), IDENTITY, faces, folder / "tiny.onnx", BOTH)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    path = tmp_path_factory.mktemp("plain") / "plain.onnx"
    write_onnx(network(), SPEC, path)
    return path


def node_types(path):
    return [node.op_type for node in onnx.load(str(path)).graph.node]


def test_every_variant_is_a_model_of_its_own_with_its_own_card(released):
    models, table = released
    assert [model.path.name for model in models] == ["tiny.onnx", "tiny-fp16.onnx", "tiny-int8.onnx"]
    for model, row in zip(models, table["files"], strict=True):
        card = load_model(model.path).card
        assert card.labels == FERPLUS and card.input == SPEC
        assert row["sha256"] == card.sha256 and row["bytes"] == model.path.stat().st_size
        assert row["temperature"] == card.temperature and row["milliseconds"] > 0
    assert [model.card.name for model in models] == ["tiny", "tiny-fp16", "tiny-int8"]
    assert len({model.card.sha256 for model in models}) == 3


def test_the_card_of_a_variant_says_what_it_loses_against_fp32(released):
    (reference, *variants), table = released
    assert "against_fp32" not in reference.card.metrics
    for variant in variants:
        loss = variant.card.metrics["against_fp32"]
        by_view = loss["accuracy_loss_points_by_view"]
        assert set(by_view) == {"aligned", "whole"} and loss["accuracy_loss_points"] == max(by_view.values())
        assert 0.8 <= loss["agreement"] <= 1
    assert table["int8"]["calibration_faces"] == 32
    assert variants[1].card.metrics["quantisation"]["method"] == table["int8"]["method"]


def test_variants_answer_nearly_what_fp32_answers(released, faces):
    models, _ = released
    batch = np.concatenate(quantize.calibration_batches(faces, SPEC, 32))
    logits = [open_session(model, "cpu").run(batch)[0] for model in models]
    spread = float(np.abs(logits[0]).max())
    assert np.abs(logits[1] - logits[0]).max() < 0.002 * spread
    assert np.abs(logits[2] - logits[0]).max() < 0.1 * spread


def test_a_quantised_batch_of_one_equals_a_batch_of_many(released, faces):
    models, _ = released
    batch = quantize.calibration_batches(faces, SPEC, 8)[0]
    for model in models:
        session = open_session(model, "cpu")
        alone = np.concatenate([session.run(batch[row : row + 1])[0] for row in range(len(batch))])
        assert np.array_equal(alone, session.run(batch)[0])


def test_half_weights_are_stored_in_half_the_bytes_and_widened_when_loaded(plain, tmp_path):
    quantize.halve_weights(plain, tmp_path / "half.onnx")
    kinds = {
        tensor.data_type
        for tensor in onnx.load(str(tmp_path / "half.onnx")).graph.initializer
        if len(tensor.dims) > 1 and tensor.dims[0] > 1
    }
    assert kinds == {onnx.TensorProto.FLOAT16}
    assert (tmp_path / "half.onnx").stat().st_size < 0.75 * plain.stat().st_size
    assert "Cast" in node_types(tmp_path / "half.onnx")


def test_a_weight_that_float16_cannot_hold_is_refused(plain, tmp_path):
    model = onnx.load(str(plain))
    tensor = next(tensor for tensor in model.graph.initializer if len(tensor.dims) == 4)
    values = onnx.numpy_helper.to_array(tensor).copy()
    values.flat[0] = 7e4
    tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
    onnx.save(model, str(tmp_path / "large.onnx"))
    with pytest.raises(ModelError, match=r"beyond float16's 65504"):
        quantize.halve_weights(tmp_path / "large.onnx", tmp_path / "half.onnx")
    assert not (tmp_path / "half.onnx").exists()


@pytest.mark.parametrize("method", quantize.METHODS)
def test_each_way_of_calibrating_gives_a_network_in_eight_bits(plain, tmp_path, faces, method, capsys):
    batches = quantize.calibration_batches(faces, SPEC, 16)
    target = tmp_path / "int8.onnx"
    quantize.quantise(plain, target, batches, quantize.Plan(method))
    quantize.quantise(plain, tmp_path / "ends.onnx", batches, quantize.Plan(method, ends_in_float=True))
    assert node_types(target).count("DequantizeLinear") > node_types(tmp_path / "ends.onnx").count("DequantizeLinear")
    weights = [t for t in onnx.load(str(target)).graph.initializer if t.data_type == onnx.TensorProto.INT8]
    largest = max(np.abs(onnx.numpy_helper.to_array(t).astype(int)).max() for t in weights if len(t.dims) == 4)
    # seven bits, so that no processor's sums overflow
    assert 32 < largest <= 64
    assert capsys.readouterr().out == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ends.onnx", "int8.onnx"]


def test_quantising_twice_gives_the_same_bytes(plain, tmp_path, faces):
    batches = quantize.calibration_batches(faces, SPEC, 16)
    for name in ("one.onnx", "two.onnx"):
        quantize.quantise(plain, tmp_path / name, batches, quantize.Plan("percentile"))
    assert (tmp_path / "one.onnx").read_bytes() == (tmp_path / "two.onnx").read_bytes()


def test_the_plan_that_does_best_on_validation_is_kept(plain, tmp_path, faces):
    batches = quantize.calibration_batches(faces, SPEC, 16)
    scores = iter([0.5, 0.7, 0.6, 0.7])
    seen = []

    def judge(path):
        seen.append(path.read_bytes())
        return next(scores)

    plan, tried = quantize.choose(plain, tmp_path / "int8.onnx", batches, judge)
    assert plan == quantize.Plan("percentile")
    assert [each["validation_accuracy"] for each in tried] == [0.5, 0.7, 0.6, 0.7]
    assert (tmp_path / "int8.onnx").read_bytes() == seen[1]
    assert [path.name for path in tmp_path.iterdir()] == ["int8.onnx"]


def test_calibration_sees_training_faces_only_and_the_same_ones_each_time(faces):
    once, again = (np.concatenate(quantize.calibration_batches(faces, SPEC, 20)) for _ in range(2))
    assert np.array_equal(once, again) and len(once) == 20
    training = [image for view in (faces.whole, faces.aligned) for image in view[faces.split == 0]]
    known = {quantize.pixels.to_tensor([image], SPEC).tobytes() for image in training}
    assert all(image[None].tobytes() in known for image in once)


def test_int8_without_training_faces_is_refused_and_nothing_is_written(tmp_path, faces):
    held_out = dataclasses.replace(faces, split=np.where(faces.split == 0, 1, faces.split).astype(np.uint8))
    with pytest.raises(ConfigError, match="no training faces; INT8 is calibrated on them"):
        release(network(), IDENTITY, held_out, tmp_path / "tiny.onnx", BOTH)
    assert list(tmp_path.iterdir()) == []


def test_a_new_export_replaces_an_old_one_whole(tmp_path, faces):
    before, _ = release(network(), IDENTITY, faces, tmp_path / "tiny.onnx")
    after, _ = release(network(seed=1), IDENTITY, faces, tmp_path / "tiny.onnx")
    assert before[0].card.sha256 != after[0].card.sha256 == load_model(tmp_path / "tiny.onnx").card.sha256
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny.json", "tiny.onnx"]


@contextlib.contextmanager
def small_disk(room):
    """No file may grow beyond `room` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


# room for nothing at all, for less than FP16 needs, for less than FP32 needs
@pytest.mark.parametrize("room", [200, 12_000, 20_000])
def test_a_full_disk_leaves_the_old_files_as_they_were(tmp_path, faces, room):
    release(network(), IDENTITY, faces, tmp_path / "tiny.onnx", BOTH)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with small_disk(room), pytest.raises(MoodlineError, match=r"cannot be written .*the files of before are as they"):
        release(network(seed=1), IDENTITY, faces, tmp_path / "tiny.onnx", BOTH)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_crash_between_network_and_card_leaves_a_pair_that_is_refused(tmp_path, faces):
    release(network(), IDENTITY, faces, tmp_path / "tiny.onnx")
    (model,), _ = release(network(seed=1), IDENTITY, faces, tmp_path / "new" / "tiny.onnx")
    model.path.replace(tmp_path / "tiny.onnx")
    assert card_path(tmp_path / "tiny.onnx").is_file()
    with pytest.raises(ModelError, match="is not the file its card describes"):
        load_model(tmp_path / "tiny.onnx")
