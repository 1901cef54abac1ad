"""Export: the ONNX file says what the network says, and its card says what the file is."""

import dataclasses

import numpy as np
import pytest
import torch

from engine.errors import ConfigError, ModelError
from engine.modelcard import card_path, load_model
from engine.sessions import open_session
from trainer import export as exporting
from trainer.data import LABELS
from trainer.export import disagreement, export, predictor, trained, write_onnx
from trainer.fit import Fit, build


@pytest.fixture
def run(tmp_path, packed, recipe):
    Fit(dataclasses.replace(recipe, epochs=2), packed, tmp_path / "run").run()
    return tmp_path / "run"


def test_an_exported_model_loads_with_its_card_and_agrees_with_torch(tmp_path, run, packed, recipe):
    export(run, packed, tmp_path / "models" / "tiny.onnx")
    model = load_model(tmp_path / "models" / "tiny.onnx")
    card = model.card
    assert (card.name, card.task, card.layout) == ("tiny", "emotion", "logits")
    assert (card.alignment, card.licence) == ("arcface-112", "Apache-2.0")
    assert card.labels == LABELS
    assert card.input == recipe.input
    assert card.metrics["views"]["aligned"]["majority"]["images"] == 16
    assert card.data["training_images"] == 64
    batch = np.random.default_rng(0).normal(size=(5, 1, 48, 48)).astype(np.float32)
    assert disagreement(trained(run, recipe), predictor(model), batch) < 1e-4


def test_the_network_has_named_ends_and_takes_any_batch(tmp_path, run, packed):
    session = open_session(export(run, packed, tmp_path / "tiny.onnx"), "cpu")
    assert [end.name for end in session.native.get_inputs()] == ["input"]
    assert [end.name for end in session.native.get_outputs()] == ["logits"]
    for count in (1, 7):
        (logits,) = session.run(np.zeros((count, 1, 48, 48), np.float32))
        assert logits.shape == (count, 8) and logits.dtype == np.float32


def test_a_network_that_onnx_gets_wrong_is_not_written(tmp_path, run, packed, monkeypatch):
    def write_another(net, config, path):
        torch.manual_seed(99)
        write_onnx(build(config).eval(), config, path)

    monkeypatch.setattr(exporting, "write_onnx", write_another)
    with pytest.raises(ModelError, match="differ by"):
        export(run, packed, tmp_path / "tiny.onnx")
    assert not (tmp_path / "tiny.onnx").exists()
    assert not card_path(tmp_path / "tiny.onnx").exists()


def test_a_folder_that_is_no_run_is_refused(tmp_path, packed):
    with pytest.raises(ConfigError, match=r"config\.yaml"):
        export(tmp_path, packed, tmp_path / "tiny.onnx")
