"""Random changes keep shape and range and follow their seed."""

import numpy as np
import pytest
import torch

from trainer.augment import AugmentConfig, augment, mix_up
from trainer.camera import compressed

OFF = {
    "turn": 0,
    "zoom": 0,
    "shift": 0,
    "contrast": 0,
    "brightness": 0,
    "gamma": 0,
    "side_light": 0,
    "smear_share": 0,
    "low_resolution_share": 0,
    "noise_share": 0,
    "cutout_share": 0,
}
LIMITS = (-2.0, 2.0)


def faces(count: int = 12, size: int = 48) -> torch.Tensor:
    return torch.rand(count, 1, size, size, generator=torch.Generator().manual_seed(0)) * 4 - 2


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("size", [16, 44, 48])
def test_shape_type_and_range_stay(size):
    batch = faces(size=size)
    changed = augment(batch, *LIMITS, AugmentConfig(contrast=0.9, noise=1.0, noise_share=1), seeded(1))
    assert changed.shape == batch.shape and changed.dtype == torch.float32
    assert changed.min() >= LIMITS[0] and changed.max() <= LIMITS[1]


def test_the_same_seed_gives_the_same_faces_and_another_does_not():
    first, again, other = (augment(faces(), *LIMITS, AugmentConfig(), seeded(seed)) for seed in (5, 5, 6))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_batch_that_came_in_is_not_changed():
    batch = faces()
    before = batch.clone()
    augment(batch, *LIMITS, AugmentConfig(), seeded(2))
    assert torch.equal(batch, before)


def test_with_everything_off_a_face_is_itself_or_its_mirror_image():
    off = AugmentConfig(**OFF)
    batch = faces(32)
    changed = augment(batch, *LIMITS, off, seeded(3))
    same = [torch.allclose(a, b, atol=1e-4) for a, b in zip(changed, batch, strict=True)]
    mirrored = [torch.allclose(a, b.flip(-1), atol=1e-4) for a, b in zip(changed, batch, strict=True)]
    assert all(one != other for one, other in zip(same, mirrored, strict=True))
    assert any(same) and any(mirrored)


def test_a_patch_is_cut_from_about_the_asked_share():
    only = AugmentConfig(**{**OFF, "cutout_share": 0.5})
    cut = (augment(faces(400), *LIMITS, only, seeded(4)) == 0).flatten(1).any(1).float().mean()
    assert 0.4 < cut < 0.6


@pytest.mark.parametrize(
    "effect",
    [
        {"gamma": 0.5},
        {"side_light": 1.0},
        {"smear_share": 1.0},
        {"low_resolution_share": 1.0},
        {"noise_share": 1.0},
        {"contrast": 0.5},
        {"brightness": 0.5},
    ],
    ids=lambda effect: next(iter(effect)),
)
def test_each_effect_of_a_camera_alone_changes_faces_and_not_beyond_recognition(effect):
    batch = torch.nn.functional.avg_pool2d(faces(64), 5, 1, 2)
    changed = augment(batch, *LIMITS, AugmentConfig(**{**OFF, **effect}), seeded(6))
    plain = augment(batch, *LIMITS, AugmentConfig(**OFF), seeded(6))
    assert (changed - plain).abs().mean() > 0.005
    pairs = [(one - one.mean()).flatten() for one in changed], [(one - one.mean()).flatten() for one in plain]
    likeness = torch.nn.functional.cosine_similarity(torch.stack(pairs[0]), torch.stack(pairs[1]))
    assert likeness.mean() > 0.5


def test_a_share_of_the_faces_goes_through_jpeg():
    images = list(np.random.default_rng(0).integers(0, 256, (200, 48, 48), dtype=np.uint8))
    changed = compressed(images, 0.3, seeded(7))
    differ = np.mean([not np.array_equal(one, other) for one, other in zip(images, changed, strict=True)])
    assert 0.2 < differ < 0.4 and all(image.shape == (48, 48) and image.dtype == np.uint8 for image in changed)


def test_mixing_blends_faces_and_targets_in_the_same_proportion():
    batch = torch.arange(4.0).view(4, 1, 1, 1).expand(4, 1, 2, 2)
    targets = torch.eye(4)
    mixed, blended = mix_up(batch, targets, 1.0, seeded(8))
    assert torch.allclose(mixed[:, 0, 0, 0], blended @ torch.arange(4.0))
    assert torch.allclose(blended.sum(1), torch.ones(4)) and (blended.diag() >= 0.5).all()
    assert torch.equal(mix_up(batch, targets, 0.0, seeded(8))[0], batch)
