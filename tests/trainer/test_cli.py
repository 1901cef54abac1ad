"""The command line of training: what it prints, and its exit codes."""

import json

import click
import pytest
import yaml

from trainer import cli


@pytest.fixture
def files(tmp_path, data, recipe):
    settings = yaml.safe_load(recipe.to_yaml()) | {"epochs": 2}
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(settings))
    return tmp_path


def call(*arguments):
    return cli.run([str(argument) for argument in arguments])


def fit(files, *more):
    return call("fit", files / "recipe.yaml", "--data", files / "data", "--run", files / "run", *more)


@pytest.mark.parametrize("command", [(), *((name,) for name in cli.COMMANDS)])
def test_help_shows_an_example(command, capsys):
    assert call(*command, "--help") == 0
    assert f"moodline-train {command[0] if command else 'prepare'}" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["evaluate", "export", "report"])
def test_every_option_says_what_it_is_for(name):
    command = cli.cli.get_command(None, name)
    options = [each for each in command.params if isinstance(each, click.Option)]
    assert options and [each.name for each in options if not each.help] == []


def test_a_fit_says_what_it_does_and_leaves_a_whole_run_folder(files, capsys):
    assert fit(files) == 0
    shown = capsys.readouterr().out
    assert "tiny: tiny, 64 training and 16 validation images, cpu" in shown and "2 epochs, best" in shown
    names = {path.name for path in (files / "run").iterdir()}
    assert names == {
        "best.pt",
        "config.yaml",
        "cost.json",
        "history.jsonl",
        "last.pt",
        "manifest.json",
        "tensorboard",
    }
    manifest = json.loads((files / "run" / "manifest.json").read_text())
    assert manifest["command"].startswith("moodline-train fit ") and len(manifest["data"]["sha256"]) == 64
    assert json.loads((files / "run" / "cost.json").read_text())["epochs"] == 2


def test_tensorboard_can_read_the_curves(files):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert fit(files) == 0
    events = EventAccumulator(str(files / "run" / "tensorboard")).Reload()
    assert [point.step for point in events.Scalars("validation_accuracy")] == [1, 2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        # no such command
        (("train",), "No such command"),
        # an option left out
        (("fit", "recipe.yaml", "--run", "run"), "--data"),
        # a file that is not there
        (("fit", "none.yaml", "--data", "{}/data", "--run", "run"), "none.yaml"),
        (("fit", "{}/recipe.yaml", "--data", "none", "--run", "run"), "'none' is no prepared data set"),
        # nothing to go on with
        (("fit", "{}/recipe.yaml", "--data", "{}/data", "--run", "{}/empty", "--resume"), "no run to go on with"),
        # a folder that holds something else
        (("fit", "{}/recipe.yaml", "--data", "{}/data", "--run", "{}/data"), "holds files; choose another folder"),
    ],
)
def test_wrong_arguments_end_with_2_and_one_line(files, arguments, message, capsys):
    assert call(*(argument.format(files) for argument in arguments)) == 2
    shown = capsys.readouterr().err
    assert message in shown
    assert len(shown.splitlines()) == 1 and "Traceback" not in shown


def test_a_run_folder_that_exists_is_not_written_over(files, capsys):
    assert fit(files) == 0
    before = (files / "run" / "best.pt").read_bytes()
    assert fit(files) == 2
    assert "holds a run with 2 of 2 epochs done; go on with --resume, or choose" in capsys.readouterr().err
    assert (files / "run" / "best.pt").read_bytes() == before


def test_a_run_is_resumed_with_its_own_recipe_only(files, capsys):
    assert fit(files) == 0
    assert fit(files, "--resume") == 0
    assert json.loads((files / "run" / "cost.json").read_text())["epochs"] == 2
    text = (files / "recipe.yaml").read_text().replace("learning_rate: 0.05", "learning_rate: 0.2")
    (files / "recipe.yaml").write_text(text)
    assert fit(files, "--resume") == 2
    assert "begun with another recipe (learning_rate: 0.05 there, 0.2 here)" in capsys.readouterr().err


def test_debug_lets_the_error_through(files):
    with pytest.raises(Exception, match="no prepared data set"):
        call("--debug", "fit", files / "recipe.yaml", "--data", "none", "--run", "run")


def test_an_interruption_ends_with_130_and_the_run_goes_on_later(files, monkeypatch):
    def interrupted(batches, count, what):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("trainer.commands.fit.watched", interrupted)
        assert fit(files) == 130
    assert not (files / "run" / "last.pt").exists()
    assert fit(files, "--resume") == 0
