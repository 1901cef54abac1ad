"""Labels end up where the pixels do."""

import numpy as np
import pytest

from trainer.detector.layers import Scene, placing, shrunk, turned_box
from trainer.detector.pictures import Face, Picture

LANDMARKS = np.array([(40, 40), (60, 40), (50, 52), (42, 64), (58, 64)], np.float32)
FACE = Face((30.0, 25.0, 70.0, 75.0), LANDMARKS, 0.9)


def marked() -> tuple[np.ndarray, Picture]:
    """A picture whose five landmarks are dots of five brightnesses."""
    image = np.zeros((100, 100, 3), np.uint8)
    for number, (x, y) in enumerate(LANDMARKS.astype(int)):
        image[y - 2 : y + 3, x - 2 : x + 3] = 50 + 40 * number
    return image, Picture("p", "g", "train", 100, 100, (FACE,), (), 0)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize(("scale", "turn"), [(1.0, 0.0), (2.5, 0.3), (0.5, -0.4), (0.4, 0.0)])
def test_landmarks_stay_on_their_dots_through_turns_scales_and_mirrors(flip: bool, scale: float, turn: float) -> None:
    image, picture = marked()
    scene = Scene(np.zeros((300, 300, 3), np.uint8))
    scene.put(image, picture, placing((50, 50), (150, 140), scale, turn, flip), scene.whole, 5)
    (face,) = scene.faces
    assert face.landmarks is not None
    expected = [1, 0, 2, 4, 3] if flip else [0, 1, 2, 3, 4]
    for (x, y), number in zip(face.landmarks.round().astype(int), expected, strict=True):
        brightness = scene.image[y - 1 : y + 2, x - 1 : x + 2, 0].max()
        assert abs(int(brightness) - (50 + 40 * number)) < 0.35 * (50 + 40 * number)
    assert face.score == 0.9
    width, height = face.box[2] - face.box[0], face.box[3] - face.box[1]
    assert 0.8 * 40 * scale <= width <= 50 * scale
    assert 0.8 * 40 * scale <= height <= 51 * scale


def test_a_box_turned_by_a_quarter_lies_on_its_side() -> None:
    turned = turned_box(FACE.box, placing((50, 50), (50, 50), 1, np.pi / 2, False))
    np.testing.assert_allclose(turned, (25, 30, 75, 70), atol=1e-4)


def test_a_face_mostly_outside_its_region_is_ignored_and_one_outside_is_gone() -> None:
    image, picture = marked()
    scene = Scene(np.zeros((100, 100, 3), np.uint8))
    scene.put(image, picture, placing((50, 50), (50, 50), 1, 0, False), (0, 0, 44, 100), 5)
    assert not scene.faces
    assert len(scene.ignored) == 1
    assert scene.ignored[0][2] == 44
    scene = Scene(np.zeros((100, 100, 3), np.uint8))
    scene.put(image, picture, placing((50, 50), (50, 50), 1, 0, False), (0, 0, 30, 100), 5)
    assert not scene.faces
    assert not scene.ignored


def test_a_face_partly_outside_keeps_the_part_that_is_seen() -> None:
    image, picture = marked()
    scene = Scene(np.zeros((100, 100, 3), np.uint8))
    scene.put(image, picture, placing((50, 50), (90, 50), 1, 0, False), scene.whole, 5)
    (face,) = scene.faces
    assert face.box == (70, 25, 100, 75)


def test_what_is_drawn_over_a_face_hides_it() -> None:
    image, picture = marked()
    scene = Scene(np.zeros((100, 100, 3), np.uint8))
    scene.put(image, picture, placing((50, 50), (50, 50), 1, 0, False), scene.whole, 5)
    scene.cover((30, 25, 40, 75))
    assert len(scene.faces) == 1
    scene.cover((30, 25, 55, 75))
    assert not scene.faces
    assert len(scene.ignored) == 1


def test_faces_too_small_are_ignored_regions() -> None:
    image, picture = marked()
    scene = Scene(np.zeros((100, 100, 3), np.uint8))
    scene.put(image, picture, placing((50, 50), (50, 50), 0.15, 0, False), scene.whole, 8)
    assert not scene.faces
    assert len(scene.ignored) == 1


def test_shrinking_averages_and_keeps_positions() -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    image[16:32, 32:48] = 200
    small, moved = shrunk(image, placing((0, 0), (0, 0), 0.25, 0, False))
    assert small.shape == (16, 16, 3)
    assert small[4:8, 8:12].min() == 200
    # Pixel 8 of the small picture covers 32 to 35 of the large one: its centre is 33.5, a quarter of which is 8.375.
    np.testing.assert_allclose(moved @ (8, 4, 1), (8.375, 4.375), atol=1e-6)
