"""Searching for settings: the search file, the study on disk, and going on after being killed."""

import contextlib
import csv
import json
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from engine.errors import ConfigError, MoodlineError
from tests.trainer.support import invented_set
from trainer.cli import run as command_line
from trainer.config import load_config
from trainer.faceset import open_faces
from trainer.searchspace import load_space
from trainer.tune import Tuning

SEARCH = """
base: base.yaml
epochs: 2
search:
  learning_rate: {kind: log, low: 0.01, high: 0.2}
  warmup_epochs: {kind: int, low: 0, high: 1}
  augment.cutout: {kind: uniform, low: 0.0, high: 0.3}
  batch_size: {kind: choice, values: [16, 32]}
"""


@pytest.fixture
def search(tmp_path, recipe):
    (tmp_path / "base.yaml").write_text(recipe.to_yaml())
    (tmp_path / "tune.yaml").write_text(SEARCH)
    return tmp_path / "tune.yaml"


def tuned(search, faces, folder, trials, **options):
    tuning = Tuning(load_space(search), faces, folder)
    try:
        return tuning.run(trials, **options)
    finally:
        tuning.close()


def rows(folder):
    return [json.loads(line) for line in (folder / "trials.jsonl").read_text().splitlines()]


def test_values_go_into_the_recipe_also_inside_groups(search, recipe):
    made = load_space(search).recipe({"augment.cutout": 0.1, "batch_size": 32}, epochs=2)
    assert made == replace(recipe, batch_size=32, epochs=2, augment=replace(recipe.augment, cutout=0.1))


