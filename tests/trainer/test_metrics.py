"""Metrics against scikit-learn and against numbers worked out by hand."""

import json

import numpy as np
import pytest
from sklearn import metrics as reference

from trainer import metrics


def invented(images: int = 400, classes: int = 4, seed: int = 0, absent: int | None = None):
    """Probabilities that are right more often than not, and the truth; class `absent` never occurs."""
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, classes, images)
    truth[truth == absent] = 0
    logits = generator.normal(0, 1.5, (images, classes)).astype(np.float32)
    logits[np.arange(images), truth] += 1.5
    return metrics.softmax(logits), truth


def test_confusion_has_truth_in_rows():
    counts = metrics.confusion(np.array([0, 0, 1]), np.array([0, 1, 1]), 3)
    assert counts.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]


@pytest.mark.parametrize(
    "right, images, low, high",
    [
        (0, 10, 0.0, 0.2775),  # published values of Wilson's interval at 95 %
        (5, 10, 0.2366, 0.7634),
        (10, 10, 0.7225, 1.0),
        (870, 1000, 0.8477, 0.8894),
    ],
)
def test_wilson_gives_the_published_interval(right, images, low, high):
    assert metrics.wilson(right, images) == pytest.approx([low, high], abs=1e-4)


def test_an_interval_of_nothing_does_not_exist():
    assert metrics.wilson(0, 0) is None
    assert metrics.bootstrap(lambda rows: 1.0, 0) is None


@pytest.mark.parametrize("absent", [None, 2])
def test_class_and_macro_scores_are_those_of_scikit_learn(absent):
    probabilities, truth = invented(absent=absent)
    guesses = probabilities.argmax(1)
    present = sorted(set(truth.tolist()))
    scores = metrics.class_scores(metrics.confusion(truth, guesses, 4))
    expected = reference.precision_recall_fscore_support(truth, guesses, labels=present, zero_division=0)
    for name, values in zip(("precision", "recall", "f1"), expected[:3], strict=True):
        assert [scores[index][name] for index in present] == pytest.approx(values, abs=1e-4)
        assert metrics.macro(scores, name) == pytest.approx(values.mean(), abs=1e-4)
    counts = metrics.confusion(truth, guesses, 4)
    assert metrics.macro_f1(counts) == pytest.approx(expected[2].mean())


def test_a_class_without_images_has_no_scores():
    scores = metrics.class_scores(np.array([[3, 1], [0, 0]]))
    assert scores[1] == {"precision": None, "recall": None, "f1": None}
    assert metrics.macro(metrics.class_scores(np.zeros((2, 2), np.int64)), "f1") is None


def test_a_class_that_is_never_guessed_has_precision_zero():
    assert metrics.class_scores(np.array([[3, 0], [2, 0]]))[1] == {"precision": 0.0, "recall": 0.0, "f1": 0.0}


def test_areas_under_the_curves_are_those_of_scikit_learn():
    probabilities, truth = invented(images=1000)
    scores, positive = probabilities[:, 1], truth == 1
    area, curve = metrics.roc(scores, positive)
    average, trade = metrics.precision_recall(scores, positive)
    assert area == pytest.approx(reference.roc_auc_score(positive, scores), abs=1e-4)
    assert average == pytest.approx(reference.average_precision_score(positive, scores), abs=1e-4)
    assert len(curve["fpr"]) == len(curve["tpr"]) <= 100
    assert (curve["fpr"][0], curve["tpr"][-1]) == (0, 1)
    assert trade["recall"] == sorted(trade["recall"])
    assert np.trapezoid(curve["tpr"], curve["fpr"]) == pytest.approx(area, abs=0.02)


@pytest.mark.parametrize("positive", [[False, False], [True, True]])
def test_there_is_no_roc_of_a_class_that_is_all_or_nothing(positive):
    assert metrics.roc(np.array([0.1, 0.9], np.float32), np.array(positive)) is None


def test_there_is_no_precision_without_images():
    assert metrics.precision_recall(np.array([0.1], np.float32), np.array([False])) is None


def test_negative_log_likelihood_is_log_loss():
    probabilities, truth = invented()
    exact = probabilities.astype(np.float64)
    expected = reference.log_loss(truth, exact / exact.sum(1, keepdims=True), labels=range(4))
    assert metrics.negative_log_likelihood(probabilities, truth) == pytest.approx(expected, abs=1e-5)


