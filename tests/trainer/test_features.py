"""Features against the reference they follow, and by what they must not change with."""

import numpy as np
import pytest
from skimage.feature import hog, local_binary_pattern

from trainer.features import Cached, Hog, HogConfig, Lbp, LbpConfig, uniform_patterns


def faces(count=6, size=48, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, size, size)).astype(np.uint8)


@pytest.mark.parametrize("radius", [1, 2])
def test_patterns_fall_into_the_same_bins_as_scikit_image_puts_them(radius):
    image = faces(1)[0]
    theirs = local_binary_pattern(image, 8, radius, "nri_uniform")[radius:-radius, radius:-radius]
    ours = uniform_patterns(image[None], radius)[0]
    pairs, counts = np.unique(np.stack([ours.ravel(), theirs.ravel()]), axis=1, return_counts=True)
    common = pairs[:, counts > 2]
    assert len(np.unique(common[0])) == len(np.unique(common[1])) == common.shape[1]


def test_a_flat_patch_has_one_pattern():
    assert len(np.unique(uniform_patterns(np.full((1, 20, 20), 77, np.uint8), 2))) == 1


def test_patterns_do_not_change_with_the_light():
    image = faces(1) // 4
    darker = Lbp(LbpConfig())(image)
    assert Lbp(LbpConfig())(2 * image + 30) == pytest.approx(darker)


def test_histograms_of_patterns_hold_every_pixel_once():
    features = Lbp(LbpConfig(radii=(1, 2), grid=3))(faces())
    assert features.shape == (6, 2 * 3 * 3 * 59)
    assert (features.reshape(6, 18, 59) ** 2).sum(2) == pytest.approx(np.ones((6, 18)), abs=1e-5)


def test_gradients_are_those_of_scikit_image():
    features = Hog(HogConfig(cells=(8, 6)))(faces(2))
    image = faces(2)[1]
    parts = [hog(image, 8, (cell, cell), (2, 2), block_norm="L2-Hys") for cell in (8, 6)]
    assert features.shape == (2, 2368)
    assert features[1] == pytest.approx(np.concatenate(parts), abs=1e-6)


def test_what_was_computed_once_is_read_back(tmp_path):
    class Counting:
        name, calls = "counting", 0

        def __call__(self, images):
            self.calls += 1
            return images.reshape(len(images), -1).astype(np.float32)

    inner = Counting()
    for _ in range(2):
        features = Cached(inner, tmp_path, at_least=2)(faces(4, 16))
    assert inner.calls == 1
    assert features.shape == (4, 256)
    Cached(inner, tmp_path, at_least=2)(faces(4, 16, seed=1))
    assert inner.calls == 2
    assert len(list(tmp_path.glob("counting-*.npy"))) == 2


def test_a_name_tells_settings_apart():
    names = {Lbp(LbpConfig()).name, Lbp(LbpConfig(grid=7)).name, Hog(HogConfig()).name, Hog(HogConfig(cells=(8,))).name}
    assert len(names) == 4
