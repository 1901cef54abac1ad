"""Blurred faces cannot be told from one another."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.items import Box, Detection, Image
from engine.preview import covers, hide
from engine.preview.blur import MARGIN
from engine.stages.track import SourceTracker, TrackConfig
from tests.support.shots import noise, tracked_face, tracked_frame


def detail(image: Image) -> float:
    """The part of the picture's energy that is in fine detail."""
    return float(cv2.Laplacian(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32), cv2.CV_32F).var())


def cut(image: Image, box: Box, margin: float = 0.0) -> Image:
    """The part of `image` in `box`, with as much more of its size on each side; a view."""
    x1, y1, x2, y2 = box
    grown = (x1 - margin * (x2 - x1), y1 - margin * (y2 - y1), x2 + margin * (x2 - x1), y2 + margin * (y2 - y1))
    left, top, right, bottom = (max(0, round(side)) for side in grown)
    return image[top:bottom, left:right]


@pytest.mark.parametrize(
    "box",
    [
        (100.0, 60.0, 140.0, 110.0),
        (100.4, 60.6, 108.5, 70.2),  # small ones as strongly as large ones
        (5.0, 5.0, 170.0, 175.0),
        (-30.0, -20.0, 40.0, 60.0),  # half outside
        (290.0, 150.0, 400.0, 300.0),
    ],
)
def test_nothing_fine_is_left_of_a_face_and_what_is_round_it(box: Box) -> None:
    original = noise()
    blurred = original.copy()
    hide(blurred, [box])
    assert detail(cut(blurred, box, MARGIN)) < 0.01 * detail(cut(original, box, MARGIN))
    elsewhere = np.ones(original.shape[:2], bool)
    cut(elsewhere, box, MARGIN + 0.1)[:] = False
    assert np.array_equal(blurred[elsewhere], original[elsewhere])


def test_people_look_alike_afterwards() -> None:
    """Two pictures that differ in all but their coarsest features become nearly the same."""
    box = (60.0, 30.0, 160.0, 150.0)
    one, other = noise(), np.ascontiguousarray(noise()[:, ::-1])
    before = np.abs(cut(one, box).astype(int) - cut(other, box)).mean()
    hide(one, [box])
    hide(other, [box])
    assert np.abs(cut(one, box).astype(int) - cut(other, box)).mean() < 0.1 * before


@pytest.mark.parametrize("box", [(-50.0, 0.0, -20.0, 30.0), (400.0, 10.0, 500.0, 50.0), (10.0, 400.0, 50.0, 500.0)])
def test_a_face_outside_the_picture_changes_nothing(box: Box) -> None:
    blurred = noise()
    hide(blurred, [box])
    assert np.array_equal(blurred, noise())


def test_boxes_count_in_pixels_of_the_frame_also_in_a_smaller_picture() -> None:
    small = noise(80, 45)
    hide(small, [(100.0, 60.0, 140.0, 110.0)], 0.25)
    assert detail(cut(small, (25.0, 15.0, 35.0, 27.0))) < 0.02 * detail(cut(noise(80, 45), (25.0, 15.0, 35.0, 27.0)))
    assert np.array_equal(small[:, :20], noise(80, 45)[:, :20])


def test_a_face_between_two_sights_is_hidden_all_along_its_way() -> None:
    """It was on the left, should be on the right by now, and may be anywhere between."""
    was, due = (20.0, 60.0, 60.0, 110.0), (180.0, 50.0, 220.0, 100.0)
    tracked = tracked_frame(faces=(tracked_face(due, seen_box=was),))
    (cover,) = covers(tracked)
    assert cover == (20.0, 50.0, 220.0, 110.0)
    blurred = noise()
    hide(blurred, covers(tracked))
    for x in range(20, 181, 20):
        assert detail(cut(blurred, (x, 55.0, x + 40.0, 105.0))) < 0.01 * detail(noise())


def test_unconfirmed_faces_and_those_gone_astray_are_covered_too() -> None:
    young, astray = (10.0, 10.0, 40.0, 40.0), (100.0, 100.0, 140.0, 150.0)
    tracked = tracked_frame(faces=(tracked_face(young, confirmed=False),), astray=(astray,))
    assert covers(tracked) == (young, astray)


boxes = st.tuples(st.floats(-50, 350), st.floats(-50, 200), st.floats(2, 200), st.floats(2, 200))
looks = st.lists(st.none() | st.lists(boxes, max_size=4), min_size=1, max_size=12)


@given(looks)
def test_whatever_the_detector_finds_is_covered_from_its_first_sight_on(seen: list[list[Box] | None]) -> None:
    tracker = SourceTracker("door", "run", TrackConfig(), rotate_s=10)
    for index, found in enumerate(seen):
        faces = None if found is None else [Detection((x, y, x + w, y + h), 0.9) for x, y, w, h in found]
        tracked, _ = tracker.update(tracked_frame(index * 20).frame, faces)
        assert tracked.looked == (faces is not None)
        hidden = covers(tracked)
        for face in faces or []:
            assert any(_holds(cover, face.box) for cover in hidden)


def _holds(outer: Box, inner: Box) -> bool:
    return outer[0] <= inner[0] and outer[1] <= inner[1] and outer[2] >= inner[2] and outer[3] >= inner[3]


def test_a_place_that_only_may_be_a_face_is_hidden_for_a_second() -> None:
    tracker = SourceTracker("door", "run", TrackConfig())
    place = (0.0, 40.0, 30.0, 90.0)
    frames = [tracked_frame(index=n).frame for n in range(14)]
    first, _ = tracker.update(frames[0], [], [place])
    assert (first.faces, covers(first)) == ((), (place,))
    hidden = [covers(tracker.update(frame, [])[0]) for frame in frames[1:]]
    assert hidden[:9] == [(place,)] * 9
    assert hidden[-1] == ()
