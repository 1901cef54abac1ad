import numpy as np
import pytest

from engine.sources.stillness import Stillness

RNG = np.random.default_rng(1)
PICTURE = RNG.integers(0, 256, (120, 160, 3), dtype=np.uint8)


def shifted(image, levels):
    return np.clip(image.astype(np.int16) + levels, 0, 255).astype(np.uint8)


def face_moved(image):
    moved = image.copy()
    moved[40:60, 50:70] = 255 - moved[40:60, 50:70]
    return moved


CHANGES = [
    # what comes after, whether the picture is still the same
    (PICTURE.copy(), True),
    (shifted(PICTURE, 2), True),  # encoded again from the same picture
    (shifted(PICTURE, 12), False),  # a cloud
    (shifted(PICTURE, RNG.integers(-9, 10, PICTURE.shape)), False),  # a sensor's noise
    (face_moved(PICTURE), False),
    (PICTURE[:60], False),
]


@pytest.mark.parametrize(("after", "same"), CHANGES)
def test_a_picture_is_the_same_up_to_what_encoding_does(after, same):
    stillness = Stillness()
    assert stillness.take(PICTURE, 10.0) == 0
    assert (stillness.take(after, 25.0) == 15.0) is same
    assert stillness.take(after, 40.0) == (30.0 if same else 15.0)


def test_a_slow_change_adds_up():
    stillness = Stillness()
    times = [stillness.take(shifted(PICTURE // 2 + 20, step), float(step)) for step in range(30)]
    assert max(times) <= 5


def test_the_picture_is_looked_at_twice_a_second():
    stillness = Stillness()
    stillness.take(PICTURE, 10.0)
    assert stillness.take(255 - PICTURE, 10.4) == 0
    assert stillness.take(PICTURE, 11.0) == 1.0
