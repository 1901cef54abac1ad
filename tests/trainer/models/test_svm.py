"""The solver against scikit-learn's, and the kernel against its own definition."""

import numpy as np
import pytest
from sklearn.kernel_approximation import Nystroem
from sklearn.svm import LinearSVC

from trainer.models.base import best_temperature, hold_out, softmax
from trainer.models.linear import fit_linear
from trainer.models.svm import Kernel


def clouds(count=240, seed=0):
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    centres = np.array([[2, 0, 0, 0, 1], [0, 2, 0, 0, 1], [0, 0, 2, 1, 0]], np.float32)
    return (centres[labels] + generator.normal(0, 1, (count, 5))).astype(np.float32), labels


@pytest.mark.parametrize("cost", [0.01, 1.0])
def test_it_finds_what_linear_svc_finds(cost):
    features, labels = clouds()
    ours = fit_linear(features, labels, np.ones(len(labels), np.float32), 3, cost, steps=300)
    theirs = LinearSVC(C=cost, dual=False, intercept_scaling=1000, tol=1e-8).fit(features, labels)
    assert ours.weights == pytest.approx(theirs.coef_, abs=2e-3)
    assert ours.bias == pytest.approx(theirs.intercept_, abs=2e-3)


def test_a_weight_of_two_is_the_face_twice():
    features, labels = clouds(60)
    twice = np.ones(60, np.float32)
    twice[:20] = 2
    weighted = fit_linear(features, labels, twice, 3, 0.1, steps=300)
    again, more = np.concatenate([features, features[:20]]), np.concatenate([labels, labels[:20]])
    repeated = fit_linear(again, more, np.ones(80, np.float32), 3, 0.1, steps=300)
    assert weighted.weights == pytest.approx(repeated.weights, abs=2e-3)


def test_the_mapped_kernel_is_the_radial_one_at_its_landmarks():
    features, _ = clouds(50)
    found = Nystroem(gamma=0.1, n_components=50, random_state=0).fit(features)
    mapped = Kernel(found.components_, found.normalization_.T.astype(np.float32), 0.1)(features)
    distance = ((features[:, None] - features[None]) ** 2).sum(2)
    assert mapped @ mapped.T == pytest.approx(np.exp(-0.1 * distance), abs=1e-3)


def test_the_temperature_that_made_the_labels_is_found():
    generator = np.random.default_rng(0)
    scores, seen = generator.normal(0, 0.2, (20_000, 4)).astype(np.float32), np.ones(4, np.bool_)
    probabilities = softmax(scores, seen, 0.1)
    labels = (probabilities.cumsum(1) < generator.random((len(scores), 1))).sum(1).clip(0, 3)
    assert best_temperature(scores, labels, seen) == pytest.approx(0.1, rel=0.1)


def test_held_out_faces_leave_one_of_every_class_to_learn_from():
    targets = np.eye(3, dtype=np.float32)[[0] * 20 + [1] * 4 + [2]]
    train, held = hold_out(targets, 0.5, seed=0)
    assert sorted([*train, *held]) == list(range(25))
    assert targets[train].sum(0).tolist() == [10, 2, 1]
