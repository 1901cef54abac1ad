import dataclasses
import json

import numpy as np
import pytest
import torch

from engine.errors import ConfigError
from trainer import checkpoints
from trainer.averaging import average
from trainer.batches import examples
from trainer.cli import run
from trainer.config import load_config
from trainer.convnet import ConvNet
from trainer.faceset import open_faces
from trainer.fit import Fit


@pytest.fixture
def members(tmp_path, data, recipe):
    """Two short runs of different seeds that began from the same one."""
    faces = open_faces(data)
    first = dataclasses.replace(recipe, labels=("ferplus",), epochs=2)
    Fit(first, examples(faces, first), tmp_path / "first").run()
    for seed in (7, 8):
        config = dataclasses.replace(first, init=str(tmp_path / "first"), seed=seed)
        Fit(config, examples(faces, config), tmp_path / f"seed{seed}").run()
    return [tmp_path / "seed7", tmp_path / "seed8"]


def test_weights_are_the_shared_mean_and_statistics_are_measured(tmp_path, data, members):
    arguments = ["average", *map(str, members), "--data", str(data), "--run", str(tmp_path / "mean"), "--shares", "3/1"]
    assert run(arguments) == 0
    one, two, mean = (checkpoints.read(each / "best.pt") for each in (*members, tmp_path / "mean"))
    kernels = [name for name in one if name.endswith("weight")]
    for name in kernels:
        assert torch.allclose(mean[name], 0.75 * one[name] + 0.25 * two[name], atol=1e-6)
    moved = [name for name in one if name.endswith("running_mean")]
    assert any(not torch.allclose(mean[name], 0.75 * one[name] + 0.25 * two[name], atol=1e-4) for name in moved)


def test_the_mean_is_a_run_that_knows_where_it_came_from(tmp_path, data, members):
    assert run(["average", *map(str, members), "--data", str(data), "--run", str(tmp_path / "mean")]) == 0
    faces = open_faces(data)
    logits = ConvNet.open(tmp_path / "mean").logits(np.asarray(faces.aligned[:8]))
    assert logits.shape == (8, 8) and np.isfinite(logits).all()
    facts = json.loads((tmp_path / "mean" / "manifest.json").read_text())
    assert [each["run"] for each in facts["average_of"]] == [str(each) for each in members]


def test_what_cannot_be_averaged_is_refused(tmp_path, data, members, recipe, capsys):
    faces = open_faces(data)
    other = dataclasses.replace(recipe, labels=("fer2013",), epochs=1)
    Fit(other, examples(faces, other), tmp_path / "other").run()
    learned = examples(faces, load_config(members[0] / "config.yaml"))
    with pytest.raises(ConfigError, match="the data has other labels"):
        average(members, [1, 1], examples(faces, other), {}, tmp_path / "mean")
    with pytest.raises(ConfigError, match="a run is named twice"):
        average([members[0], members[0]], [1, 1], learned, {}, tmp_path / "mean")
    with pytest.raises(ConfigError, match="2 runs need as many shares"):
        average(members, [float("nan"), 1], learned, {}, tmp_path / "mean")
    with pytest.raises(ConfigError, match="learned different labels"):
        average([members[0], tmp_path / "other"], [1, 1], learned, {}, tmp_path / "mean")
    with pytest.raises(ConfigError, match="at least two runs"):
        average(members[:1], [1], learned, {}, tmp_path / "mean")
    with pytest.raises(ConfigError, match="2 runs need as many shares"):
        average(members, [1], learned, {}, tmp_path / "mean")
    assert run(["average", "nowhere", str(members[0]), "--data", str(data), "--run", str(tmp_path / "mean")]) == 2
    assert "holds no trained run" in capsys.readouterr().err
    names = [*map(str, members), "--data", str(data), "--run", str(tmp_path / "mean")]
    assert run(["average", *names, "--shares", "much/more"]) == 2
    assert not (tmp_path / "mean").exists()


def test_weights_that_are_not_numbers_are_refused(tmp_path, data, members):
    state = checkpoints.read(members[0] / "best.pt")
    name = next(name for name in state if name.endswith("weight"))
    checkpoints.write({**state, name: torch.full_like(state[name], float("nan"))}, members[0] / "best.pt")
    learned = examples(open_faces(data), load_config(members[0] / "config.yaml"))
    with pytest.raises(ConfigError, match="are not all numbers"):
        average(members, [1, 1], learned, {}, tmp_path / "mean")


def test_an_average_is_not_resumed_into_something_else(tmp_path, data, members, capsys):
    out = tmp_path / "mean"
    assert run(["average", *map(str, members), "--data", str(data), "--run", str(out)]) == 0
    before = (out / "best.pt").read_bytes()
    assert run(["fit", str(out / "config.yaml"), "--data", str(data), "--run", str(out), "--resume"]) == 2
    assert "no checkpoint to resume" in capsys.readouterr().err
    assert (out / "best.pt").read_bytes() == before
