"""Cross-validation of networks and baselines, on an invented data set."""

import json
import math
from dataclasses import replace

import click
import numpy as np
import pytest
from click.testing import CliRunner
from scipy import stats

from engine.errors import ConfigError
from tests.trainer.support import invented_set
from trainer.candidates import Candidate, baseline, network
from trainer.cli import run as command_line
from trainer.commands.compare import compare
from trainer.commands.crossval import crossval as command
from trainer.commands.tune import tune
from trainer.crossval import MOST_FOLDS, Plan, cross_validate, divided, t_interval
from trainer.models import build


def counted(name="counted", calls=None, fail_at=None):
    """A majority baseline that notes each training, and is interrupted at one of them."""
    calls = [] if calls is None else calls

    def train(faces, folder):
        if len(calls) == fail_at:
            raise KeyboardInterrupt
        calls.append(folder.name)
        answers = faces.label_set("ferplus")
        model = build("majority", answers.labels)
        rows = faces.split == 0
        model.fit(faces.aligned[rows], answers.distributions()[0][rows])
        return model

    return Candidate(name, {"model": name}, train)


def test_each_face_but_those_of_the_test_split_is_held_out_once(faces):
    parts = divided(faces, Plan(folds=4))
    held = np.sum([part.split == 2 for part in parts], axis=0)
    assert held.tolist() == [1] * 80 + [0] * 16
    for part in parts:
        assert (part.split[80:] == 3).all()
        assert {0, 1, 2} < set(part.split.tolist())


def test_folds_are_stratified(faces):
    labels = faces.label_set("ferplus").majority()
    for part in divided(faces, Plan(folds=5)):
        assert np.bincount(labels[part.split == 2], minlength=8).tolist() == [2] * 8


