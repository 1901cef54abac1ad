"""Properties of faces and the accuracy on their thirds."""

import numpy as np
import pytest

from trainer.slices import properties, slices

FRONTAL = [[14, 20], [34, 20], [24, 28], [16, 36], [32, 36]]
TURNED = [[14, 20], [34, 20], [29, 28], [16, 36], [32, 36]]


def looked_at(*images, landmarks=FRONTAL, found=True):
    count = len(images)
    points = np.tile(np.array(landmarks, np.float32), (count, 1, 1))
    return properties(np.stack(images).astype(np.uint8), points, np.full(count, found))


def test_the_size_of_a_face_is_the_distance_of_its_eyes():
    assert looked_at(np.zeros((48, 48)))["size"].tolist() == [20.0]


@pytest.mark.parametrize(
    "landmarks, yaw",
    [
        (FRONTAL, 0.0),
        (TURNED, 0.25),  # the nose 5 pixels beside the middle, the eyes 20 apart
        ([[x + 7, y - 3] for x, y in TURNED], 0.25),  # moved
        ([[-y, x] for x, y in TURNED], 0.25),  # rolled by a quarter
        ([[2 * x, 2 * y] for x, y in TURNED], 0.25),  # twice as near
        ([[48 - x, y] for x, y in TURNED], 0.25),  # to the other side
    ],
)
def test_pose_is_how_far_the_nose_lies_beside_the_middle_of_the_eyes(landmarks, yaw):
    assert looked_at(np.zeros((48, 48)), landmarks=landmarks)["pose"] == pytest.approx([yaw], abs=1e-6)


def test_a_blurred_face_is_less_sharp_and_a_light_one_brighter():
    checks = np.indices((48, 48)).sum(0) % 2 * 200
    seen = looked_at(checks, np.full((48, 48), 100), np.full((48, 48), 250))
    assert seen["sharpness"][0] > 1000 > seen["sharpness"][1] == 0
    assert seen["brightness"].tolist() == [100.0, 100.0, 250.0]


def test_without_landmarks_size_and_pose_are_unknown_not_zero():
    seen = looked_at(np.zeros((48, 48)), found=False)
    assert np.isnan(seen["size"]).all() and np.isnan(seen["pose"]).all()


def test_thirds_hold_all_images_and_their_accuracy():
    values = np.arange(9.0)
    right = np.array([1, 1, 1, 1, 1, 0, 0, 0, 0], np.bool_)
    parts = slices(dict.fromkeys(("size", "sharpness", "brightness", "pose"), values), right)["size"]
    assert [part["name"] for part in parts] == ["small", "medium", "large"]
    assert [part["images"] for part in parts] == [3, 3, 3]
    assert [part["accuracy"] for part in parts] == [1.0, 0.6667, 0.0]
    assert [(part["low"], part["high"]) for part in parts] == [(0, 2), (3, 5), (6, 8)]
    assert parts[0]["accuracy_interval"][0] > 0.4


def test_images_without_a_value_are_a_slice_of_their_own():
    values = np.array([np.nan, 1, 2, 3])
    parts = slices(dict.fromkeys(("size", "sharpness", "brightness", "pose"), values), np.ones(4, np.bool_))["pose"]
    assert parts[-1]["name"] == "no landmarks" and parts[-1]["images"] == 1
    assert sum(part["images"] for part in parts) == 4


def test_a_property_that_all_images_share_has_one_slice():
    values = np.full(6, 2.0)
    parts = slices(dict.fromkeys(("size", "sharpness", "brightness", "pose"), values), np.ones(6, np.bool_))["size"]
    assert [(part["name"], part["images"]) for part in parts] == [("all", 6)]
