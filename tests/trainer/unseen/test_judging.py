"""What a model is worth on unseen faces: every answer counts, and every set weighs the same."""

import json

import numpy as np
import pytest

from engine.errors import ConfigError, ModelError
from tests.trainer.unseen.drawn import unseen_set
from trainer.labels import FERPLUS
from trainer.subjects import Subject
from trainer.unseen.judging import fit_temperature, for_card, judge, summary, write_unseen

SURE = 8.0


def answering(labels=FERPLUS, **facts):
    """A model that is sure of the label written into a chip."""

    def score(images):
        wanted = images.reshape(len(images), -1)[:, 0]
        return np.array([[SURE * (label == FERPLUS[place]) for label in labels] for place in wanted], np.float32)

    return Subject("told", labels, score, **{"colour": True, "temperature": 1.0, "temperature_from": "card", **facts})


def summed(subject, *sets):
    return summary(subject, judge(subject, sets))


def test_an_answer_outside_the_labels_of_a_set_is_wrong():
    four = ("neutral", "happiness", "sadness", "anger")
    faces = unseen_set("stock", four, ["anger"] * 4 + ["sadness"], ["anger", "anger", "disgust", "contempt", "sadness"])
    row = summed(answering(), faces)["sets"][0]
    assert (row["images"], row["accuracy"], row["balanced_accuracy"]) == (5, 0.6, 0.75)
    assert row["accuracy_interval"] == [0.2307, 0.8824]
    assert row["guesses"]["disgust"] == row["guesses"]["contempt"] == 1
    assert row["per_class"] == {"sadness": {"images": 1, "recall": 1.0}, "anger": {"images": 4, "recall": 0.5}}


def test_labels_that_the_model_does_not_know_are_left_out_and_counted():
    truth = ["anger", "sadness", "calm", "calm", "contempt"]
    labels = ("anger", "sadness", "calm", "contempt", "nobody")
    faces = unseen_set("own", labels, truth, ["anger", "anger", "fear", "fear", "fear"])
    seven = tuple(label for label in FERPLUS if label != "contempt")
    row = summed(answering(seven), faces)["sets"][0]
    assert (row["images"], row["accuracy"]) == (2, 0.5)
    assert row["left_out"] == {"calm": 2, "contempt": 1}


def test_a_models_own_spelling_of_labels_is_understood():
    labels = ("Happy", "angry")
    subject = Subject("other", labels, lambda images: np.float32([[1, 0], [0, 1]]), temperature=1.0, colour=True)
    assert (
        summed(subject, unseen_set("own", ("happiness", "anger"), ["happiness", "anger"]))["sets"][0]["accuracy"] == 1
    )


def test_every_set_weighs_the_same_in_the_mean():
    large = unseen_set("large", FERPLUS, ["anger"] * 9 + ["fear"])
    small = unseen_set("small", FERPLUS, ["anger", "fear"], ["anger", "anger"])
    facts = summed(answering(), large, small)
    assert [row["accuracy"] for row in facts["sets"]] == [1.0, 0.5]
    mean = facts["mean"]
    assert (mean["sets"], mean["images"], mean["accuracy"], mean["balanced_accuracy"]) == (2, 12, 0.75, 0.75)
    assert mean["worst"] == {"name": "small", "accuracy": 0.5}


def test_the_temperature_of_the_model_is_used():
    faces = unseen_set("own", FERPLUS, ["anger", "fear"], ["anger", "anger"])
    sharp, soft = (summed(answering(temperature=heat), faces)["sets"][0] for heat in (1.0, 4.0))
    assert sharp["accuracy"] == soft["accuracy"]
    assert sharp["negative_log_likelihood"] > soft["negative_log_likelihood"]
    top = np.exp(2.0) / (np.exp(2.0) + 7)
    assert soft["calibration_error"] == pytest.approx(abs(top - 0.5), abs=1e-4)
    assert soft["negative_log_likelihood"] == pytest.approx(np.log(np.exp(2.0) + 7) - 1.0, abs=1e-4)


def test_the_temperature_fitted_on_the_sets_lets_each_set_weigh_the_same():
    wrong, right = ["anger"] * 2 + ["fear"] * 2, ["anger"] * 4
    good = unseen_set("good", FERPLUS, ["anger", "fear"] * 20)
    bad = unseen_set("bad", FERPLUS, wrong, right)
    subject = answering()
    both, many, few = (judge(subject, sets) for sets in ((good, bad), (good,), (bad,)))
    twice = judge(subject, (unseen_set("good", FERPLUS, ["anger", "fear"] * 400), bad))
    assert fit_temperature(both) == pytest.approx(fit_temperature(twice), abs=1e-3)
    assert fit_temperature(many) < fit_temperature(both) < fit_temperature(few)
    # At equal weight a sure answer is right in three of four: its probability is then that share.
    share = np.exp(SURE / fit_temperature(both)) / (np.exp(SURE / fit_temperature(both)) + 7)
    assert share == pytest.approx(0.75, abs=1e-3)


def test_the_digest_of_a_set_changes_with_labels_and_pixels():
    faces = unseen_set("own", FERPLUS, ["anger", "fear"])
    same = unseen_set("renamed", tuple(reversed(FERPLUS)), ["anger", "fear"])
    others = [unseen_set("own", FERPLUS, ["fear", "anger"], ["anger", "fear"]),
              unseen_set("own", FERPLUS, ["anger", "fear"], ["anger", "anger"])]  # fmt: skip
    assert faces.sha256 == same.sha256 and faces.sha256 not in [each.sha256 for each in others]


def test_models_of_gray_faces_get_gray_ones():
    shapes = []

    def score(images):
        shapes.append(images.shape)
        return np.zeros((len(images), 8), np.float32)

    for colour in (False, True):
        summed(Subject("shape", FERPLUS, score, colour=colour), unseen_set("own", FERPLUS, ["anger", "fear"]))
    assert shapes == [(2, 112, 112), (2, 112, 112, 3)]


def test_a_set_that_shares_fewer_than_two_labels_is_refused():
    for truth in (["calm", "dizzy"], ["anger", "calm"]):
        with pytest.raises(ConfigError, match=r"--also 'own' has labels .*; model 'told' has .*fewer than two"):
            judge(answering(), [unseen_set("own", ("anger", "calm", "dizzy"), truth, ["anger", "fear"])])


def test_a_score_that_is_no_number_names_its_picture():
    faces = unseen_set("own", FERPLUS, ["anger", "fear"])
    broken = Subject("broken", FERPLUS, lambda images: np.full((len(images), 8), np.nan, np.float32), colour=True)
    with pytest.raises(ModelError, match=r"not a number for own-0\.png of own"):
        judge(broken, [faces])


def test_the_card_gets_the_table_without_matrices(tmp_path):
    facts = summed(answering(), unseen_set("own", FERPLUS, ["anger", "fear"]))
    card = for_card(facts)
    assert card["mean"]["accuracy"] == card["sets"][0]["accuracy"] == 1.0
    assert not {"confusion", "guesses", "per_class"} & set(card["sets"][0])
    written = write_unseen({"also": facts}, tmp_path / "new")
    assert json.loads(written.read_text())["also"] == json.loads(json.dumps(facts))
