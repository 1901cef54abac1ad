"""Average precision, recall and intervals: numbers worked out by hand."""

from math import inf, nan

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from trainer.detector import curves
from trainer.detector.curves import ALL, Slice
from trainer.detector.matching import FALSE, IGNORED, Matches


def matches(rows, truths, scales=None, pictures=2, errors=None):
    """`rows` of (score, face, picture, side), `truths` of (picture, side)."""
    score, face, picture, side = (np.array(column) for column in zip(*rows, strict=True)) if rows else [np.zeros(0)] * 4
    return Matches(
        scores=score.astype(np.float32),
        sides=side.astype(float),
        pictures=picture.astype(np.intp),
        faces=face.astype(np.intp),
        truth_sides=np.array([each[1] for each in truths], float),
        truth_pictures=np.array([each[0] for each in truths], np.intp),
        scales=np.ones(pictures) if scales is None else np.array(scales, float),
        errors=np.full(len(truths), nan) if errors is None else np.array(errors, float),
    )


# Right, false, right, and a face that is not found: precision 1, 1/2, 2/3 at recall 1/3, 1/3, 2/3.
USUAL = matches([(0.9, 0, 0, 30), (0.8, FALSE, 1, 30), (0.7, 1, 1, 30)], [(0, 30), (1, 30), (1, 30)])


def test_average_precision_is_the_area_under_falling_precision():
    assert curves.average_precision(curves.ranked(USUAL)) == pytest.approx(1 / 3 + 2 / 9)


def test_precision_is_made_to_fall():
    hits = [(0.9, FALSE, 0, 30), (0.8, 0, 0, 30), (0.7, 1, 1, 30)]
    assert curves.average_precision(curves.ranked(matches(hits, [(0, 30), (1, 30)]))) == pytest.approx(2 / 3)


def test_equal_scores_count_together_whatever_their_order():
    rows = [(0.9, 0, 0, 30), (0.9, FALSE, 0, 30)]
    for order in (rows, rows[::-1]):
        ranking = curves.ranked(matches(order, [(0, 30)]))
        assert curves.average_precision(ranking) == pytest.approx(0.5)
        assert curves.recall_at(ranking, 0.4) == 0


@pytest.mark.parametrize("false", [(0.0, 0), (0.4, 0), (0.5, 2 / 3), (inf, 2 / 3)])
def test_recall_at_so_many_false_positives_for_each_picture(false):
    rows = [(0.9, FALSE, 0, 30), (0.8, 0, 0, 30), (0.7, 1, 1, 30)]
    ranking = curves.ranked(matches(rows, [(0, 30), (1, 30), (1, 30)]))
    assert curves.recall_at(ranking, false[0]) == pytest.approx(false[1])
    assert curves.false_at_end(ranking) == 0.5


def test_a_slice_ignores_faces_outside_and_whatever_found_them_or_is_outside_itself():
    rows = [
        (0.9, 0, 0, 40),  # finds a face inside
        (0.8, 1, 0, 40),  # finds one outside: ignored, though inside itself
        (0.7, FALSE, 1, 10),  # false, but outside
        (0.6, FALSE, 1, 40),  # false
        (0.5, 2, 1, 20),  # smaller itself, but finds a face inside
        (0.4, IGNORED, 1, 40),
    ]
    ranking = curves.ranked(matches(rows, [(0, 30), (0, 12), (1, 24)]), Slice("24+", 24))
    assert ranking.hits.tolist() == [True, False, True]
    assert ranking.faces.tolist() == [1, 1]
    assert curves.average_precision(ranking) == pytest.approx(1 / 2 + 1 / 3)


def test_sides_may_be_those_that_the_network_saw():
    made = matches([(0.9, 0, 0, 40), (0.8, 1, 1, 40)], [(0, 40), (1, 40)], scales=[0.5, 1])
    seen = curves.ranked(made, Slice("24+", 24, seen=True))
    assert seen.faces.tolist() == [0, 1]
    assert seen.hits.tolist() == [True]
    assert curves.ranked(made, Slice("24+", 24)).faces.tolist() == [1, 1]


