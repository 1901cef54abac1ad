"""What every model of clips promises, and that memory sees what an average cannot."""

import numpy as np
import pytest

from engine.errors import ConfigError
from trainer.models.sequence import SEQUENCES, open_sequence_model
from trainer.models.tracks import GruConfig, Track

NET_LABELS = ("neutral", "left", "right", "other")
LABELS = ("left", "right")
GRU = GruConfig(hidden=12, epochs=60, dropout=0.0, noise=0.1, learning_rate=0.01)


def tracks(count=40, seed=0, hidden_in_time=False):
    """Clips of 4 to 9 frames. Features rise for one label and fall for the other; `hidden_in_time` gives both
    the same mean and the same last frame, so that only the order tells."""
    generator = np.random.default_rng(seed)
    truth = np.arange(count) % 2
    found = []
    for label in truth:
        length = int(generator.integers(4, 10))
        features = generator.normal(0, 0.1, (length, 6))
        if hidden_in_time:
            features[0, label] += 3
            features[1, 1 - label] += 3
        else:
            features[:, label] += np.linspace(0, 2, length)
        probabilities = np.full((length, 4), 0.2)
        probabilities[:, 1 + label] = 0.4
        found.append(Track(features.astype(np.float32), probabilities.astype(np.float32)))
    return found, truth


@pytest.fixture(params=list(SEQUENCES))
def model(request):
    return SEQUENCES[request.param](request.param, LABELS, NET_LABELS, GRU)


def test_probabilities_are_float32_and_rows_sum_to_one(model):
    model.fit(*tracks())
    probabilities = model.predict_proba(tracks(7, seed=1)[0])
    assert probabilities.dtype == np.float32
    assert probabilities.shape == (7, 2)
    assert probabilities.sum(1) == pytest.approx(np.ones(7), abs=1e-5)


def test_it_learns_what_is_plain_to_see(model):
    model.fit(*tracks())
    fresh, truth = tracks(30, seed=1)
    assert (model.predict_proba(fresh).argmax(1) == truth).mean() > 0.9


def test_a_clip_gets_what_it_gets_beside_longer_ones(model):
    model.fit(*tracks())
    fresh, _ = tracks(9, seed=1)
    alone = np.concatenate([model.predict_proba([track]) for track in fresh])
    assert alone == pytest.approx(model.predict_proba(fresh), abs=1e-5)


def test_saved_and_opened_it_says_the_same(model, tmp_path):
    model.fit(*tracks())
    model.save(tmp_path)
    opened = open_sequence_model(tmp_path)
    fresh, _ = tracks(5, seed=1)
    assert opened.predict_proba(fresh).tolist() == model.predict_proba(fresh).tolist()
    assert opened.parameters == model.parameters


def test_the_same_seed_gives_the_same_model(model):
    fresh, _ = tracks(5, seed=1)
    answers = []
    for _ in range(2):
        model.fit(*tracks())
        answers.append(model.predict_proba(fresh).tolist())
    assert answers[0] == answers[1]


def test_a_label_that_training_never_showed_gets_nothing(model):
    if model.name == "cnn-averaged":
        return  # It learns nothing: the network decides.
    wider = SEQUENCES[model.name](model.name, (*LABELS, "other"), NET_LABELS, GRU)
    wider.fit(*tracks())
    assert wider.predict_proba(tracks(6, seed=1)[0])[:, 2].max() < 1e-3


def test_no_clips_give_no_rows(model):
    model.fit(*tracks())
    assert model.predict_proba([]).shape == (0, 2)


def test_only_memory_tells_what_came_first():
    scores = {}
    for name in SEQUENCES:
        model = SEQUENCES[name](name, LABELS, NET_LABELS, GRU)
        learned, truth = tracks(60, hidden_in_time=True)
        blind = [Track(each.features, np.full_like(each.probabilities, 0.25)) for each in learned]
        model.fit(blind, truth)
        fresh, truth = tracks(60, seed=1, hidden_in_time=True)
        blind = [Track(each.features, np.full_like(each.probabilities, 0.25)) for each in fresh]
        scores[name] = float((model.predict_proba(blind).argmax(1) == truth).mean())
    assert scores.pop("cnn-gru") > 0.95
    assert max(scores.values()) < 0.75


def test_the_average_is_cut_down_to_the_labels_asked_for():
    model = SEQUENCES["cnn-averaged"]("cnn-averaged", ("right", "left"), NET_LABELS, GRU)
    seen = np.array([[0.5, 0.1, 0.3, 0.1], [0.7, 0.1, 0.1, 0.1]], np.float32)
    assert model.predict_proba([Track(np.zeros((2, 3), np.float32), seen)]) == pytest.approx(
        np.array([[2 / 3, 1 / 3]]), abs=1e-6
    )


def test_a_network_without_a_label_is_refused():
    with pytest.raises(ConfigError, match="the network knows no up"):
        SEQUENCES["cnn-averaged"]("cnn-averaged", ("left", "up"), NET_LABELS, GRU)


def test_a_track_without_frames_is_refused():
    with pytest.raises(ValueError, match="track: expected features"):
        Track(np.zeros((0, 3), np.float32), np.zeros((0, 4), np.float32))
