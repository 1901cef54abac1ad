"""Random changes keep shape and range and follow their seed."""

import pytest
import torch

from trainer.augment import AugmentConfig, augment


def faces(count: int = 12, size: int = 48) -> torch.Tensor:
    return torch.rand(count, 1, size, size, generator=torch.Generator().manual_seed(0)) * 4 - 2


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("size", [16, 44, 48])
def test_shape_type_and_range_stay(size):
    batch = faces(size=size)
    changed = augment(batch, AugmentConfig(contrast=0.9, noise=1.0), seeded(1))
    assert changed.shape == batch.shape and changed.dtype == torch.float32
    assert changed.min() >= batch.min() and changed.max() <= batch.max()


def test_the_same_seed_gives_the_same_faces_and_another_does_not():
    first, again, other = (augment(faces(), AugmentConfig(), seeded(seed)) for seed in (5, 5, 6))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_batch_that_came_in_is_not_changed():
    batch = faces()
    before = batch.clone()
    augment(batch, AugmentConfig(), seeded(2))
    assert torch.equal(batch, before)


def test_with_everything_off_a_face_is_itself_or_its_mirror_image():
    off = AugmentConfig(
        turn=0, zoom=0, shift=0, contrast=0, brightness=1e-6, blur_share=0, noise_share=0, cutout_share=0
    )
    batch = faces(32)
    changed = augment(batch, off, seeded(3))
    same = [torch.allclose(a, b, atol=1e-4) for a, b in zip(changed, batch, strict=True)]
    mirrored = [torch.allclose(a, b.flip(-1), atol=1e-4) for a, b in zip(changed, batch, strict=True)]
    assert all(one != other for one, other in zip(same, mirrored, strict=True))
    assert any(same) and any(mirrored)


def test_a_patch_is_cut_from_about_the_asked_share():
    only = AugmentConfig(
        turn=0, zoom=0, shift=0, contrast=0, brightness=1e-6, blur_share=0, noise_share=0, cutout_share=0.5
    )
    cut = (augment(faces(400), only, seeded(4)) == 0).flatten(1).any(1).float().mean()
    assert 0.4 < cut < 0.6
