"""Alignment: exact on similar faces, least squares on others, nothing lost at the picture's edge."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.align import TEMPLATE, align, similarity, square_crop
from engine.items import Floats, Image


def moved(angle_deg: float, scale: float, x: float, y: float) -> Floats:
    """The template turned, scaled and shifted."""
    turn = np.deg2rad(angle_deg)
    linear = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return (TEMPLATE @ linear.T + (x, y)).astype(np.float32)


def apply(matrix: np.ndarray, points: Floats) -> np.ndarray:
    return points @ matrix[:, :2].T + matrix[:, 2]


@given(st.floats(-180, 180), st.floats(0.1, 20), st.floats(-1000, 3000), st.floats(-1000, 3000))
def test_a_moved_template_comes_back_exactly(angle, scale, x, y):
    landmarks = moved(angle, scale, x, y)
    # float32 landmarks far from the origin are coarse themselves
    assert apply(similarity(landmarks), landmarks) == pytest.approx(TEMPLATE, abs=1e-2 + 1e-3 / scale)


@given(st.integers(0, 10_000))
def test_it_is_umeyamas_least_squares(seed):
    landmarks = (TEMPLATE * 2 + np.random.default_rng(seed).normal(0, 15, (5, 2))).astype(np.float32)
    np.testing.assert_allclose(similarity(landmarks), umeyama(landmarks, TEMPLATE), atol=1e-9)


def umeyama(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The published form, by singular values (Umeyama 1991, equations 34 to 43)."""
    source, target = source.astype(np.float64), target.astype(np.float64)
    mean_s, mean_t = source.mean(axis=0), target.mean(axis=0)
    covariance = (target - mean_t).T @ (source - mean_s) / len(source)
    u, d, vt = np.linalg.svd(covariance)
    sign = np.diag([1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    rotation = u @ sign @ vt
    scale = np.trace(np.diag(d) @ sign) / source.var(axis=0).sum()
    return np.column_stack([scale * rotation, mean_t - scale * rotation @ mean_s])


def test_a_mirrored_face_is_not_mirrored_back():
    matrix = similarity((TEMPLATE * (-1, 1)).astype(np.float32))
    assert np.linalg.det(matrix[:, :2]) > 0


def test_five_points_in_one_place_are_centred():
    matrix = similarity(np.full((5, 2), 70, np.float32))
    np.testing.assert_allclose(matrix[:, :2], np.eye(2))
    np.testing.assert_allclose(apply(matrix, np.float32([[70, 70]]))[0], TEMPLATE.mean(axis=0), atol=1e-4)


@pytest.mark.parametrize("size", [48, 112, 224])
def test_the_template_scales_with_the_chip(size):
    np.testing.assert_allclose(apply(similarity(TEMPLATE, size), TEMPLATE), TEMPLATE * size / 112, atol=1e-4)


def dotted(landmarks: Floats, height: int, width: int, radius: int) -> Image:
    image = np.zeros((height, width, 3), np.uint8)
    for x, y in landmarks:
        cv2.circle(image, (round(float(x)), round(float(y))), radius, (255, 255, 255), -1)
    return image


@pytest.mark.parametrize(
    "angle, scale, x, y",
    [
        (0, 1, 20, 30),
        (25, 0.7, 60, 30),
        (-40, 1.9, 100, 200),
        (10, 2.5, 200, 100),  # averaged down by 2 first
        (30, 6.3, 300, 100),  # by 6
    ],
)
def test_every_landmark_lands_on_its_place(angle, scale, x, y):
    landmarks = moved(angle, scale, x, y)
    image = dotted(landmarks, 1100, 1300, max(round(3 * scale), 2))
    chip = align(image, landmarks)
    assert chip.shape == (112, 112, 3) and chip.dtype == np.uint8
    _, _, _, centres = cv2.connectedComponentsWithStats((chip[:, :, 0] > 127).astype(np.uint8))
    found = sorted(map(tuple, centres[1:]))
    assert np.array(found) == pytest.approx(np.array(sorted(map(tuple, TEMPLATE))), abs=0.3 + 0.6 / scale)


def test_shrinking_first_shows_the_same_picture_without_flicker():
    noise = np.random.default_rng(0).integers(0, 256, (900, 900, 3), np.uint8)
    landmarks = moved(5, 6, 60, 40)
    chip = align(noise, landmarks)
    plain = cv2.warpAffine(noise, similarity(landmarks), (112, 112), borderMode=cv2.BORDER_REPLICATE)
    assert abs(float(chip.mean()) - float(plain.mean())) < 2
    assert chip.std() < plain.std() / 3


@pytest.mark.parametrize("scale", [0.5, 1, 5])
def test_beyond_the_picture_its_edge_repeats(scale):
    image = np.full((int(60 * scale), int(60 * scale), 3), 200, np.uint8)
    chip = align(image, moved(20, scale, 5, 5))
    assert (chip == 200).all()


def test_a_face_entirely_outside_is_no_error():
    assert align(np.full((50, 50, 3), 9, np.uint8), moved(0, 5, 4000, -3000)).shape == (112, 112, 3)


@pytest.mark.parametrize(
    "box, x, y",
    [
        ((10, 20, 30, 40), 20, 30),
        ((10, 20, 30, 30), 20, 25),  # wider than high: square around the centre
        ((-10, -10, 10, 10), 0, 0),
        ((90, 50, 110, 70), 99, 60),
        ((500, 500, 520, 520), 99, 79),  # entirely outside: the nearest corner
    ],
)
def test_a_square_crop_is_centred_on_its_box(box, x, y):
    ramp = np.zeros((80, 100, 3), np.uint8)
    ramp[:, :, 0] = np.arange(100)
    ramp[:, :, 1] = np.arange(80)[:, None]
    chip = square_crop(ramp, box, 40)
    assert chip.shape == (40, 40, 3)
    assert chip[20, 20, :2] == pytest.approx([x, y], abs=1)


def test_a_square_crop_owns_its_pixels():
    image = np.zeros((40, 40, 3), np.uint8)
    image.flags.writeable = False
    chip = square_crop(image, (0, 0, 40, 40), 40)
    chip[:] = 7
    assert not image.any()