def test_the_best_recipe_is_complete_and_has_the_epochs_of_the_base(search, faces, recipe, tmp_path):
    best = tuned(search, faces, tmp_path / "study", 3)
    made = load_config(tmp_path / "study" / "best.yaml")
    assert made.epochs == recipe.epochs == 4
    assert made.learning_rate == best.params["learning_rate"]
    assert made.augment.cutout == best.params["augment.cutout"]
    assert best.value == max(row["value"] for row in rows(tmp_path / "study") if row["state"] == "complete")
    with (tmp_path / "study" / "trials.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [row["number"] for row in table] == ["0", "1", "2"]
    assert all(float(row["learning_rate"]) > 0 for row in table)


def test_a_study_goes_on_to_more_trials(search, faces, tmp_path):
    tuned(search, faces, tmp_path / "study", 1)
    said = []
    tuned(search, faces, tmp_path / "study", 2, say=said.append)
    assert len(said) == 1 and said[0].startswith("trial 1: ")
    tuned(search, faces, tmp_path / "study", 2, say=said.append)
    assert len(said) == 1


def test_the_objective_may_be_macro_f1(search, faces, tmp_path):
    search.write_text(SEARCH + "objective: macro-f1\n")
    best = tuned(search, faces, tmp_path / "study", 1)
    assert 0 <= best.value < 1
    assert best.value != rows(tmp_path / "study")[0]["validation_accuracy"][-1]


def test_a_trial_worse_than_the_median_is_stopped(search, tmp_path):
    search.write_text(
        "base: base.yaml\nepochs: 12\npatient_trials: 1\npatient_epochs: 1\n"
        "search:\n  learning_rate: {kind: choice, values: [0.05, 1.0e-9]}\n"
    )
    tuning = Tuning(load_space(search), invented_set(144), tmp_path / "study")
    try:
        for rate in (0.05, 1e-9):
            tuning.study.enqueue_trial({"learning_rate": rate})
        tuning.run(2)
    finally:
        tuning.close()
    assert [row["state"] for row in rows(tmp_path / "study")] == ["complete", "pruned"]
    assert rows(tmp_path / "study")[1]["epochs"] < 12


def test_a_trial_whose_loss_is_no_number_fails_and_the_study_goes_on(search, faces, tmp_path):
    search.write_text("base: base.yaml\nepochs: 1\nsearch:\n  learning_rate: {kind: choice, values: [1.0e+30, 0.05]}\n")
    tuning = Tuning(load_space(search), faces, tmp_path / "study")
    try:
        tuning.study.enqueue_trial({"learning_rate": 1e30})
        with pytest.raises(MoodlineError, match="no trial came to its end"):
            tuning.run(1)
        tuning.study.enqueue_trial({"learning_rate": 0.05})
        tuning.run(2)
    finally:
        tuning.close()
    first, second = rows(tmp_path / "study")
    assert (first["state"], second["state"]) == ("fail", "complete")
    assert "the loss is" in first["reason"]


def test_an_interrupted_trial_is_taken_up_first_with_its_settings(search, faces, tmp_path):
    def interrupt(batches, _count, what):
        if what.startswith("epoch 2/"):
            raise KeyboardInterrupt
        return iter(batches)

    with pytest.raises(KeyboardInterrupt):
        tuned(search, faces, tmp_path / "study", 2, watch=interrupt)
    begun = (tmp_path / "study" / "trial-000" / "config.yaml").read_text()
    tuned(search, faces, tmp_path / "study", 2)
    taken_up, other = rows(tmp_path / "study")
    assert taken_up["folder"] == "trial-000" and taken_up["epochs"] == 2
    assert (tmp_path / "study" / "trial-000" / "config.yaml").read_text() == begun
    assert len((tmp_path / "study" / "trial-000" / "history.jsonl").read_text().splitlines()) == 2
    assert other["folder"] != "trial-000"


@pytest.mark.timeout(400)
def test_a_study_that_was_killed_goes_on(search, data, recipe, tmp_path):
    (tmp_path / "base.yaml").write_text(replace(recipe, patience=99).to_yaml())
    study = tmp_path / "study"
    search.write_text(SEARCH.replace("epochs: 2", "epochs: 30"))
    command = ["tune", str(search), "--data", str(data), "--study", str(study), "--trials", "1"]
    code = "import sys; from trainer.cli import run; sys.exit(run(sys.argv[1:]))"
    process = subprocess.Popen([sys.executable, "-c", code, *command], cwd=Path(__file__).parents[2])
    history = study / "trial-000" / "history.jsonl"
    until = time.monotonic() + 240
    try:
        while not (history.is_file() and history.read_text().count("\n") >= 2) and time.monotonic() < until:
            with contextlib.suppress(subprocess.TimeoutExpired):
                raise AssertionError(f"ended with {process.wait(0.02)}")
    finally:
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    assert history.is_file(), "no two epochs in time"
    done = history.read_text().splitlines()[:2]
    assert not (study / "best.yaml").exists()
    tuned(search, open_faces(data), study, 1)
    assert [(row["folder"], row["state"], row["epochs"]) for row in rows(study)] == [("trial-000", "complete", 30)]
    assert history.read_text().splitlines()[:2] == done
    assert len(history.read_text().splitlines()) == 30
    assert len(rows(study)[0]["validation_accuracy"]) == 30


@pytest.mark.parametrize(
    "change, message",
    [
        (("high: 0.2", "high: 0.4"), "was begun with another search"),
        (("epochs: 2", "epochs: 3"), "was begun with another epochs"),
        (("epochs: 2", "epochs: 2\nobjective: macro-f1"), "was begun with another objective"),
    ],
)
def test_a_study_of_another_search_is_refused(search, faces, tmp_path, change, message):
    tuned(search, faces, tmp_path / "study", 1)
    search.write_text(SEARCH.replace(*change))
    with pytest.raises(ConfigError, match=message):
        Tuning(load_space(search), faces, tmp_path / "study")


def test_a_study_of_another_recipe_or_other_data_is_refused(search, faces, recipe, tmp_path):
    Tuning(load_space(search), faces, tmp_path / "study").close()
    with pytest.raises(ConfigError, match="was begun with another data"):
        Tuning(load_space(search), replace(faces, whole=255 - faces.whole), tmp_path / "study")
    (tmp_path / "base.yaml").write_text(replace(recipe, seed=9).to_yaml())
    with pytest.raises(ConfigError, match="was begun with another recipe"):
        Tuning(load_space(search), faces, tmp_path / "study")


def test_what_is_new_in_a_study_is_named_with_both_values(search, faces, recipe, tmp_path):
    Tuning(load_space(search), faces, tmp_path / "study").close()
    changed = replace(recipe, seed=9, augment=replace(recipe.augment, turn=5))
    (tmp_path / "base.yaml").write_text(changed.to_yaml())
    with pytest.raises(ConfigError, match=r"recipe \(augment.turn: 2.0 there, 5.0 here; seed: 3 there, 9 here\);"):
        Tuning(load_space(search), faces, tmp_path / "study")
    (tmp_path / "base.yaml").write_text(recipe.to_yaml())
    search.write_text(SEARCH.replace("epochs: 2", "epochs: 3").replace("high: 0.3", "high: 0.2"))
    wanted = r"search \(augment.cutout.high: 0.3 there, 0.2 here\), epochs \(2 there, 3 here\); choose a new --study"
    with pytest.raises(ConfigError, match=wanted):
        Tuning(load_space(search), faces, tmp_path / "study")


@pytest.mark.parametrize(
    "text, message",
    [
        (SEARCH + "split: test\n", "split test: the test split is for the final number only"),
        (SEARCH + "split: train\n", "split train: expected validation"),
        ("base: base.yaml\nepochs: 2\n", "name at least one key"),
        (SEARCH.replace("base.yaml", "none.yaml"), "cannot be read"),
        (SEARCH.replace("augment.cutout", "augment.cutuot"), "no key 'augment.cutuot'"),
        (SEARCH.replace("augment.cutout", "nets.cutout"), "no group 'nets'"),
        (SEARCH.replace("high: 0.3", "high: 1.3"), "search.augment.cutout: 1.3 does not go into the recipe"),
        (SEARCH.replace("low: 0.01", "low: 0"), "log needs low above 0"),
        (SEARCH.replace("low: 0.01", "low: 1"), "needs low below high"),
        (SEARCH.replace("[16, 32]", "[16]"), "two or more values"),
        (SEARCH.replace("high: 1}", "high: 1.5}"), "whole numbers"),
        (SEARCH.replace("kind: log", "kind: bent"), "search.learning_rate.kind"),
        (SEARCH + "trails: 3\n", "trails"),
    ],
)
def test_a_wrong_search_file_is_refused(search, text, message):
    search.write_text(text)
    with pytest.raises(ConfigError, match=message.replace(".", r"\.")):
        load_space(search)


@pytest.mark.parametrize(
    "extra, message",
    [
        (["--split", "test"], "--split test: the test split is for the final number only"),
        (["--split", "train"], "--split train: expected validation"),
        (["--trials", "0"], "--trials 0: expected 1 or more"),
    ],
)
def test_tuning_on_the_test_split_is_refused(search, data, tmp_path, capsys, extra, message):
    arguments = ["tune", str(search), "--data", str(data), "--study", str(tmp_path / "study"), *extra]
    assert command_line(arguments) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "study").exists()


def test_the_command_tells_where_the_best_recipe_is(search, data, tmp_path, capsys):
    arguments = ["tune", str(search), "--data", str(data), "--study", str(tmp_path / "study"), "--trials", "1"]
    assert command_line(arguments) == 0
    said = capsys.readouterr().out
    assert "trial 0: " in said and "best of 1: trial 0" in said and "best.yaml" in said
    # The last line may be typed in as it stands.
    program, *typed = shlex.split(said.strip().splitlines()[-1])
    assert program == "moodline-train" and command_line(typed) == 0


def test_the_shipped_search_fits_its_recipe():
    assert load_space(Path(__file__).parents[2] / "configs" / "trainer" / "tune.yaml").config.objective == "accuracy"
