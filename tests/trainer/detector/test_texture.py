"""Drawn grounds: repeatable, of many kinds, never flat."""

import numpy as np

from trainer.detector.texture import texture


def test_textures_are_drawn_from_their_seed_and_differ() -> None:
    drawn = [texture(96, np.random.default_rng(seed)) for seed in range(24)]
    again = [texture(96, np.random.default_rng(seed)) for seed in range(24)]
    for one, other in zip(drawn, again, strict=True):
        assert one.shape == (96, 96, 3)
        assert one.dtype == np.uint8
        np.testing.assert_array_equal(one, other)
    assert len({image.tobytes() for image in drawn}) == 24
    assert sum(image.std() > 4 for image in drawn) > 18
