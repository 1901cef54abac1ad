"""The one conversion from pictures to tensors, value by value."""

import numpy as np
import pytest

from engine.items import Image
from engine.pixels import InputSpec, fit, to_tensor

BLUE, GREEN, RED = 10, 20, 30


def picture(height: int = 2, width: int = 3) -> Image:
    return np.full((height, width, 3), (BLUE, GREEN, RED), np.uint8)


@pytest.mark.parametrize(
    "spec, expected",
    [
        # as it is
        (InputSpec(None, None, "BGR", 1.0, (0, 0, 0), (1, 1, 1)), [10, 20, 30]),
        (InputSpec(None, None, "RGB", 1.0, (0, 0, 0), (1, 1, 1)), [30, 20, 10]),
        # Caffe's means
        (InputSpec(None, None, "BGR", 1.0, (104, 117, 123), (1, 1, 1)), [-94, -97, -93]),
        # insightface: (x - 127.5) / 128
        (InputSpec(None, None, "RGB", 1.0, (127.5,) * 3, (128.0,) * 3), [-97.5 / 128, -107.5 / 128, -117.5 / 128]),
        # mean and std belong to the model's own order
        (InputSpec(None, None, "RGB", 1.0, (1, 2, 3), (1, 10, 100)), [29, 1.8, 0.07]),
        # torchvision: 0..1, then mean and std
        (InputSpec(None, None, "RGB", 1 / 255, (0.5, 0.5, 0.5), (0.5, 0.25, 1.0)), [-0.764706, -1.686275, -0.460784]),
        # ITU-R 601 luma, rounded: 0.114 * 10 + 0.587 * 20 + 0.299 * 30
        (InputSpec(None, None, "GRAY", 1.0, (0,), (1,)), [22]),
    ],
)
def test_each_value_is_scaled_shifted_and_put_in_its_plane(spec, expected):
    tensor = to_tensor([picture()], spec)
    assert tensor.shape == (1, len(expected), 2, 3) and tensor.dtype == np.float32
    assert tensor.flags.c_contiguous
    for plane, value in zip(tensor[0], expected, strict=True):
        np.testing.assert_allclose(plane, value, rtol=1e-4)


def test_gray_pictures_serve_gray_and_colour_models():
    gray = np.full((4, 4), 7, np.uint8)
    assert (to_tensor([gray], InputSpec(4, 4, "GRAY", 1.0, (0,), (1,))) == 7).all()
    assert (to_tensor([gray], InputSpec(4, 4, "RGB", 1.0, (0, 0, 0), (1, 1, 1))) == 7).all()


def test_pictures_of_any_size_meet_a_spec_with_a_size():
    spec = InputSpec(8, 6, "BGR", 1.0, (0, 0, 0), (1, 1, 1))
    tensor = to_tensor([picture(2, 3), picture(60, 80), picture(6, 8)], spec)
    assert tensor.shape == (3, 3, 6, 8)
    np.testing.assert_array_equal(tensor[0], tensor[2])


def test_a_batch_of_one_equals_a_batch_of_many():
    random = np.random.default_rng(0)
    images = [random.integers(0, 256, (9, 7, 3), np.uint8) for _ in range(4)]
    spec = InputSpec(5, 4, "RGB", 1 / 255, (0.4, 0.5, 0.6), (0.2, 0.3, 0.4))
    np.testing.assert_array_equal(to_tensor(images, spec), np.concatenate([to_tensor([one], spec) for one in images]))


def test_different_sizes_need_a_spec_with_a_size():
    with pytest.raises(ValueError, match="one size"):
        to_tensor([picture(2, 3), picture(3, 2)], InputSpec(None, None, "BGR", 1.0, (0, 0, 0), (1, 1, 1)))


def test_no_pictures_give_an_empty_batch():
    assert to_tensor([], InputSpec(8, 6, "BGR", 1.0, (0, 0, 0), (1, 1, 1))).shape == (0, 3, 6, 8)


def test_the_pictures_are_not_changed():
    image = picture()
    image.flags.writeable = False
    to_tensor([image], InputSpec(8, 6, "RGB", 2.0, (1, 1, 1), (3, 3, 3)))
    assert (image == (BLUE, GREEN, RED)).all()


@pytest.mark.parametrize("height, width", [(4, 4), (2, 8), (16, 16), (1, 1)])
def test_fitting_gives_exactly_the_size_and_copies_only_if_needed(height, width):
    image = picture(4, 4)
    assert fit(image, width, height).shape == (height, width, 3)
    assert (fit(image, width, height) is image) == ((height, width) == (4, 4))


def test_shrinking_averages():
    stripes = np.zeros((4, 4, 3), np.uint8)
    stripes[::2] = 100
    assert (fit(stripes, 2, 2) == 50).all()


@pytest.mark.parametrize(
    "change, message",
    [
        ({"colour": "HSV"}, "colour must be BGR, RGB or GRAY, got 'HSV'"),
        ({"mean": (0.0,)}, "BGR needs 3 values"),
        ({"std": (1.0, 0.0, 1.0)}, "scale and std must be positive"),
        ({"scale": 0.0}, "scale and std must be positive"),
        ({"scale": float("nan")}, "must be finite"),
        ({"mean": (0.0, float("inf"), 0.0)}, "must be finite"),
        ({"width": 0}, "width and height must be positive"),
        ({"height": -3}, "width and height must be positive"),
        ({"width": None}, "or both null"),
    ],
)
def test_a_senseless_spec_is_refused(change, message):
    values = {"width": 8, "height": 6, "colour": "BGR", "scale": 1.0, "mean": (0.0,) * 3, "std": (1.0,) * 3}
    with pytest.raises(ValueError, match=message):
        InputSpec(**{**values, **change})
