"""What every model of the table promises, tried on each of them with small invented faces."""

import numpy as np
import pytest

from engine.errors import ConfigError
from trainer.models import MODELS, build, open_model

STILL = {"turn": 0, "zoom": 0, "shift": 0, "contrast": 0.1, "cutout_share": 0, "side_light": 0.01}
LABELS = ("up", "down", "flat", "never seen")
SMALL = {
    "lbp-svm": {"features": {"radii": [1], "grid": 2, "size": 24}, "costs": [0.01, 0.1], "steps": 40},
    "hog-svm": {"features": {"cells": [8], "size": 24}, "costs": [0.01, 0.1], "steps": 40},
    "hog-rbf-svm": {"features": {"cells": [8], "size": 24}, "costs": [1.0], "steps": 40, "landmarks": 40},
    "hog-forest": {"features": {"cells": [8], "size": 24}, "trees": 9, "depth": 6},
    "cnn": {"net": "tiny", "size": 16, "first_size": 16, "epochs": 8, "batch_size": 12, "threads": 1, "augment": STILL},
}


def stripes(count=90, seed=0):
    """Faces whose stripes give their label away, and targets; the last label never occurs."""
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    rows, columns = np.mgrid[:24, :24]
    waves = np.stack([np.sin(rows / 2), np.sin(columns / 2), np.sin((rows + columns) / 2)])
    images = 128 + 60 * waves[labels] + generator.normal(0, 12, (count, 24, 24))
    return images.clip(0, 255).astype(np.uint8), (0.9 * np.eye(4)[labels] + 0.1 * np.eye(4)[0]).astype(np.float32)


@pytest.fixture(params=sorted(set(MODELS) & {"majority", *SMALL}))
def kind(request):
    return request.param


@pytest.fixture
def model(kind):
    return build(kind, LABELS, SMALL.get(kind))


def test_probabilities_are_float32_and_rows_sum_to_one(model):
    model.fit(*stripes())
    probabilities = model.predict_proba(stripes(13, seed=1)[0])
    assert probabilities.dtype == np.float32
    assert probabilities.shape == (13, 4)
    assert probabilities.min() >= 0
    assert probabilities.sum(1) == pytest.approx(np.ones(13), abs=1e-5)


def test_it_learns_what_is_plain_to_see(model, kind):
    model.fit(*stripes())
    images, targets = stripes(60, seed=1)
    accuracy = (model.predict_proba(images).argmax(1) == targets.argmax(1)).mean()
    assert accuracy > (0.3 if kind == "majority" else 0.9)


def test_a_label_that_training_never_showed_gets_nothing(model):
    model.fit(*stripes())
    assert model.predict_proba(stripes(9, seed=1)[0])[:, 3].max() < 1e-3


def test_one_face_gets_what_it_gets_among_many(model):
    model.fit(*stripes())
    images, _ = stripes(7, seed=1)
    alone = np.concatenate([model.predict_proba(images[row : row + 1]) for row in range(7)])
    assert alone == pytest.approx(model.predict_proba(images), abs=1e-4)


def test_no_faces_give_no_rows(model):
    model.fit(*stripes())
    assert model.predict_proba(np.zeros((0, 24, 24), np.uint8)).shape == (0, 4)


def test_faces_may_be_of_another_size(model):
    model.fit(*stripes())
    assert model.predict_proba(np.zeros((2, 40, 40), np.uint8)).shape == (2, 4)


def test_saved_and_opened_it_says_the_same(model, kind, tmp_path):
    model.fit(*stripes())
    model.save(tmp_path)
    opened = open_model(tmp_path)
    images, _ = stripes(9, seed=1)
    assert opened.predict_proba(images).tolist() == model.predict_proba(images).tolist()
    assert opened.labels == LABELS
    assert opened.parameters == model.parameters > 0


def test_the_same_seed_gives_the_same_model(kind):
    images, _ = stripes(9, seed=1)
    answers = []
    for _ in range(2):
        model = build(kind, LABELS, SMALL.get(kind))
        model.fit(*stripes())
        answers.append(model.predict_proba(images).tolist())
    assert answers[0] == answers[1]


def test_validation_faces_may_be_given(model):
    model.fit(*stripes(), validation=stripes(30, seed=2))
    assert model.predict_proba(stripes(3)[0]).shape == (3, 4)


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 24, 24, 3), np.uint8),  # colour
        np.zeros((2, 24, 20), np.uint8),  # not square
        np.zeros((2, 24, 24), np.float32),  # not pixels
    ],
)
def test_what_is_no_batch_of_gray_faces_is_refused(model, images):
    with pytest.raises(ValueError, match=r"faces: expected uint8 \(N, S, S\) gray"):
        model.predict_proba(images)
    with pytest.raises(ValueError, match=r"faces: expected uint8 \(N, S, S\) gray"):
        model.fit(images, np.ones((2, 4), np.float32))


def test_targets_of_another_shape_are_refused(model):
    with pytest.raises(ValueError, match=r"targets: expected \(2, 4\)"):
        model.fit(np.zeros((2, 24, 24), np.uint8), np.ones((2, 3), np.float32))


def test_nothing_to_learn_from_is_said(model):
    with pytest.raises(ConfigError, match="no faces with a label"):
        model.fit(np.zeros((0, 24, 24), np.uint8), np.zeros((0, 4), np.float32))


def test_an_unknown_model_is_refused_with_all_names():
    with pytest.raises(ConfigError, match="model 'hog' is not one of majority, lbp-svm"):
        build("hog", LABELS)


def test_an_unknown_setting_is_refused():
    with pytest.raises(ConfigError, match=r"compare.yaml: tree: "):
        build("hog-forest", LABELS, {"tree": 3}, where="compare.yaml")


def test_a_damaged_model_says_so(tmp_path):
    model = build("majority", LABELS)
    model.fit(*stripes())
    model.save(tmp_path)
    (tmp_path / "model.npz").write_bytes(b"PK")
    with pytest.raises(ConfigError, match="is damaged"):
        open_model(tmp_path)
    (tmp_path / "model.npz").unlink()
    with pytest.raises(ConfigError, match="fit it again"):
        open_model(tmp_path)
