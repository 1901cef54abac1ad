"""A track's own resting face: small biases go, expressions stay."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.items import EmotionScores
from engine.stages.resting import RestingFace
from engine.stages.trackstate import SmoothConfig, TrackState

LABELS = ("happiness", "neutral", "anger", "sadness")
LEAKING = (0.05, 0.6, 0.3, 0.05)


def scores(values, labels=LABELS):
    values = np.array(values, np.float64)
    return EmotionScores(labels, (values / values.sum()).astype(np.float32))


def after(values, seconds, fps=10, then=None, labels=LABELS):
    """What `then` is read as after so many seconds of `values`."""
    face = RestingFace()
    for index in range(round(seconds * fps)):
        face.read(scores(values, labels), index / fps)
    return face.read(scores(then or values, labels), seconds).values


def labels_told(script, fps=10, own_neutral=True):
    state = TrackState(SmoothConfig(own_neutral=own_neutral), 0.0)
    told, index = [], 0
    for values, seconds in script:
        for _ in range(round(seconds * fps)):
            if state.read(scores(values), index / fps):
                now = state.emotion(index / fps)
                told.append(now and now.label)
            index += 1
    return told


def test_what_a_resting_face_leaks_is_taken_out_after_ten_seconds():
    assert after(LEAKING, 9)[2] == pytest.approx(0.3)
    assert after(LEAKING, 11)[2] == pytest.approx(0.3 / np.e / (0.7 + 0.3 / np.e), abs=0.01)


@pytest.mark.parametrize("fps", [5, 15, 30])
def test_the_frame_rate_does_not_matter(fps):
    assert after(LEAKING, 30, fps) == pytest.approx(after(LEAKING, 30, 10), abs=1e-3)


@pytest.mark.parametrize("label", range(4))
@pytest.mark.parametrize("strength", [0.5, 0.7, 0.95])
def test_an_expression_that_lasts_a_minute_stays_as_it_is(label, strength):
    values = [(1 - strength) / 3] * 4
    values[label] = strength
    assert after(values, 60) == pytest.approx(scores(values).values, abs=1e-6 if label != 1 else 0.25)
    assert after(values, 60).argmax() == label
    assert labels_told([(values, 60)]) == [LABELS[label]]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0.01, 1.0), min_size=4, max_size=4), st.integers(5, 90))
def test_no_face_that_stays_the_same_changes_its_leading_emotion(values, seconds):
    assert after(values, seconds, 5).argmax() == scores(values).values.argmax()


def test_an_expression_after_a_rest_is_read_as_it_is():
    angry = (0.04, 0.15, 0.77, 0.04)
    assert labels_told([(LEAKING, 30), (angry, 60)]) == ["neutral", "anger"]


def test_a_smile_of_a_minute_between_rests_is_told_once_each_way():
    smile = (0.9, 0.05, 0.03, 0.02)
    assert labels_told([(LEAKING, 30), (smile, 60), (LEAKING, 30)]) == ["neutral", "happiness", "neutral"]


def test_a_leaking_face_that_flickers_is_told_calmly():
    """Most of the time neutral leads; for a second at a time the bias does."""
    script = [(LEAKING, 15)] + [((0.05, 0.27, 0.63, 0.05), 2), (LEAKING, 3)] * 8
    assert labels_told(script) == ["neutral"]
    assert len(labels_told(script, own_neutral=False)) > 8


def test_labels_without_a_neutral_stay_as_they_are():
    labels = ("happiness", "calm", "anger", "sadness")
    assert after(LEAKING, 60, labels=labels) == pytest.approx(LEAKING)


def test_memory_is_bounded_and_the_rest_of_long_ago_is_forgotten():
    face = RestingFace()
    for index in range(4000):
        face.read(scores(LEAKING if index < 2000 else (0.02, 0.9, 0.04, 0.04)), index / 10)
    assert len(face._slots) == 120
    assert face.read(scores(LEAKING), 400).values == pytest.approx(LEAKING, abs=0.03)
