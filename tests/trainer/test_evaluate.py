"""Metrics against numbers worked out by hand."""

import numpy as np
import pytest

from engine.errors import ConfigError
from trainer import evaluate
from trainer.config import TrainConfig
from trainer.data import Faces
from trainer.preprocess import Packed

SPEC = TrainConfig(name="x", net="tiny").input


def oracle(packed, wrong=()):
    """Logits sure of the right label, found by looking the image up; of the next label for rows `wrong`."""
    known = {image.tobytes(): row for row, image in enumerate(packed.whole)}
    known |= {image.tobytes(): row for row, image in enumerate(packed.aligned)}
    best = packed.faces.votes.argmax(1)

    def predict(batch):
        pixels = ((batch[:, 0] * 0.25 + 0.5) * 255).round().astype(np.uint8)
        rows = [known[image.tobytes()] for image in pixels]
        logits = np.zeros((len(rows), 8), np.float32)
        for at, row in enumerate(rows):
            logits[at, (best[row] + (row in wrong)) % 8] = 5
        return logits

    return predict


def test_confusion_has_truth_in_rows():
    counts = evaluate.confusion(np.array([0, 0, 1]), np.array([0, 1, 1]), classes=3)
    assert counts.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]


def test_f1_of_a_confusion_matrix():
    counts = np.array([[1, 1, 0], [0, 1, 0], [0, 0, 0]])
    assert evaluate.f1_scores(counts) == pytest.approx([2 / 3, 2 / 3, 0])


def test_calibration_error_is_the_gap_between_sureness_and_success():
    probabilities = np.array([[0.9, 0.1]] * 10, np.float32)
    assert evaluate.calibration_error(probabilities, np.array([0] * 9 + [1])) == pytest.approx(0, abs=1e-6)
    assert evaluate.calibration_error(probabilities, np.array([0] * 5 + [1] * 5)) == pytest.approx(0.4)


def test_softmax_of_large_logits_stays_finite():
    assert evaluate.softmax(np.array([[1000.0, 0.0]], np.float32)).tolist() == [[1.0, 0.0]]


@pytest.mark.parametrize("true_temperature", [0.5, 1.0, 2.5])
def test_the_temperature_that_made_the_labels_is_found(true_temperature):
    generator = np.random.default_rng(0)
    logits = generator.normal(0, 2, (20_000, 4)).astype(np.float32)
    probabilities = evaluate.softmax(logits, true_temperature)
    labels = (probabilities.cumsum(1) < generator.random((len(logits), 1))).sum(1).clip(0, 3)
    assert evaluate.fit_temperature(logits, labels) == pytest.approx(true_temperature, rel=0.05)


def test_a_report_counts_both_views_and_truths(packed):
    test_rows = np.flatnonzero(packed.faces.split == 2)
    metrics = evaluate.report(oracle(packed, wrong=test_rows[:4]), packed, "test", SPEC, 1.0)
    for view in ("aligned", "whole"):
        for truth in ("majority", "plurality"):
            values = metrics["views"][view][truth]
            assert values["images"] == 16
            assert values["accuracy"] == 0.75
            assert np.trace(values["confusion"]) == 12


def test_leaked_images_are_counted_apart(faces):
    images = faces.images.copy()
    images[0] = images[-1]
    doubled = Faces(images, faces.votes, faces.split)
    packed = Packed(doubled, images.copy(), np.zeros(len(images), np.bool_))
    last = len(images) - 1
    values = evaluate.report(oracle(packed, wrong={0, last}), packed, "test", SPEC, 1.0)["views"]["whole"]
    assert values["majority"]["images_without_leaked"] == 15
    assert values["majority"]["accuracy_without_leaked"] == 1.0


def test_the_card_gets_a_summary_without_matrices(packed):
    metrics = evaluate.report(oracle(packed), packed, "test", SPEC, 1.0)
    short = evaluate.summary(metrics)
    assert short["views"]["whole"]["majority"]["accuracy"] == 1.0
    assert short["per_class"]["anger"]["images"] == 2
    assert "confusion" not in str(short)


def test_an_empty_split_is_refused(faces):
    none = Faces(faces.images, faces.votes, np.zeros(len(faces.images), np.uint8))
    packed = Packed(none, faces.images, np.zeros(len(faces.images), np.bool_))
    with pytest.raises(ConfigError, match="'test' holds no images"):
        evaluate.report(oracle(packed), packed, "test", SPEC, 1.0)
