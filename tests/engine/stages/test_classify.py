"""Micro-batches, buckets, gates and the card."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from engine.errors import ModelError
from engine.items import FaceChip, Quality, Reading, TrackEnded, TrackKey
from engine.modelcard import SHIPPED, ModelCard, find_model
from engine.pixels import InputSpec
from engine.sessions import open_session
from engine.stages.classify import Classify, EmotionClassifier, softmax
from engine.testing import FakeSession

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
CARD = ModelCard(
    name="test", version="1", task="emotion", sha256="0" * 64, layout="logits", licence="Apache-2.0",
    labels=("dark", "bright"), input=InputSpec(48, 48, "GRAY", 1 / 255, (0.0,), (1.0,)),
)  # fmt: skip


def brightness(item):
    return [0.0, float(item.mean())]


def chip(value=0, gated=()):
    return FaceChip(
        TrackKey("door", 1), "u", 0, 0.0, NOON, (0, 0, 9, 9), (64, 48), 0.9, 0.0, Quality(1.0, gated),
        np.full((112, 112, 3), value, np.uint8),
    )  # fmt: skip


def end():
    return TrackEnded(TrackKey("door", 1), "u", 0, 0.0, 0.0, NOON, (0, 0, 9, 9), (64, 48), 0.0)


def test_scores_sum_to_one_and_follow_the_temperature():
    cool = EmotionClassifier(FakeSession(brightness), CARD, 4).predict([chip(255).image])[0]
    hot = EmotionClassifier(FakeSession(brightness), replace(CARD, temperature=4.0), 4).predict([chip(255).image])[0]
    assert cool.values.sum() == pytest.approx(1)
    assert cool.values[1] == pytest.approx(np.e / (1 + np.e), abs=1e-5)
    assert 0.5 < hot.values[1] < cool.values[1]


def test_batches_are_padded_to_warmed_up_buckets_and_never_larger():
    session = FakeSession(brightness)
    classifier = EmotionClassifier(session, CARD, max_batch=6)
    warmed = set(session.batches)
    assert warmed == {1, 2, 3, 4, 5, 6}
    for number in range(1, 20):
        assert len(classifier.predict([chip().image] * number)) == number
    assert set(session.batches) == warmed


def test_a_gpu_gets_few_sizes():
    session = FakeSession(brightness)
    session.device = "cuda"
    EmotionClassifier(session, CARD, max_batch=24)
    assert set(session.batches) == {1, 2, 4, 8, 16, 24}


def test_a_network_of_fixed_batch_is_fed_that_batch():
    session = FakeSession(brightness, (3, 1, 48, 48))
    assert len(EmotionClassifier(session, CARD, 32).predict([chip().image] * 7)) == 7
    assert set(session.batches) == {3}


def test_gated_chips_are_not_classified_and_markers_pass_in_order():
    session = FakeSession(brightness)
    stage = Classify(EmotionClassifier(session, CARD, 8))
    session.batches.clear()
    items = [chip(255), end(), chip(0, gated=("dark",)), chip(0)]
    out = stage.process(items)
    assert [type(item) for item in out] == [Reading, TrackEnded, Reading, Reading]
    assert out[0].scores.values[1] > 0.7
    assert out[2].scores is None
    assert out[3].scores.values[1] == pytest.approx(0.5)
    assert session.batches == [2]
    assert stage.counts() == {"classified": 2, "gated": 1}


def test_nothing_fit_means_no_call():
    session = FakeSession(brightness)
    stage = Classify(EmotionClassifier(session, CARD, 8))
    session.batches.clear()
    assert len(stage.process([chip(gated=("small",)), end()])) == 2
    assert session.batches == []


@pytest.mark.parametrize(
    ("card", "message"),
    [
        (replace(CARD, labels=("a", "b", "c")), "3 labels"),  # labels the network does not have
        (replace(CARD, task="face-detection"), "no emotion classifier"),
        (replace(CARD, input=InputSpec(None, None, "GRAY", 1.0, (0.0,), (1.0,))), "input size"),
    ],
)
def test_a_card_that_does_not_fit_is_refused_before_any_camera_opens(card, message):
    with pytest.raises(ModelError, match=message):
        EmotionClassifier(FakeSession(brightness), card, 4)


def test_softmax_survives_large_logits():
    assert softmax(np.float32([[1000, 0], [-1000, -1000]])).tolist() == [[1.0, 0.0], [0.5, 0.5]]


def test_the_shipped_model_gives_the_same_bits_alone_and_in_any_batch():
    """Replays must not depend on how chips happened to meet in a batch."""
    model = find_model("emotion-fer")
    classifier = EmotionClassifier(open_session(model, "cpu"), model.card, 32)
    noise = np.random.default_rng(1).integers(0, 256, (32, 112, 112, 3), np.uint8)
    alone = [classifier.predict([image])[0].values for image in noise]
    for size in (2, 3, 5, 8, 17, 32):
        together = classifier.predict(list(noise[:size]))
        for one, many in zip(alone, together, strict=False):
            assert one.tobytes() == many.values.tobytes()


def test_the_shipped_card_is_complete():
    card = json.loads((SHIPPED / "emotion-fer.json").read_text())
    assert card["task"] == "emotion"
    assert len(card["labels"]) == 8
    assert card["metrics"] and card["data"] and card["licence"]
