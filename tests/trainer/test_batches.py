"""What is trained on: which rows, which targets, how classes are balanced, and the same batches every time."""

import dataclasses

import numpy as np
import pytest
import torch

from engine.errors import ConfigError
from tests.trainer.support import invented_set
from trainer.batches import batches_per_epoch, class_factors, examples, training_epoch, validation_epoch


def changed(faces, **fields):
    return dataclasses.replace(faces, **fields)


def test_blank_unlabelled_and_removed_faces_are_not_trained_on(faces, recipe):
    images, removed = faces.whole.copy(), faces.removed.copy()
    images[3], removed[5] = 7, True
    data = examples(changed(faces, whole=images, removed=removed), recipe)
    assert not {3, 5} & set(data.train)
    assert len(data.train) == 64 - 2 and len(data.validation) == 16


def test_no_face_of_the_test_split_is_touched(faces, recipe):
    data = examples(faces, dataclasses.replace(recipe, labels=("ferplus", "fer2013")))
    assert not np.isin(np.flatnonzero(faces.split == 2), np.concatenate([data.train, data.validation])).any()


def test_a_face_that_annotators_call_none_is_out_whatever_another_set_says(faces, recipe):
    votes = faces.answers["ferplus"].counts.copy()
    votes[4] = 0
    votes[4, 9] = 10
    answers = {**faces.answers, "ferplus": dataclasses.replace(faces.answers["ferplus"], counts=votes)}
    data = examples(changed(faces, answers=answers), dataclasses.replace(recipe, labels=("fer2013", "ferplus")))
    assert 4 not in data.train


def test_heads_stand_side_by_side_and_only_plain_labels_are_smoothed(faces, recipe):
    data = examples(faces, dataclasses.replace(recipe, labels=("ferplus", "fer2013"), smoothing=0.07))
    first, second = data.slices
    assert (first, second) == (slice(0, 8), slice(8, 15)) and data.targets.shape == (96, 15)
    assert data.targets[:, first].sum(1) == pytest.approx(1) and data.targets[:, second].sum(1) == pytest.approx(1)
    assert data.targets[0, first].max() == pytest.approx(0.8)
    assert data.targets[:, second].min() == pytest.approx(0.01)


def test_an_unknown_label_set_is_named(faces, recipe):
    with pytest.raises(ConfigError, match="has label sets ferplus, fer2013, not 'affectnet'"):
        examples(faces, dataclasses.replace(recipe, labels=("affectnet",)))


@pytest.mark.parametrize("split", ["training", "validation"])
def test_a_split_without_images_is_named(faces, recipe, split):
    keep = 1 if split == "training" else 0
    with pytest.raises(ConfigError, match=f"no image is left for {split}"):
        examples(changed(faces, split=np.full(96, keep, np.uint8)), recipe)


@pytest.mark.parametrize(
    ("strength", "shares"),
    [
        (0.0, [0.75, 0.25]),  # as they come
        (1.0, [0.5, 0.5]),  # all the same
    ],
)
def test_rare_classes_count_more_by_strength(strength, shares):
    targets = np.repeat(np.eye(2, dtype=np.float32), [6, 2], axis=0)
    factors = class_factors(targets, strength)
    totals = targets.T @ factors / len(targets)
    assert totals == pytest.approx(shares) and factors.mean() == pytest.approx(1)


@pytest.mark.parametrize("imbalance", ["none", "weights", "oversample", "undersample"])
def test_every_way_of_balancing_keeps_the_length_of_an_epoch(recipe, imbalance):
    faces = invented_set(96)
    config = dataclasses.replace(recipe, imbalance=imbalance, strength=1.0)
    data = examples(faces, config)
    batches = list(training_epoch(data, config, 0))
    assert len(batches) == batches_per_epoch(data, config) == 4
    assert all(images.shape == (16, 1, 48, 48) for images, _ in batches)


def test_oversampling_shows_a_rare_class_more_often(recipe):
    faces = invented_set(480)
    rare = (faces.answers["fer2013"].majority() == 1) & (np.arange(480) > 40)
    faces = changed(faces, removed=rare)
    config = dataclasses.replace(recipe, strength=1.0, labels=("fer2013",), smoothing=0)

    def seen(imbalance):
        chosen = dataclasses.replace(config, imbalance=imbalance)
        data = examples(faces, chosen)
        return sum(targets[:, 1].sum().item() for _, targets in training_epoch(data, chosen, 0))

    assert seen("oversample") > 2 * seen("none")


def test_an_epoch_depends_on_seed_and_number_alone(faces, recipe):
    data = examples(faces, recipe)
    first, again, other = (next(training_epoch(data, recipe, epoch))[0] for epoch in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_the_first_epochs_are_smaller_in_training_and_validation(faces, recipe):
    config = dataclasses.replace(recipe, first_epochs=1)
    data = examples(faces, config)
    for epoch, side in ((0, 32), (1, 48)):
        assert next(training_epoch(data, config, epoch))[0].shape[-1] == side
        assert next(validation_epoch(data, config, data.whole, epoch))[0].shape[-1] == side


def test_the_last_epochs_are_gentler_and_as_the_classes_come(recipe):
    faces = invented_set(480)
    rare = (faces.answers["fer2013"].majority() == 1) & (np.arange(480) > 40)
    still = recipe.augment.times(0)
    config = dataclasses.replace(
        recipe, imbalance="oversample", strength=1.0, labels=("fer2013",), epochs=4, last_epochs=1, last_augment=0.0
    )
    data = examples(changed(faces, removed=rare), config)
    plain = dataclasses.replace(config, imbalance="none", augment=still, last_epochs=0)
    for epoch, same in ((2, False), (3, True)):
        (images, targets), (expected, wanted) = (next(training_epoch(data, each, epoch)) for each in (config, plain))
        assert (torch.equal(images, expected) and torch.equal(targets, wanted)) is same


def test_validation_shows_every_image_once_and_unchanged(faces, recipe):
    data = examples(faces, recipe)
    images = torch.cat([images for images, _ in validation_epoch(data, recipe, data.whole, 3)])
    assert len(images) == 16
    assert torch.allclose(images[0, 0] * 0.25 + 0.5, torch.from_numpy(faces.whole[64] / 255.0).float(), atol=1e-6)
