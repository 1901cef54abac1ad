"""A teacher's answers in the targets: its share of training targets, and nothing else."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from engine.errors import ConfigError
from trainer import runs
from trainer.batches import examples
from trainer.compare import CompareConfig, Comparison
from trainer.convnet import ConvNet
from trainer.distill import prepared, taught
from trainer.fit import Fit
from trainer.recipes import to_settings
from trainer.tune import train_and_score


@pytest.fixture
def teacher(tmp_path, faces, recipe):
    both = dataclasses.replace(recipe, labels=("ferplus", "fer2013"), epochs=2)
    Fit(both, examples(faces, both), tmp_path / "teacher").run()
    return tmp_path / "teacher"


@pytest.mark.parametrize("labels", [("ferplus", "fer2013"), ("fer2013",)])
def test_targets_are_labels_and_answers_in_the_asked_proportion(faces, recipe, teacher, labels):
    data = examples(faces, dataclasses.replace(recipe, labels=labels))
    mixed = taught(data, teacher, 0.25)
    for head, columns in zip(data.heads, data.slices, strict=True):
        net = ConvNet.open(teacher, head.name)
        looks = [np.asarray(view[data.train]) for view in (faces.aligned, faces.whole)]
        answers = np.mean([net.predict_proba(look[:, :, ::step]) for look in looks for step in (1, -1)], axis=0)
        expected = 0.75 * data.targets[data.train, columns] + 0.25 * answers
        assert mixed.targets[data.train, columns] == pytest.approx(expected, abs=1e-6)


def test_validation_and_test_targets_stay(faces, recipe, teacher):
    data = examples(faces, recipe)
    others = np.setdiff1d(np.arange(len(faces)), data.train)
    assert np.array_equal(taught(data, teacher, 1.0).targets[others], data.targets[others])


def test_a_face_without_a_label_gets_none_from_the_teacher(faces, recipe, teacher):
    counts = faces.answers["ferplus"].counts.copy()
    counts[0] = 0
    answers = {**faces.answers, "ferplus": dataclasses.replace(faces.answers["ferplus"], counts=counts)}
    bare = dataclasses.replace(faces, answers=answers)
    data = examples(bare, dataclasses.replace(recipe, labels=("ferplus", "fer2013")))
    first = data.slices[0]
    assert 0 in data.train and taught(data, teacher, 0.5).targets[0, first].sum() == 0


def test_a_teacher_of_other_labels_or_none_at_all_is_refused(faces, recipe, teacher, tmp_path):
    only = dataclasses.replace(recipe, epochs=1)
    Fit(only, examples(faces, only), tmp_path / "only").run()
    data = examples(faces, dataclasses.replace(recipe, labels=("fer2013",)))
    with pytest.raises(ConfigError, match="learned ferplus, not 'fer2013'"):
        taught(data, tmp_path / "only", 0.5)
    with pytest.raises(ConfigError, match="teacher: 'nowhere' holds no trained run; train it first"):
        taught(data, Path("nowhere"), 0.5)


def test_what_a_recipe_with_a_teacher_trains_on_is_taught_and_said(faces, recipe, teacher):
    said = []
    config = dataclasses.replace(recipe, teacher=str(teacher), teacher_share=0.25)
    data = prepared(faces, config, said.append)
    assert np.array_equal(data.targets, taught(examples(faces, recipe), teacher, 0.25).targets)
    assert said == [f"asking the teacher {teacher} about 64 faces"]
    assert np.array_equal(prepared(faces, recipe).targets, examples(faces, recipe).targets)


def test_a_trial_of_a_search_is_taught(faces, recipe, teacher, tmp_path):
    config = dataclasses.replace(recipe, epochs=1, teacher=str(teacher), teacher_share=1.0)
    train_and_score(
        config, faces, tmp_path / "trial", "accuracy", lambda batches, *_: iter(batches), lambda _line: None
    )
    plain = dataclasses.replace(recipe, epochs=1)
    assert losses(tmp_path / "trial") != losses_of(plain, faces, tmp_path / "plain")


def test_a_network_of_the_table_is_taught(recipe, teacher, faces, tmp_path):
    config = dataclasses.replace(recipe, epochs=1, teacher=str(teacher), teacher_share=1.0)
    (tmp_path / "net.yaml").write_text(config.to_yaml())
    row = {"name": "net", "recipe": str(tmp_path / "net.yaml")}
    table = to_settings(CompareConfig, {"label_sets": ["ferplus"], "rows": [row], "threads": 1}, "table")
    comparison = Comparison(table, faces, tmp_path / "out")
    comparison.make(comparison.jobs()[0])
    plain = dataclasses.replace(recipe, epochs=1)
    assert losses(tmp_path / "out" / "networks" / "net") != losses_of(plain, faces, tmp_path / "plain")


def losses(run):
    return [line["train_loss"] for line in runs.history(run)]


def losses_of(config, faces, folder):
    Fit(config, examples(faces, config), folder).run()
    return losses(folder)
