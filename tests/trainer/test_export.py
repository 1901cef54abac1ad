"""Export: the ONNX file says what the network says, or it is not written."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from engine.datarights import DataSource
from engine.errors import ConfigError, ModelError
from engine.modelcard import card_path, load_model
from engine.sessions import open_session
from tests.trainer.support import invented_set
from trainer import cli, faceset
from trainer.batches import examples
from trainer.card import Identity
from trainer.config import TrainConfig
from trainer.convnet import ConvNet
from trainer.export import Mirrored
from trainer.fit import Fit
from trainer.labels import FER2013, FERPLUS
from trainer.nets import NETS
from trainer.release import Options, release, release_run
from trainer.rights import Origin

SPEC = TrainConfig(name="tiny", net="tiny").input
IDENTITY = Identity("tiny", "1", FERPLUS, SPEC)
BATCH = np.random.default_rng(0).normal(size=(5, 1, 48, 48)).astype(np.float32)


class Pixelwise(nn.Module):
    """Gives logits that differ from pass to pass: what no file can repeat."""

    def __init__(self, net):
        super().__init__()
        self.net, self.passes = net, 0

    def forward(self, batch):
        self.passes += 1
        return self.net(batch) + self.passes


@pytest.fixture(scope="module")
def faces():
    return invented_set()


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return NETS["tiny"](1, len(FERPLUS)).eval()


@pytest.fixture(scope="module")
def finished(tmp_path_factory, faces):
    """A run of two epochs on both label sets, and no more."""
    folder = tmp_path_factory.mktemp("runs") / "both"
    config = TrainConfig(
        name="tiny", net="tiny", labels=("ferplus", "fer2013"), epochs=2, batch_size=32, threads=1, device="cpu"
    )
    facts = {"data": faceset.manifest(faces), "command": "moodline-train fit"}
    Fit(config, examples(faces, config), folder, facts).run()
    return folder


@pytest.fixture
def run(tmp_path, finished):
    return shutil.copytree(finished, tmp_path / "run")


def torch_says(net, batch=BATCH):
    with torch.no_grad():
        return net(torch.from_numpy(batch)).numpy()


def test_an_exported_run_loads_with_its_card_and_says_what_pytorch_says(tmp_path, run, faces):
    release_run(run, faces, tmp_path / "models" / "emotion.onnx")
    model = load_model(tmp_path / "models" / "emotion.onnx")
    card = model.card
    assert (card.name, card.version, card.task, card.layout) == ("emotion", "1", "emotion", "logits")
    assert (card.alignment, card.licence, card.labels) == ("arcface-112", "Apache-2.0", FERPLUS)
    assert card.input == SPEC
    (logits,) = open_session(model, "cpu").run(BATCH)
    assert np.abs(logits - torch_says(ConvNet.open(run).net)).max() < 1e-4


def test_the_card_says_what_the_model_saw_and_what_it_is_worth(tmp_path, run, faces):
    (model,), table = release_run(run, faces, tmp_path / "emotion.onnx")
    facts, scores = model.card.data, model.card.metrics
    assert facts["sha256"] == faceset.manifest(faces)["sha256"] and "measured_on" not in facts
    assert (facts["training_images"], facts["epochs"], facts["recipe"]) == (64, 2, "tiny")
    assert (facts["label_set"], facts["sources"]) == ("ferplus", "invented stripes: none")
    assert scores["split"] == "test" and scores["views"]["aligned"]["majority"]["images"] == 16
    assert 0 <= scores["onnx_against_torch"] <= 1e-3
    assert json.loads((run / "export.json").read_text()) == table
    assert [row["file"] for row in table["files"]] == ["emotion.onnx"]


def test_one_label_set_of_a_run_that_learned_two_is_exported(tmp_path, run, faces):
    (model,), table = release_run(run, faces, tmp_path / "emotion.onnx", label_set="fer2013")
    assert model.card.labels == FER2013 and model.card.data["label_set"] == "fer2013"
    assert table["files"][0]["truth"] == "label"
    (logits,) = open_session(model, "cpu").run(BATCH)
    assert logits.shape == (5, 7)


def test_data_other_than_the_run_saw_is_named_in_the_card(tmp_path, run):
    other = invented_set(seed=5)
    (model,), _ = release_run(run, other, tmp_path / "emotion.onnx")
    assert model.card.data["measured_on"] == faceset.manifest(other)["sha256"] != model.card.data["sha256"]


def test_every_file_of_an_export_says_whose_data_it_learned(tmp_path, run, faces):
    """As the data folder says it now, which may be more than it said when the run began; and what was added by hand."""
    teacher = DataSource("a net", "distilled from", "MIT", "unknown")
    cleared = replace(faces, origin=Origin("invented stripes", "CC0", commercial="cleared"))
    models, _ = release_run(run, cleared, tmp_path / "emotion.onnx", Options(fp16=True), stated=[teacher])
    stripes = DataSource("invented stripes", "trained on", "CC0", "cleared")
    assert [load_model(model.path).card.data_rights for model in models] == [(stripes, teacher)] * 2


def test_other_data_than_the_run_learned_is_named_as_measured_on(tmp_path, run):
    other = replace(invented_set(seed=5), origin=Origin("dots", "research only", commercial="not cleared"))
    (model,), _ = release_run(run, other, tmp_path / "emotion.onnx")
    assert [(each.name, each.use) for each in model.card.data_rights] == [
        ("invented stripes", "trained on"),
        ("dots", "measured on"),
    ]
    assert model.card.commercial == "unknown" and model.card.data["sources"] == "invented stripes: none"


def test_the_network_has_named_ends_and_a_batch_of_one_equals_a_batch_of_many(tmp_path, net, faces):
    (model,), _ = release(net, IDENTITY, faces, tmp_path / "tiny.onnx")
    session = open_session(model, "cpu")
    assert [end.name for end in session.native.get_inputs()] == ["input"]
    assert [end.name for end in session.native.get_outputs()] == ["logits"]
    (together,) = session.run(BATCH)
    assert together.dtype == np.float32
    for row in range(len(BATCH)):
        assert np.array_equal(session.run(BATCH[row : row + 1])[0], together[row : row + 1])


def test_a_mirrored_model_averages_a_face_and_its_mirror_image(tmp_path, net, faces):
    (model,), table = release(net, IDENTITY, faces, tmp_path / "tiny.onnx", Options(mirror=True))
    by_hand = (torch_says(net) + torch_says(net, BATCH[..., ::-1].copy())) / 2
    (logits,) = open_session(model, "cpu").run(BATCH)
    assert np.abs(logits - by_hand).max() < 1e-5
    assert np.abs(torch_says(Mirrored(net)) - by_hand).max() < 1e-5
    assert np.abs(torch_says(net) - by_hand).max() > 1e-3
    assert table["mirror"] is True and model.card.metrics["mirror"] is True


def test_a_network_that_onnx_gets_wrong_is_not_written(tmp_path, net, faces):
    with pytest.raises(ModelError, match=r"differ by .* 0\.001 is allowed"):
        release(Pixelwise(net), IDENTITY, faces, tmp_path / "tiny.onnx")
    assert list(tmp_path.iterdir()) == []


def test_logits_that_are_no_numbers_are_a_disagreement(tmp_path, faces):
    broken = NETS["tiny"](1, len(FERPLUS)).eval()
    nn.init.constant_(broken[-1].weight, float("nan"))
    with pytest.raises(ModelError, match="differ by nan"):
        release(broken, IDENTITY, faces, tmp_path / "tiny.onnx")
    assert list(tmp_path.iterdir()) == []


def test_labels_that_the_data_does_not_have_are_refused(tmp_path, net, faces):
    with pytest.raises(ConfigError, match=r"has no label set glad, sad .*it has ferplus: neutral"):
        release(net, Identity("tiny", "1", ("glad", "sad"), SPEC), faces, tmp_path / "tiny.onnx")


def test_a_name_that_is_not_onnx_is_refused_before_any_work(tmp_path, net, faces):
    with pytest.raises(ConfigError, match=r"tiny\.pt' must end in \.onnx"):
        release(net, IDENTITY, faces, tmp_path / "tiny.pt")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        # nothing there at all
        (lambda run: shutil.rmtree(run), r"config\.yaml"),
        # interrupted before the first epoch was done
        (lambda run: (run / "best.pt").unlink(), r"has no finished epoch \(no best\.pt\); .* --resume"),
        # a checkpoint cut short
        (lambda run: (run / "best.pt").write_bytes((run / "best.pt").read_bytes()[:999]), r"best\.pt"),
        # the weights of another recipe
        (lambda run: torch.save(NETS["tiny"](1, 3).state_dict(), run / "best.pt"), r"best\.pt does not fit"),
        (lambda run: (run / "manifest.json").unlink(), r"manifest\.json"),
        (lambda run: (run / "manifest.json").write_text("{"), r"manifest\.json"),
        (lambda run: (run / "history.jsonl").write_text("{\n{}\n"), r"history\.jsonl, line 1: not JSON"),
    ],
)
def test_a_folder_that_is_no_whole_run_is_refused_by_name(tmp_path, run, faces, damage, message):
    damage(run)
    with pytest.raises(ConfigError, match=message):
        release_run(run, faces, tmp_path / "tiny.onnx")
    assert not (tmp_path / "tiny.onnx").exists() and not card_path(tmp_path / "tiny.onnx").exists()


def test_a_label_set_that_the_run_did_not_learn_is_refused(tmp_path, run, faces):
    with pytest.raises(ConfigError, match="learned ferplus, fer2013, not 'mine'"):
        release_run(run, faces, tmp_path / "tiny.onnx", label_set="mine")


def test_the_command_writes_all_variants_and_tells_what_each_is_worth(tmp_path, run, faces, capsys):
    faceset.save(faces, tmp_path / "data")
    arguments = ["--data", tmp_path / "data", "--out", tmp_path / "models" / "tiny.onnx", "--fp16", "--int8"]
    assert cli.run(["export", *map(str, (run, *arguments, "--labels", "fer2013", "--calibration", 8))]) == 0
    first, *rows, last = capsys.readouterr().out.splitlines()
    assert first.startswith("largest difference of a logit to PyTorch:")
    assert [row.split(":")[0].split("/")[-1] for row in rows] == ["tiny.onnx", "tiny-fp16.onnx", "tiny-int8.onnx"]
    assert last == "data: unknown (invented stripes)"
    assert "test label aligned" in rows[0] and "points lost: aligned" in rows[2] and "of FP32's time" in rows[2]
    for name in ("tiny", "tiny-fp16", "tiny-int8"):
        assert load_model(tmp_path / "models" / f"{name}.onnx").card.labels == FER2013


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("{run}", "--data", "{data}", "--out", "tiny.pt"), "tiny.pt' must end in .onnx"),
        (("{run}", "--data", "none", "--out", "tiny.onnx"), "'none' is no prepared data set"),
        (("none", "--data", "{data}", "--out", "tiny.onnx"), "none/config.yaml"),
        (("{run}", "--data", "{data}", "--out", "tiny.onnx", "--labels", "mine"), "not 'mine'"),
        (("{run}", "--data", "{data}", "--out", "tiny.onnx", "--data-rights", "no.json"), "'no.json': cannot be read"),
    ],
)
def test_wrong_arguments_end_with_2_and_one_line(tmp_path, run, faces, arguments, message, capsys):
    faceset.save(faces, tmp_path / "data")
    assert cli.run(["export", *(each.format(run=run, data=tmp_path / "data") for each in arguments)]) == 2
    said = capsys.readouterr().err
    assert message in said and len(said.splitlines()) == 1 and not (tmp_path / "tiny.onnx").exists()
