"""The Haar baseline on pictures that hold faces and pictures that do not."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.detectors.haar import Haar, score_of
from engine.items import Image
from tests.support.photos import group


@pytest.fixture(scope="module")
def friends() -> Image:
    """Six people who look into the camera."""
    return group()


def test_it_finds_most_frontal_faces_as_squares_best_first(friends: Image):
    faces = Haar().detect([friends])[0]
    assert len(faces) >= 4
    assert [face.score for face in faces] == sorted((face.score for face in faces), reverse=True)
    for face in faces:
        x1, y1, x2, y2 = face.box
        assert x2 - x1 == pytest.approx(y2 - y1, rel=0.02)
        assert 0 <= x1 < x2 <= friends.shape[1] and 0 <= y1 < y2 <= friends.shape[0]
        assert 0.6 <= face.score <= 1
        assert face.landmarks is None


def test_boxes_come_back_in_source_pixels(friends: Image):
    small = friends[:, :640] if friends.shape[1] > 640 else friends
    double = small.repeat(2, axis=0).repeat(2, axis=1)
    detector = Haar(size=max(small.shape))
    once, twice = detector.detect([small, double])
    assert [np.array(face.box) * 2 for face in once] == [pytest.approx(face.box, abs=1e-6) for face in twice]


def test_threads_share_a_detector(friends: Image):
    detector = Haar()
    alone = [face.box for face in detector.detect([friends])[0]]
    found: list[list[object]] = []
    threads = [
        threading.Thread(target=lambda: found.append([face.box for face in detector.detect([friends])[0]]))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert found == [alone] * 4


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 10), (24, 24), (200, 300)])
def test_pictures_without_faces_have_none(shape):
    assert Haar().detect([np.full((*shape, 3), 127, np.uint8)]) == [()]


def test_no_pictures_are_no_work():
    assert Haar().detect([]) == []


@given(st.floats(53, 60), st.floats(0.001, 5))
def test_a_surer_cascade_scores_higher_within_0_and_1(weight, more):
    assert 0 < score_of(weight) < score_of(weight + more) <= 1