def test_a_person_is_on_one_side_of_each_fold(faces):
    people = replace(faces, identity=np.arange(96, dtype=np.int64) // 8)
    for part in divided(people, Plan(folds=3)):
        sides = [set(people.identity[part.split == number]) for number in range(3)]
        assert not sides[0] & sides[1] and not sides[0] & sides[2] and not sides[1] & sides[2]


def test_pictures_that_are_the_same_are_on_one_side(faces):
    whole = faces.whole.copy()
    whole[40:80] = whole[:40]
    for part in divided(replace(faces, whole=whole), Plan(folds=4)):
        assert part.split[:40].tolist() == part.split[40:80].tolist()


def test_blank_and_removed_pictures_are_in_no_fold(faces):
    whole, removed = faces.whole.copy(), faces.removed.copy()
    whole[0] = 9
    removed[1] = True
    parts = divided(replace(faces, whole=whole, removed=removed), Plan(folds=2))
    assert all(part.split[:2].tolist() == [3, 3] for part in parts)


def test_the_same_seed_draws_the_same_folds(faces):
    def drawn(seed):
        return [part.split.tolist() for part in divided(faces, Plan(folds=3, seed=seed))]

    assert drawn(1) == drawn(1) != drawn(2)


@pytest.mark.parametrize(
    "folds, message",
    [
        (11, "--folds 11: class 'neutral' has only 10 faces in training and validation; ask for 10 folds"),
        (1, "--folds 1: expected 2 to 20"),
        (MOST_FOLDS + 1, "expected 2 to 20"),
    ],
)
def test_impossible_folds_are_refused(faces, folds, message):
    with pytest.raises(ConfigError, match=message):
        divided(faces, Plan(folds=folds))


def test_near_copies_count_once_and_the_message_names_the_class(faces):
    whole = faces.whole.copy()
    sad = np.flatnonzero(faces.label_set("ferplus").majority()[:80] == 3)
    for count, message in ((10, "1 face in"), (9, "2 faces in")):
        whole[sad[:count]] = whole[sad[0]]
        with pytest.raises(ConfigError) as refused:
            divided(replace(faces, whole=whole), Plan(folds=3))
        assert f"class 'sadness' has only {message} training and validation (near-copies count once)" in str(
            refused.value
        )
        whole = faces.whole.copy()


def test_a_set_without_labels_is_refused(faces):
    with pytest.raises(ConfigError, match="hold no face with a label"):
        divided(replace(faces, split=np.full(96, 2, np.uint8)), Plan(folds=2))


@pytest.mark.parametrize("count", [2, 3, 5, 10, 20])
def test_the_interval_is_that_of_student(count):
    values = np.random.default_rng(count).normal(0.8, 0.02, count)
    low, high = stats.t.interval(0.95, count - 1, values.mean(), stats.sem(values))
    assert t_interval(values) == {
        "mean": pytest.approx(values.mean(), abs=1e-4),
        "interval": pytest.approx([low, high], abs=2e-4),
    }


def test_the_interval_of_a_share_stays_within_0_and_1(faces, tmp_path):
    assert t_interval([0.2, 0.9])["interval"] == [0.0, 1.0]
    assert t_interval([1.5, 3.5], math.inf)["interval"] == [0.0, pytest.approx(15.206)]
    scores = cross_validate(baseline("majority"), faces, Plan(folds=2), tmp_path)["scores"]
    assert scores["negative_log_likelihood"]["interval"][1] > 1


def test_the_majority_class_is_right_for_one_face_in_eight(faces, tmp_path):
    result = cross_validate(baseline("majority"), faces, Plan(folds=5), tmp_path)
    assert [fold["fold"] for fold in result["folds"]] == [1, 2, 3, 4, 5]
    assert result["scores"]["accuracy"]["mean"] == pytest.approx(1 / 8, abs=1e-4)
    assert all(fold["truth"] == "majority" and fold["images"] == 16 for fold in result["folds"])


def test_a_network_learns_the_stripes_in_every_fold(recipe, tmp_path):
    result = cross_validate(network(replace(recipe, epochs=16)), invented_set(144), Plan(folds=2), tmp_path)
    assert min(fold["accuracy"] for fold in result["folds"]) > 0.3
    assert (tmp_path / "tiny" / "fold-2" / "history.jsonl").is_file()


def test_after_an_interruption_only_the_missing_folds_are_trained(faces, tmp_path):
    calls, said = [], []
    with pytest.raises(KeyboardInterrupt):
        cross_validate(counted(calls=calls, fail_at=2), faces, Plan(folds=4), tmp_path)
    assert calls == ["fold-1", "fold-2"]
    result = cross_validate(counted(calls=calls), faces, Plan(folds=4), tmp_path, said.append)
    assert calls == ["fold-1", "fold-2", "fold-3", "fold-4"]
    assert [line.endswith("done before") for line in said] == [True, True, False, False]
    assert len(result["folds"]) == 4


def test_a_refused_number_of_folds_leaves_the_folder_free(faces, tmp_path):
    with pytest.raises(ConfigError, match="--folds 19"):
        cross_validate(counted(), faces, Plan(folds=19), tmp_path)
    assert len(cross_validate(counted(), faces, Plan(folds=2), tmp_path)["folds"]) == 2


@pytest.mark.parametrize("plan, what", [(Plan(folds=3), "plan"), (Plan(folds=2, seed=1), "plan")])
def test_folds_of_another_plan_are_refused(faces, tmp_path, plan, what):
    cross_validate(counted(), faces, Plan(folds=2), tmp_path)
    with pytest.raises(ConfigError, match=f"folds of another {what}; choose another --out"):
        cross_validate(counted(), faces, plan, tmp_path)


def test_folds_of_other_data_or_another_recipe_are_refused(faces, tmp_path):
    cross_validate(counted(), faces, Plan(folds=2), tmp_path)
    with pytest.raises(ConfigError, match="another data"):
        cross_validate(counted(), replace(faces, whole=255 - faces.whole), Plan(folds=2), tmp_path)
    with pytest.raises(ConfigError, match="another recipe"):
        cross_validate(replace(counted(), recipe={"model": "other"}), faces, Plan(folds=2), tmp_path)


@pytest.mark.parametrize(
    "name, message", [("svm", "'svm' is not one of majority"), ("deep-svm", "network trained on the training split")]
)
def test_baselines_that_cannot_be_cross_validated_are_refused(name, message):
    with pytest.raises(ConfigError, match=message):
        baseline(name)


@pytest.mark.parametrize("key, what", [("init", "begins from"), ("teacher", "is taught by")])
def test_a_recipe_that_knows_the_faces_already_is_refused(recipe, key, what):
    with pytest.raises(ConfigError, match=f"recipe 'tiny' {what} the run 'runs/first', which knows the faces of every"):
        network(replace(recipe, **{key: "runs/first"}))


@pytest.mark.parametrize("known", [command, compare, tune])
def test_every_option_has_a_help_text(known):
    assert [each.name for each in known.params if isinstance(each, click.Option) and not each.help] == []


def test_the_command_writes_a_table_and_cv_json(data, tmp_path):
    out = tmp_path / "cv"
    arguments = ["--models", "majority", "--data", str(data), "--folds", "2", "--out", str(out)]
    done = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert "majority fold 2: accuracy 12.50 %" in done.output
    assert "majority           12.50 (12.50 to 12.50)" in done.output
    facts = json.loads((out / "cv.json").read_text())
    assert facts["folds"] == 2 and len(facts["models"]["majority"]["folds"]) == 2


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "name a recipe, or --models"),
        (["--models", "majority,majority"], "two models have the same name"),
        (["nowhere.yaml"], "cannot be read"),
        (["--models", "majority", "--labels", "affectnet"], "not 'affectnet'"),
    ],
)
def test_the_command_tells_what_is_wrong(data, tmp_path, capsys, arguments, message):
    assert command_line(["crossval", *arguments, "--data", str(data), "--out", str(tmp_path / "cv")]) == 2
    assert message in capsys.readouterr().err
