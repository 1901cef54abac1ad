"""The detector's loop learns, stops, goes on exactly, and refuses what does not belong together."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.errors import ConfigError, MoodlineError
from engine.modelcard import card_path
from engine.pixels import to_tensor
from tests.trainer.detector.scenery import scenery
from trainer.detector.config import DetectorConfig, load_config, parse_config
from trainer.detector.export import TrainedDetector, release_detector
from trainer.detector.fit import DetectorFit, network_input
from trainer.detector.pictures import PictureSet

SMALL = DetectorConfig(
    name="small",
    size=96,
    pyramid=16,
    epochs=3,
    scenes_per_epoch=16,
    batch_size=8,
    validation_scenes=8,
    warmup_epochs=0.1,
    precision="fp32",
    threads=1,
    workers=0,
)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> PictureSet:
    return scenery(tmp_path_factory.mktemp("scenery"))


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return torch.load(folder / "last.pt", weights_only=True)["average"]


def test_the_loss_falls(pictures: PictureSet, tmp_path: Path) -> None:
    config = replace(SMALL, epochs=6, scenes_per_epoch=32, batch_size=4, learning_rate=1e-2)
    result = DetectorFit(config, pictures, tmp_path / "run").run()
    lines = [json.loads(line) for line in (tmp_path / "run/history.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert lines[-1]["train_loss"] < 0.92 * lines[0]["train_loss"]
    assert result.epochs == 6
    assert result.best_loss == pytest.approx(min(line["validation_loss"] for line in lines), abs=1e-4)
    assert load_config(tmp_path / "run/config.yaml") == config


def test_a_batch_seen_again_and_again_is_learnt(pictures: PictureSet, tmp_path: Path) -> None:
    training = DetectorFit(replace(SMALL, learning_rate=1e-2, warmup_epochs=0, epochs=100), pictures, tmp_path / "run")
    torch.set_num_threads(1)
    batch = next(training._batches())
    losses = [sum(training.train_step(batch)) for _ in range(40)]
    assert losses[-1] < 0.5 * losses[0]


def test_an_interrupted_run_ends_as_if_it_had_not_been(pictures: PictureSet, tmp_path: Path) -> None:
    config = replace(SMALL, last_epochs=1)
    DetectorFit(config, pictures, tmp_path / "whole").run()

    class Stop(KeyboardInterrupt):
        pass

    def stop(line: dict[str, float]) -> None:
        if line["epoch"] == 2:
            raise Stop

    with pytest.raises(Stop):
        DetectorFit(config, pictures, tmp_path / "parts").run(on_epoch=stop)
    DetectorFit(replace(config, workers=1), pictures, tmp_path / "parts").run()
    whole, parts = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    assert len((tmp_path / "parts/history.jsonl").read_text().splitlines()) == 3


def test_a_folder_of_another_recipe_or_of_other_data_is_refused(pictures: PictureSet, tmp_path: Path) -> None:
    DetectorFit(replace(SMALL, epochs=1), pictures, tmp_path / "run").run()
    with pytest.raises(ConfigError, match=r"another recipe .*learning_rate"):
        DetectorFit(replace(SMALL, epochs=1, learning_rate=0.5), pictures, tmp_path / "run").run()
    other = scenery(tmp_path / "other", count=8)
    with pytest.raises(ConfigError, match="other data"):
        DetectorFit(replace(SMALL, epochs=1), other, tmp_path / "run").run()


def test_a_loss_that_is_no_number_ends_the_run_with_the_way_out(pictures: PictureSet, tmp_path: Path) -> None:
    with pytest.raises(MoodlineError, match="no epoch was finished; lower learning_rate"):
        DetectorFit(replace(SMALL, learning_rate=1e30, warmup_epochs=0), pictures, tmp_path / "run").run()


def test_init_begins_with_the_weights_of_another_run(pictures: PictureSet, tmp_path: Path) -> None:
    DetectorFit(replace(SMALL, epochs=1), pictures, tmp_path / "first").run()
    second = DetectorFit(replace(SMALL, epochs=1, init=str(tmp_path / "first")), pictures, tmp_path / "second")
    second._open_folder()
    first = torch.load(tmp_path / "first/best.pt", weights_only=True)
    assert all(torch.equal(value, first[name]) for name, value in second.net.state_dict().items())
    with pytest.raises(ConfigError, match="no trained detector"):
        DetectorFit(replace(SMALL, init=str(tmp_path / "none")), pictures, tmp_path / "third")
    wide = replace(SMALL, epochs=1, pyramid=32, init=str(tmp_path / "first"))
    with pytest.raises(ConfigError, match="another network"):
        DetectorFit(wide, pictures, tmp_path / "fourth").run()


def test_init_takes_up_an_exported_file_as_exactly_as_it_was(pictures: PictureSet, tmp_path: Path) -> None:
    DetectorFit(replace(SMALL, coarse="full"), pictures, tmp_path / "first").run()
    release = partial(release_detector, tmp_path / "first", pictures, judge=lambda _model: 0.0)
    release(tmp_path / "a.onnx", measure=lambda models: {model.card.name: {} for model in models})
    config = replace(SMALL, coarse="full", init=str(tmp_path / "a.onnx"))
    second = DetectorFit(config, pictures, tmp_path / "second")
    second._open_folder()
    trained = TrainedDetector.open(tmp_path / "first").net
    images = network_input(next(second._batches()).images, SMALL)
    with torch.no_grad():
        for one, other in zip(trained(images), second.average.eval()(images), strict=True):
            torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)
    # What batch normalisation knows of the activations is what was measured, so training goes on near where it ended.
    first, again = trained.levels[1][3][1][0][1], second.net.levels[1][3][1][0][1]
    assert not torch.allclose(again.running_var, torch.ones_like(again.running_var), atol=1e-2)
    assert first.running_var.shape == again.running_var.shape
    with pytest.raises(ConfigError, match="another network"):
        DetectorFit(replace(config, coarse="separable"), pictures, tmp_path / "third").run()
    card_path(tmp_path / "a.onnx").unlink()
    with pytest.raises(ConfigError, match="init: "):
        DetectorFit(config, pictures, tmp_path / "fourth").run()


def test_context_heads_of_another_kind_begin_anew_and_the_rest_goes_on(pictures: PictureSet, tmp_path: Path) -> None:
    DetectorFit(replace(SMALL, epochs=1), pictures, tmp_path / "first").run()
    config = replace(SMALL, epochs=1, coarse="full", init=str(tmp_path / "first"))
    second = DetectorFit(config, pictures, tmp_path / "second")
    second._open_folder()
    first = torch.load(tmp_path / "first/best.pt", weights_only=True)
    kept = {name for name, value in second.net.state_dict().items() if torch.equal(value, first.get(name, value + 1))}
    assert {name for name in first if not name.startswith(("context.1.", "context.2."))} <= kept
    assert all(name in kept for name in first if name.startswith("context.0."))
    assert second.net.context[1].near[0].weight.shape == (8, 16, 3, 3)


def test_training_feeds_what_the_engine_feeds() -> None:
    image = np.random.default_rng(0).integers(0, 256, (32, 48, 3)).astype(np.uint8)
    ours = network_input(torch.from_numpy(image)[None], SMALL).numpy()
    np.testing.assert_allclose(ours, to_tensor([image], SMALL.input), atol=1e-5)


def test_a_recipe_with_mistakes_names_each_of_them() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config({"name": "a", "size": 100, "scenes": {"mosaik": 1}, "backbone": "vgg"}, "recipe.yaml")
    assert [key in str(caught.value) for key in ("size", "scenes.mosaik", "backbone")] == [True] * 3