def test_without_faces_there_is_no_number_and_without_finds_it_is_zero():
    assert np.isnan(curves.average_precision(curves.ranked(matches([(0.9, FALSE, 0, 30)], []))))
    assert np.isnan(curves.recall_at(curves.ranked(matches([], [])), 1))
    empty = curves.ranked(matches([], [(0, 30)]))
    assert (curves.average_precision(empty), curves.recall_at(empty, 1)) == (0, 0)


def test_counting_pictures_twice_is_having_them_twice():
    once = list(zip(USUAL.scores, USUAL.faces, USUAL.pictures, USUAL.sides, strict=True))
    again = [(score, face + 3 * (face >= 0), picture + 2, side) for score, face, picture, side in once]
    truths = [(picture + 2 * copy, 30) for copy in (0, 1) for picture in USUAL.truth_pictures]
    doubled = curves.ranked(matches(once + again, truths, pictures=4))
    weights = np.array([2.0, 2.0])
    single = curves.ranked(USUAL)
    assert curves.average_precision(single, weights) == pytest.approx(curves.average_precision(doubled))
    assert curves.recall_at(single, 0.4, weights) == pytest.approx(curves.recall_at(doubled, 0.4))


def test_with_every_face_found_it_is_close_to_the_uninterpolated_precision_of_scikit_learn():
    generator = np.random.default_rng(0)
    right = generator.random(400) < 0.5
    scores = generator.random(400) + 0.5 * right
    faces = np.where(right, np.cumsum(right) - 1, FALSE)
    rows = [(score, face, 0, 30) for score, face in zip(scores, faces, strict=True)]
    ranking = curves.ranked(matches(rows, [(0, 30)] * int(right.sum())), ALL)
    assert 0 <= curves.average_precision(ranking) - average_precision_score(right, scores) < 0.02


def test_a_detector_over_itself_is_exactly_one():
    ranking = curves.ranked(USUAL)
    values = curves.drawn(ranking, (1.0,), rounds=50)
    assert values.shape == (51, 2)
    answer = curves.ratio(values[:, 0], values[:, 0])
    assert answer == {"ratio": 1, "low": 1, "high": 1}


def test_the_interval_of_a_ratio_holds_it():
    generator = np.random.default_rng(1)
    truths = [(picture, 30) for picture in range(40)]
    good, bad = (
        curves.drawn(
            curves.ranked(
                matches([(0.5, p, p, 30) for p in range(40) if generator.random() < share], truths, pictures=40)
            ),
            rounds=300,
        )[:, 0]
        for share in (0.9, 0.5)
    )
    answer = curves.ratio(bad, good)
    assert 0.2 < answer["low"] < answer["ratio"] < answer["high"] < 1


def test_rankings_of_the_same_pictures_are_drawn_alike():
    kept = curves.drawn(curves.ranked(USUAL), (0.4, 1.0), rounds=20)
    assert np.array_equal(kept, curves.drawn(curves.ranked(USUAL), (0.4, 1.0), rounds=20), equal_nan=True)
    assert kept[0] == pytest.approx([1 / 3 + 2 / 9, 1 / 3, 2 / 3])


def test_landmarks_are_compared_on_the_faces_that_both_found():
    truths = [(0, 30), (0, 30), (1, 30), (1, 30)]
    ours = matches([], truths, errors=[0.2, nan, 0.04, 0.06])
    theirs = matches([], truths, errors=[0.1, 0.9, 0.05, nan])
    answer = curves.landmark_ratio(ours, theirs, rounds=100)
    assert answer["faces"] == 2
    assert (answer["own"]["mean"], answer["other"]["mean"]) == pytest.approx((0.12, 0.075))
    assert answer["ratio"] == pytest.approx(1.6)
    assert answer["low"] == pytest.approx(0.8) and answer["high"] == pytest.approx(2)


def test_landmark_errors_are_summed_up_with_the_share_that_is_far_off():
    answer = curves.landmark_summary(np.array([0.05, nan, 0.2, 0.05]))
    assert answer == {"faces": 3, "mean": pytest.approx(0.1), "median": 0.05, "far": pytest.approx(1 / 3)}
    assert curves.landmark_summary(np.array([nan])) == {"faces": 0, "mean": None, "median": None, "far": None}
