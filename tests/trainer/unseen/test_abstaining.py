"""Risk over coverage and the engine's thresholds, on answers whose numbers are known."""

import numpy as np
import pytest

from engine.stages.smooth import SmoothConfig
from trainer.unseen.abstaining import CONFIDENCES, MARGINS, answers, risk_over_coverage, thresholds


def said(*pairs):
    """A set of answers `(probability of the truth, of the second label)`; the rest goes to a third label."""
    rows = np.array([(first, second, 1 - first - second) for first, second in pairs], np.float32)
    return rows, np.zeros(len(pairs), np.int64)


def test_the_surest_answers_come_first_and_equal_ones_together():
    curve = risk_over_coverage(answers([said((0.9, 0.1), (0.2, 0.8), (0.7, 0.3), (0.3, 0.7))]))
    # 0.9 right; 0.8 wrong; then two of 0.7, one of them right
    assert curve["coverage"] == [0.25, 0.5, 1.0]
    assert curve["risk"] == [0.0, 0.5, 0.5]
    assert curve["area"] == pytest.approx(0.25 * 0 + 0.25 * 0.5 + 0.5 * 0.5)


def test_every_set_weighs_the_same():
    large, small = said(*[(0.9, 0.1)] * 98, (0.2, 0.8), (0.2, 0.8)), said((0.2, 0.8), (0.6, 0.4))
    curve = risk_over_coverage(answers([large, small]))
    assert curve["risk"][-1] == pytest.approx((0.02 + 0.5) / 2)
    table = thresholds(answers([large, small]))
    assert table["coverage"][0][0] == 1.0 and table["accuracy"][0][0] == pytest.approx(1 - (0.02 + 0.5) / 2)


def test_an_answer_is_given_from_its_confidence_and_its_lead_on():
    table = thresholds(answers([said((0.45, 0.42), (0.6, 0.3), (0.35, 0.4), (0.1, 0.85))]))

    def at(least, margin):
        row, column = CONFIDENCES.index(least), MARGINS.index(margin)
        return table["coverage"][row][column], table["accuracy"][row][column]

    assert at(0.0, 0.0) == (1.0, 0.5)
    assert at(0.45, 0.0) == (0.75, 0.6667)
    assert at(0.45, 0.05) == (0.5, 0.5)
    assert at(0.6, 0.2) == (0.5, 0.5)
    assert at(0.7, 0.3) == (0.25, 0.0)


def test_where_nothing_is_answered_there_is_no_accuracy():
    table = thresholds(answers([said((0.5, 0.5))]))
    assert table["coverage"][-1][-1] == 0 and table["accuracy"][-1][-1] is None


def test_the_engines_own_pair_is_in_the_table():
    table, config = thresholds(answers([said((0.9, 0.1))])), SmoothConfig()
    assert table["engine"] == {"min_confidence": config.min_confidence, "margin": config.margin}
    assert config.min_confidence in CONFIDENCES and config.margin in MARGINS


def test_a_long_curve_keeps_its_ends_and_its_area():
    generator = np.random.default_rng(0)
    top = generator.uniform(0.5, 1, 5000)
    rows = np.stack([top, 1 - top], 1).astype(np.float32)
    rows[::4] = rows[::4, ::-1]
    curve = risk_over_coverage(answers([(rows, np.zeros(5000, np.int64))]))
    assert len(curve["risk"]) == 100 and curve["coverage"][-1] == 1.0
    assert curve["risk"][-1] == pytest.approx(0.25) and curve["area"] == pytest.approx(0.25, abs=0.02)