def test_calibration_error_is_the_gap_between_sureness_and_success():
    probabilities = np.array([[0.9, 0.1]] * 10, np.float32)
    assert metrics.calibration_error(probabilities, np.array([0] * 9 + [1])) == pytest.approx(0, abs=1e-6)
    assert metrics.calibration_error(probabilities, np.array([0] * 5 + [1] * 5)) == pytest.approx(0.4)


def test_calibration_error_weighs_bins_by_their_images():
    # Three images of confidence 0.6, one right: gap 0.2667. One of 0.9, right: gap 0.1. (3 x 0.2667 + 0.1) / 4
    probabilities = np.array([[0.6, 0.4]] * 3 + [[0.9, 0.1]], np.float32)
    assert metrics.calibration_error(probabilities, np.array([0, 1, 1, 0])) == pytest.approx(0.225)


def test_the_table_of_bins_gives_the_calibration_error():
    probabilities, truth = invented()
    table = metrics.reliability(probabilities, truth)
    gaps = [row["images"] * abs(row["accuracy"] - row["confidence"]) for row in table if row["images"]]
    assert sum(row["images"] for row in table) == len(truth)
    assert sum(gaps) / len(truth) == pytest.approx(metrics.calibration_error(probabilities, truth), abs=2e-4)
    assert table[0] == {"low": 0.0, "high": 0.0667, "images": 0, "confidence": None, "accuracy": None}


def test_abstaining_leaves_fewer_and_surer_images():
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.5, 0.5]], np.float32)
    table = metrics.coverage(probabilities, np.array([0, 0, 1, 0]), thresholds=(0.0, 0.55, 0.75, 0.95))
    assert table == [
        {"threshold": 0.0, "coverage": 1.0, "accuracy": 0.75},
        {"threshold": 0.55, "coverage": 0.75, "accuracy": 0.6667},
        {"threshold": 0.75, "coverage": 0.5, "accuracy": 1.0},
        {"threshold": 0.95, "coverage": 0.0, "accuracy": None},
    ]


def test_softmax_of_large_logits_stays_finite():
    assert metrics.softmax(np.array([[1000.0, 0.0]], np.float32)).tolist() == [[1.0, 0.0]]


def test_logarithms_of_probabilities_are_logits():
    probabilities, _ = invented(images=5)
    assert metrics.softmax(metrics.log_probabilities(probabilities)) == pytest.approx(probabilities, abs=1e-5)
    assert np.isfinite(metrics.log_probabilities(np.array([[0.0, 1.0]], np.float32))).all()


@pytest.mark.parametrize("true_temperature", [0.5, 1.0, 2.5])
def test_the_temperature_that_made_the_labels_is_found(true_temperature):
    generator = np.random.default_rng(0)
    logits = generator.normal(0, 2, (20_000, 4)).astype(np.float32)
    probabilities = metrics.softmax(logits, true_temperature)
    truth = (probabilities.cumsum(1) < generator.random((len(logits), 1))).sum(1).clip(0, 3)
    assert metrics.fit_temperature(logits, truth) == pytest.approx(true_temperature, rel=0.05)


def test_a_temperature_needs_images():
    with pytest.raises(ValueError, match="needs images"):
        metrics.fit_temperature(np.empty((0, 3), np.float32), np.empty(0, np.int64))


def test_the_bootstrap_of_an_accuracy_is_near_its_wilson_interval():
    right = np.arange(1000) < 870
    interval = metrics.bootstrap(lambda rows: float(right[rows].mean()), 1000)
    assert interval == pytest.approx(metrics.wilson(870, 1000), abs=0.005)
    assert interval == metrics.bootstrap(lambda rows: float(right[rows].mean()), 1000)


def test_the_interval_of_macro_f1_is_that_of_drawing_images():
    probabilities, truth = invented(images=600)
    guesses = probabilities.argmax(1)
    by_images = metrics.bootstrap(lambda rows: metrics.macro_f1(metrics.confusion(truth[rows], guesses[rows], 4)), 600)
    assert metrics.macro_f1_interval(metrics.confusion(truth, guesses, 4)) == pytest.approx(by_images, abs=0.01)
    assert metrics.macro_f1_interval(np.zeros((4, 4), np.int64)) is None


def test_nothing_here_writes_a_number_that_json_does_not_know():
    none = np.empty((0, 3), np.float32), np.empty(0, np.int64)
    assert metrics.calibration_error(*none) is None
    assert metrics.negative_log_likelihood(*none) is None
    json.dumps([metrics.reliability(*none), metrics.coverage(*none)], allow_nan=False)
