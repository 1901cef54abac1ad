"""Letterboxing: sizes, padding, and the way back."""

import numpy as np
import pytest

from engine.detectors.letterbox import by_shape, letterbox, neutral
from engine.pixels import InputSpec

FILL = (1, 2, 3)


@pytest.mark.parametrize(
    "source, size, canvas",
    [
        ((720, 1280), 640, (360, 640)),  # fits exactly: no padding is paid for
        ((1080, 1920), 640, (360, 640)),
        ((360, 640), 640, (360, 640)),  # unchanged
        ((100, 60), 640, (104, 64)),  # smaller pictures are not enlarged
        ((719, 1280), 640, (360, 640)),  # one row short joins its neighbours
        ((1, 1), 640, (8, 8)),
        ((10, 3000), 640, (8, 640)),
        ((3000, 1), 640, (640, 8)),
    ],
)
def test_the_canvas_is_as_small_as_the_strides_allow(source, size, canvas):
    boxed = letterbox(np.zeros((*source, 3), np.uint8), size, FILL)
    assert boxed.image.shape == (*canvas, 3)
    assert boxed.size == source[::-1]


@pytest.mark.parametrize("source", [(720, 1280), (33, 100), (100, 33), (1, 1), (480, 640)])
def test_a_fixed_shape_is_filled_without_enlarging(source):
    boxed = letterbox(np.full((*source, 3), 9, np.uint8), 640, FILL, shape=(320, 320))
    shrink = min(1, 320 / max(source))
    height, width = (max(round(side * shrink), 1) for side in source)
    assert boxed.image.shape == (320, 320, 3)
    assert (boxed.image[:height, :width] == 9).all()
    assert (boxed.image[height:] == FILL).all()
    assert (boxed.image[:, width:] == FILL).all()


@pytest.mark.parametrize("source", [(720, 1280), (1081, 1917), (77, 41), (3000, 10)])
def test_the_corners_map_back_onto_the_corners(source):
    boxed = letterbox(np.zeros((*source, 3), np.uint8), 640, FILL)
    height, width = source
    small = np.array([width, height], np.float32) / boxed.scale
    assert small == pytest.approx(np.round(small), abs=1e-3)
    assert boxed.to_source(small) == pytest.approx((width, height), rel=1e-6)


def test_a_marked_pixel_is_found_again():
    image = np.zeros((719, 1279, 3), np.uint8)
    image[400:404, 800:804] = 255
    boxed = letterbox(image, 640, (0, 0, 0))
    y, x = np.argwhere(boxed.image[:, :, 0] > 100).mean(axis=0) + 0.5
    assert boxed.to_source(np.array([x, y], np.float32)) == pytest.approx((802, 402), abs=1.0)


def test_pictures_of_one_canvas_share_a_batch():
    boxes = [letterbox(np.zeros((*side, 3), np.uint8), 640, FILL) for side in ((720, 1280), (480, 640), (360, 640))]
    assert list(by_shape(boxes).values()) == [[0, 2], [1]]


@pytest.mark.parametrize(
    "spec, colour",
    [
        (InputSpec(None, None, "BGR", 1.0, (104, 117, 123), (1, 1, 1)), (104, 117, 123)),
        (InputSpec(None, None, "RGB", 1 / 255, (0.485, 0.456, 0.406), (0.2, 0.2, 0.2)), (104, 116, 124)),
        (InputSpec(None, None, "GRAY", 1 / 255, (0.5,), (0.5,)), (128, 128, 128)),
        (InputSpec(None, None, "BGR", 1.0, (-4, 0, 400), (1, 1, 1)), (0, 0, 255)),  # no such colour: the nearest
    ],
)
def test_padding_has_the_colour_that_becomes_zero(spec, colour):
    assert neutral(spec) == colour
