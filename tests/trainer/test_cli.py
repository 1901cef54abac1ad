"""The command line: what it prints, and its exit codes."""

import json

import pytest
import yaml

from trainer import cli, preprocess

COMMANDS = ("prepare", "fit", "evaluate", "export")


@pytest.fixture
def files(tmp_path, packed, recipe):
    preprocess.save(packed, tmp_path / "data.npz")
    settings = yaml.safe_load(recipe.to_yaml()) | {"epochs": 1}
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(settings))
    return tmp_path


def call(*arguments):
    return cli.run([str(argument) for argument in arguments])


@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS)])
def test_help_shows_an_example(command, capsys):
    assert call(*command, "--help") == 0
    assert "moodline-train prepare" in capsys.readouterr().out or command


def test_from_recipe_to_measured_model(files, capsys):
    model = files / "tiny.onnx"
    data = ("--data", files / "data.npz")
    assert call("fit", files / "recipe.yaml", *data, "--run", files / "run") == 0
    assert "1 epochs" in capsys.readouterr().out
    assert call("export", files / "run", *data, "--out", model) == 0
    exported = capsys.readouterr().out
    assert call("evaluate", model, *data) == 0
    measured = capsys.readouterr().out
    assert exported.splitlines()[1:] == measured.splitlines()[1:]
    assert call("evaluate", model, *data, "--split", "validation", "--json") == 0
    metrics = json.loads(capsys.readouterr().out)
    assert metrics["split"] == "validation" and len(metrics["sha256"]) == 64


def test_one_command_fits_and_exports(files, capsys):
    arguments = ("fit", files / "recipe.yaml", "--data", files / "data.npz", "--run", files / "run")
    assert call(*arguments, "--export", files / "tiny.onnx") == 0
    assert "test, aligned, majority: accuracy" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        # no such command
        (("train",), "No such command"),
        # an option left out
        (("fit", "recipe.yaml", "--run", "run"), "--data"),
        # a file that is not there
        (("fit", "none.yaml", "--data", "{}/data.npz", "--run", "run"), "none.yaml"),
        (("fit", "{}/recipe.yaml", "--data", "none.npz", "--run", "run"), "none.npz"),
        # not an ONNX name
        (("export", "run", "--data", "{}/data.npz", "--out", "model.pt"), "must end in .onnx"),
        # a folder without data
        (("prepare", "{}", "--landmarks", "x.onnx", "--out", "x.npz"), "neither labels.npz"),
    ],
)
def test_wrong_arguments_end_with_2_and_one_line(files, arguments, message, capsys):
    assert call(*(argument.format(files) for argument in arguments)) == 2
    shown = capsys.readouterr().err
    assert message in shown
    assert len(shown.splitlines()) == 1 and "Traceback" not in shown


def test_a_model_that_cannot_be_used_ends_with_1(files, capsys):
    assert call("evaluate", files / "none.onnx", "--data", files / "data.npz") == 1
    assert "does not exist" in capsys.readouterr().err


def test_debug_lets_the_error_through(files):
    with pytest.raises(Exception, match="does not exist"):
        call("--debug", "evaluate", files / "none.onnx", "--data", files / "data.npz")


def test_an_interruption_ends_with_130_and_the_run_goes_on_later(files, monkeypatch, capsys):
    arguments = ("fit", files / "recipe.yaml", "--data", files / "data.npz", "--run", files / "run")

    def interrupted(batches, count, what):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("trainer.commands.fit._watched", interrupted)
        assert call(*arguments) == 130
    assert call(*arguments) == 0
