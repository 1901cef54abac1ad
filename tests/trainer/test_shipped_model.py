"""The model that comes with the engine is the one its card describes, and does what the card says."""

import numpy as np
import pytest

from engine import pixels
from engine.modelcard import SHIPPED, load_model
from engine.sessions import open_session
from trainer import data, preprocess
from trainer.data import LABELS
from trainer.evaluate import softmax

MODEL = SHIPPED / "emotion-fer.onnx"
pytestmark = pytest.mark.skipif(not MODEL.is_file(), reason="engine/models/emotion-fer.onnx is not there")


@pytest.fixture(scope="module")
def model():
    return load_model(MODEL)


def test_its_card_names_labels_template_and_licence(model):
    card = model.card
    assert card.name == "emotion-fer" and card.labels == LABELS
    assert (card.layout, card.alignment, card.licence) == ("logits", "arcface-112", "Apache-2.0")


def test_its_card_claims_what_was_asked(model):
    scores = model.card.metrics["views"]["aligned"]["majority"]
    assert model.card.metrics["split"] == "test" and scores["images"] == 3152
    assert scores["accuracy"] >= 0.75


@pytest.mark.parametrize("threads", [1, 2])
def test_a_batch_of_one_equals_a_batch_of_many(model, threads):
    session = open_session(model, "cpu", threads)
    chips = np.random.default_rng(0).integers(0, 256, (32, 112, 112, 3), dtype=np.uint8)
    batch = pixels.to_tensor(list(chips), model.card.input)
    (together,) = session.run(batch)
    alone = np.concatenate([session.run(batch[row : row + 1])[0] for row in range(len(batch))])
    assert together.shape == (32, 8)
    assert np.abs(together - alone).max() <= 1e-5


@pytest.mark.assets
def test_it_recognises_test_images_it_never_saw(model, assets):
    faces = data.load(assets / "fer2013")
    labels = data.majority(faces.votes)
    unseen = (faces.split == 2) & (labels >= 0) & ~data.leaked(faces, into=2, of=(0,))
    rows = np.flatnonzero(unseen)[:120]
    find = preprocess.retinaface(assets / "detectors" / "retinaface_mnet0.25_official_dynamic.onnx", threads=1)
    points, _ = find(faces.images[rows])
    chips = [preprocess.align(faces.images[row], face) for row, face in zip(rows, points, strict=True)]
    (logits,) = open_session(model, "cpu").run(pixels.to_tensor(chips, model.card.input))
    guesses = softmax(logits, model.card.temperature).argmax(1)
    assert (guesses == labels[rows]).mean() > 0.7
