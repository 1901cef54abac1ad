"""Matching, by hand."""

import numpy as np
import pytest

from engine.items import Detection
from trainer.detector.matching import FALSE, IGNORED, landmark_error, match, match_set, overlaps, together
from trainer.detector.truth import Truth


def at(x, score=0.9, side=10.0, landmarks=None):
    return Detection((x, 0.0, x + side, side), score, landmarks)


def face(x, side=10.0, ignored=False, landmarks=None):
    return Truth((x, 0.0, x + side, side), landmarks, ignored)


def test_overlap_is_shared_over_joint_area_and_share_of_the_first():
    union, within = overlaps(
        np.array([[0, 0, 10, 10.0]]), np.array([[5, 0, 15, 10], [20, 0, 30, 10], [0, 0, 20, 10.0]])
    )
    assert union[0] == pytest.approx([50 / 150, 0, 0.5])
    assert within[0] == pytest.approx([0.5, 0, 1])


# Detections best first (x, score), faces (x), answers.
CASES = [
    ([(0, 0.9), (1, 0.8)], [0], [0, FALSE]),  # the second on a face is false
    ([(1, 0.8), (0, 0.9)], [0], [FALSE, 0]),  # the better score takes it, in whatever order they come
    ([(2, 0.9), (0, 0.8)], [0, 3], [1, 0]),  # each takes the face it overlaps most
    ([(0, 0.9), (0, 0.8)], [0, 2], [0, 1]),  # the second takes the one that is left
    ([(4, 0.9)], [0], [FALSE]),  # overlap 6 / 14
    ([], [0], []),
    ([(0, 0.9)], [], [FALSE]),
]


@pytest.mark.parametrize(("found", "faces", "answers"), CASES)
def test_from_the_best_score_down_each_takes_the_best_face_left(found, faces, answers):
    assert match([at(x, score) for x, score in found], [face(x) for x in faces], 0.5).tolist() == answers


def test_what_overlaps_or_lies_in_an_ignored_region_counts_neither_way():
    truths = [face(0), Truth((100, 0, 200, 100), ignored=True)]
    found = [at(0), at(120), at(130, 0.5), at(94), at(150, 0.4, side=80)]
    assert match(found, truths, 0.5).tolist() == [0, IGNORED, IGNORED, FALSE, IGNORED]


def test_a_face_is_preferred_to_an_ignored_one_on_the_same_place():
    assert match([at(0)], [face(0, ignored=True), face(1)], 0.5).tolist() == [1]


def points(*values):
    return np.array(values, np.float32).reshape(5, 2)


def test_the_landmark_error_is_the_mean_distance_over_the_eyes_distance():
    labelled = points(0, 0, 20, 0, 10, 10, 3, 20, 17, 20)
    found = labelled + np.float32([3, 4])
    assert landmark_error(found, labelled) == pytest.approx(5 / 20)
    assert np.isnan(landmark_error(None, labelled))
    assert np.isnan(landmark_error(found, None))
    assert np.isnan(landmark_error(found, np.zeros((5, 2), np.float32)))


def test_a_set_numbers_its_faces_through_and_leaves_ignored_ones_out():
    labelled = points(0, 0, 10, 0, 5, 5, 2, 8, 8, 8)
    truths = [[face(50, ignored=True), face(0)], [], [face(0), face(30, side=20, landmarks=labelled)]]
    found = [[at(0), at(50)], [at(5)], [at(30, side=20, landmarks=labelled + np.float32([1, 0]))]]
    matches = match_set(found, truths, 0.5, [1, 0.5, 2])
    assert matches.faces.tolist() == [0, IGNORED, FALSE, 2]
    assert matches.pictures.tolist() == [0, 0, 1, 2]
    assert matches.sides.tolist() == [10, 10, 10, 20]
    assert matches.truth_sides.tolist() == [10, 10, 20]
    assert matches.truth_pictures.tolist() == [0, 2, 2]
    assert matches.scales.tolist() == [1, 0.5, 2]
    assert matches.errors == pytest.approx([np.nan, np.nan, 0.1], nan_ok=True)


def test_a_set_in_which_nothing_is_found_has_empty_matches():
    matches = match_set([[], []], [[face(0)], []], 0.5, [1, 1])
    assert (len(matches.scores), len(matches.faces), len(matches.truth_sides)) == (0, 0, 1)


def test_several_sets_are_numbered_as_one():
    one = match_set([[at(0)], [at(50)]], [[face(0)], []], 0.5, [1, 0.5])
    other = match_set([[at(9), at(0)]], [[face(0), face(70)]], 0.5, [2])
    both = together([one, other])
    assert both.faces.tolist() == [0, FALSE, FALSE, 1]
    assert both.pictures.tolist() == [0, 1, 2, 2]
    assert both.truth_pictures.tolist() == [0, 2, 2]
    assert both.scales.tolist() == [1, 0.5, 2]
