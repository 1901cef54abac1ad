"""What annotators answered: names, distributions, majority and plurality."""

import numpy as np
import pytest

from trainer.labels import FER2013, FERPLUS, Answers, canonical, ferplus, one_each


@pytest.mark.parametrize(
    ("written", "name"),
    [("Angry", "anger"), (" happy ", "happiness"), ("SURPRISE", "surprise"), ("bored", "bored")],
)
def test_emotions_have_one_name_however_they_are_written(written, name):
    assert canonical(written) == name


@pytest.mark.parametrize(
    ("votes", "majority", "plurality", "usable"),
    [
        ([8, 2, 0, 0, 0, 0, 0, 0, 0, 0], "neutral", "neutral", True),  # clear
        ([5, 5, 0, 0, 0, 0, 0, 0, 0, 0], None, None, True),  # a tie names no label but is a distribution
        ([4, 3, 3, 0, 0, 0, 0, 0, 0, 0], None, "neutral", True),  # more than any other, less than half
        ([5, 1, 1, 1, 1, 1, 0, 0, 0, 0], "neutral", "neutral", True),  # single votes are noise
        ([3, 0, 0, 0, 0, 0, 0, 0, 7, 0], None, None, False),  # mostly unknown
        ([0, 0, 0, 0, 0, 0, 0, 0, 0, 9], None, None, False),  # not a face
        ([1, 1, 1, 1, 1, 1, 1, 1, 1, 1], None, None, False),  # nothing but noise
    ],
)
def test_votes_are_read_by_the_rules_of_ferplus(votes, majority, plurality, usable):
    answers = ferplus(np.array([votes], np.uint8))

    def name(index):
        return None if index < 0 else FERPLUS[index]

    targets, known = answers.distributions()
    assert (name(answers.majority()[0]), name(answers.plurality()[0]), bool(known[0])) == (majority, plurality, usable)
    assert targets.sum() == pytest.approx(1.0 if usable else 0.0)


def test_a_distribution_is_the_share_of_the_votes_that_name_an_emotion():
    targets, _ = ferplus(np.array([[6, 2, 0, 0, 0, 0, 0, 0, 2, 0]], np.uint8)).distributions()
    assert targets[0].tolist() == [0.75, 0.25, 0, 0, 0, 0, 0, 0]


def test_plain_labels_are_one_vote_each_and_minus_one_is_none():
    answers = one_each(FER2013, np.array([3, -1, 6]))
    assert answers.single and answers.majority().tolist() == [3, -1, 6] == answers.plurality().tolist()
    assert answers.distributions()[1].tolist() == [True, False, True]


def test_counts_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"expected uint8 \(N, 3\), got uint8 \(2, 2\)"):
        Answers(("a", "b"), np.zeros((2, 2), np.uint8), ("unknown",))
