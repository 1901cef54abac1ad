import tracemalloc
from itertools import pairwise

import numpy as np
import pytest

from engine.detectors.build import build_detector
from engine.sources.demo.cast import ACTS, CYCLE_S, SIZE, Act, Cast
from engine.sources.demo.expressions import Expression, drawn
from engine.stages.detect import DetectConfig
from tests.support.photos import group

FPS = 15
FACES = {act.face for act in ACTS}


@pytest.fixture(scope="module")
def photo():
    return group()


def regions(image, face):
    x1, y1, x2, y2 = face.region(*SIZE)
    return image[y1:y2, x1:x2]


def test_the_places_are_those_of_faces_in_the_photo(photo):
    assert photo.shape[1::-1] == SIZE
    detector, _ = build_detector(DetectConfig())
    found = [detection.landmarks for detection in detector.detect([photo])[0]]
    for face in FACES:
        placed = np.array([*face.eyes, face.left, face.right])
        # The detector's eyes are the pupils, ours may lie on closed lids.
        off = min(np.abs(placed - (points[[0, 1, 3, 4], 0] + 1j * points[[0, 1, 3, 4], 1])).max() for points in found)
        assert off < 0.7 * abs(face.scale), f"{face} is {off:.0f} pixels off"


def test_no_expression_is_the_photo_itself(photo):
    for face in FACES:
        np.testing.assert_array_equal(drawn(photo, face, Expression()), regions(photo, face))


@pytest.mark.parametrize("act", ACTS, ids=lambda act: f"{act.begin_s:g}")
def test_an_expression_changes_its_face_and_only_that(photo, act):
    changed = drawn(photo, act.face, act.expression)
    difference = np.abs(changed.astype(int) - regions(photo, act.face)).max(axis=2)
    assert np.percentile(difference, 95) > 10
    edge = np.concatenate([difference[0], difference[-1], difference[:, 0], difference[:, -1]])
    assert edge.max() == 0


def test_a_moment_looks_the_same_whatever_was_asked_before(photo):
    one, other = Cast(photo), Cast(photo)
    moments = np.random.default_rng(0).uniform(0, 2 * CYCLE_S, 60)
    seen = {moment: one.at(moment).copy() for moment in moments}
    for moment in sorted(moments, reverse=True):
        np.testing.assert_array_equal(other.at(moment), seen[moment])
    np.testing.assert_array_equal(one.at(5.0 + CYCLE_S).copy(), one.at(5.0))
    np.testing.assert_array_equal(one.at(0.0), photo)


def test_nothing_jumps_between_two_frames(photo):
    cast, largest = Cast(photo), 0.0
    frames = (cast.at(number / FPS).copy() for number in range(round(CYCLE_S * FPS) + 1))
    for before, after in pairwise(frames):
        steps = [np.abs(regions(after, face).astype(int) - regions(before, face)).mean() for face in FACES]
        largest = max(largest, *steps)
    assert 0 < largest < 2.5


def test_memory_ends_growing_with_the_first_cycle(photo):
    tracemalloc.start()
    try:
        cast = Cast(photo)
        held = []
        for cycle in range(2):
            for number in range(round(CYCLE_S * FPS)):
                cast.at(cycle * CYCLE_S + number / FPS)
            held.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert photo.nbytes < held[0] < photo.nbytes + 10e6
    assert held[1] < held[0] + 100e3


def test_acts_of_a_face_follow_each_other_within_the_cycle():
    for face in FACES:
        acts = sorted((act for act in ACTS if act.face == face), key=lambda act: act.begin_s)
        assert acts[0].begin_s >= 0 and acts[-1].end_s <= CYCLE_S
        assert all(before.end_s < after.begin_s for before, after in pairwise(acts))


@pytest.mark.parametrize(
    "time_s, amount",
    [
        (9.9, 0.0),
        (10.0, 0.0),
        (10.5, 0.5),  # half of the second in which it comes
        (11.0, 1.0),
        (15.0, 1.0),
        (15.5, 0.5),
        (16.0, 0.0),
        (39.0, 0.0),
    ],
)
def test_an_expression_comes_and_goes_within_a_second(time_s, amount):
    act = Act(ACTS[0].face, ACTS[0].expression, 10.0, 16.0)
    assert act.amount(time_s) == pytest.approx(amount)
