"""Recipes: what is wrong is named."""

from pathlib import Path

import pytest
import torch

from engine.errors import ConfigError
from trainer.config import TrainConfig, load_config, parse_config
from trainer.nets import NETS, SMALLEST
from trainer.recipes import read_yaml

SHIPPED = Path(__file__).resolve().parents[2] / "configs" / "trainer"


RECIPES = [path for path in sorted(SHIPPED.rglob("*.yaml")) if "net" in read_yaml(path)]


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.name)
def test_every_shipped_recipe_loads_and_survives_writing(path, tmp_path):
    config = load_config(path)
    (tmp_path / "again.yaml").write_text(config.to_yaml())
    assert load_config(tmp_path / "again.yaml") == config


@pytest.mark.parametrize(
    ("change", "message"),
    [
        # a key nobody knows
        ({"epoch": 3}, "here: epoch"),
        # inside the augmentation too
        ({"augment": {"tilt": 3}}, "here: augment.tilt"),
        # out of range
        ({"epochs": 0}, "here: epochs"),
        # networks halve the size four times
        ({"size": 44}, "here: size.*16"),
        # not a number
        ({"learning_rate": "fast"}, "here: learning_rate"),
        # the first epochs are the smaller ones
        ({"size": 32, "first_size": 48}, "first_size 48 is larger than size 32"),
        # a network that is not in the table
        ({"net": "resnet-9000"}, "resnet-9000.*tiny"),
    ],
)
def test_a_wrong_setting_is_named(change, message):
    with pytest.raises(ConfigError, match=message):
        parse_config({"name": "test", "net": "tiny", **change}, "here")


def test_what_a_setting_says_is_wrong_comes_without_words_of_the_library():
    with pytest.raises(ConfigError) as caught:
        parse_config({"name": "test", "net": "tiny", "size": 32, "first_size": 48}, "here")
    assert str(caught.value).startswith("here: first_size 48 is larger than size 32")


def test_every_problem_gets_its_line():
    with pytest.raises(ConfigError) as caught:
        parse_config({"name": "test", "net": "tiny", "epochs": 0, "seed": "x"}, "here")
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize("text", ["- a list", "a: [unclosed", ""])
def test_a_file_that_is_no_recipe_is_refused(tmp_path, text):
    (tmp_path / "recipe.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"recipe\.yaml"):
        load_config(tmp_path / "recipe.yaml")


def test_a_missing_recipe_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.yaml"):
        load_config(tmp_path / "none.yaml")


def test_the_input_is_gray_and_centred():
    spec = TrainConfig(name="x", net="tiny").input
    assert (spec.width, spec.height, spec.colour, spec.channels) == (48, 48, "GRAY", 1)


@pytest.mark.parametrize("name", NETS)
def test_every_net_gives_logits_for_any_batch_and_size(name):
    net = NETS[name](1, 8).eval()
    least = SMALLEST.get(name, 48)
    for count, size in ((1, least), (3, least + 16)):
        assert net(torch.zeros(count, 1, size, size)).shape == (count, 8)


def test_a_net_is_refused_faces_that_it_cannot_look_at():
    with pytest.raises(ValueError, match=r"'face-5\.6m' needs faces of at least 112 pixels"):
        TrainConfig(name="small", net="face-5.6m", size=96)
    with pytest.raises(ValueError, match=r"'face-5\.6m' needs faces of at least 112 pixels"):
        TrainConfig(name="small", net="face-5.6m", size=112, first_epochs=1, first_size=48)
