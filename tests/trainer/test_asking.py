import dataclasses

import numpy as np
import pytest

from engine.errors import ModelError
from trainer.asking import answers_of
from trainer.batches import examples
from trainer.cli import run
from trainer.faceset import open_faces
from trainer.fit import Fit
from trainer.subjects import Subject


def always(label: int, **facts):
    """A model that is always three to one for one of its two labels."""

    def score(images):
        scores = np.zeros((len(images), 2), np.float32)
        scores[:, label] = np.log(3.0)
        return scores

    return Subject("always", ("happy", "sad"), score, **facts)


def test_answers_are_votes_under_canonical_names(faces):
    answers = answers_of([always(0)], faces)
    assert answers.labels == ("happiness", "sadness")
    targets, known = answers.distributions()
    assert known.all()
    assert targets[:, 0] == pytest.approx(0.75, abs=0.005)


def test_several_models_are_averaged_and_temperature_softens(faces):
    both, _ = answers_of([always(0), always(1)], faces).distributions()
    assert both == pytest.approx(0.5, abs=0.005)
    soft, _ = answers_of([always(0)], faces, temperature=2.0).distributions()
    assert soft[:, 0] == pytest.approx(3**0.5 / (3**0.5 + 1), abs=0.005)


def test_all_four_looks_are_taken(faces):
    seen = []

    def score(images):
        seen.append(images.copy())
        return np.zeros((len(images), 2), np.float32)

    answers_of([Subject("looks", ("happy", "sad"), score)], faces)
    assert np.array_equal(seen[0][:, :, ::-1], seen[1])
    assert np.array_equal(seen[0], faces.aligned)
    assert np.array_equal(seen[2], faces.whole)


def test_the_command_keeps_answers_beside_the_set(tmp_path, data, recipe, capsys):
    faces = open_faces(data)
    config = dataclasses.replace(recipe, labels=("ferplus",), epochs=1)
    Fit(config, examples(faces, config), tmp_path / "teacher").run()
    before = (data / "answers-fer2013.npy").read_bytes()
    assert run(["ask", str(tmp_path / "teacher"), "--data", str(data), "--as", "taught"]) == 0
    assert open_faces(data).answers["taught"].counts.sum(1, dtype=int) == pytest.approx(250, abs=4)
    assert (data / "answers-fer2013.npy").read_bytes() == before
    assert run(["ask", str(tmp_path / "teacher"), "--data", str(data), "--as", "taught"]) == 2
    assert "has a label set 'taught' already" in capsys.readouterr().err
    assert run(["ask", str(tmp_path / "teacher"), "--data", str(data), "--as", "taught", "--force"]) == 0
    assert run(["ask", str(tmp_path / "teacher"), "--data", str(data), "--as", "../x"]) == 2


def test_labels_of_annotators_are_never_replaced(tmp_path, data, recipe, capsys):
    faces = open_faces(data)
    config = dataclasses.replace(recipe, labels=("ferplus",), epochs=1)
    Fit(config, examples(faces, config), tmp_path / "teacher").run()
    before = (data / "answers-ferplus.npy").read_bytes()
    assert run(["ask", str(tmp_path / "teacher"), "--data", str(data), "--as", "ferplus", "--force"]) == 2
    assert "has a label set 'ferplus' of its own" in capsys.readouterr().err
    assert (data / "answers-ferplus.npy").read_bytes() == before


def test_an_answer_that_is_not_a_number_is_refused(faces):
    broken = Subject("broken", ("happy", "sad"), lambda images: np.full((len(images), 2), np.nan, np.float32))
    with pytest.raises(ModelError, match="broken: an answer about a face is not a number"):
        answers_of([broken], faces)
