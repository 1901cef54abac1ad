"""The model that comes with the engine is the one its card describes, and does what the card says."""

import numpy as np
import pytest

from engine import pixels
from engine.modelcard import SHIPPED, load_model
from engine.sessions import open_session
from trainer.aligning import Crops, open_finder
from trainer.labels import FERPLUS, NO_EMOTION, Answers
from trainer.sources.base import TEST
from trainer.sources.find import open_source

MODEL = SHIPPED / "emotion-fer.onnx"
pytestmark = pytest.mark.skipif(not MODEL.is_file(), reason="engine/models/emotion-fer.onnx is not there")


@pytest.fixture(scope="module")
def model():
    return load_model(MODEL)


def test_its_card_names_labels_template_and_licence(model):
    card = model.card
    assert card.name == "emotion-fer" and card.labels == FERPLUS
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
    seen, unseen = set(), []
    for record in open_source(assets / "fer2013").records():
        if record.split == TEST and record.image.tobytes() not in seen and len(unseen) < 150:
            unseen.append(record)
        seen.add(record.image.tobytes())
    labels = Answers(FERPLUS, np.stack([each.answers["ferplus"] for each in unseen]), NO_EMOTION).majority()
    detector = open_finder(str(assets / "detectors" / "retinaface_mnet0.25_official_dynamic.onnx"), 0.8, threads=1)
    faces = Crops(detector, 48).faces([each.image for each in unseen])
    chips = [face.aligned for face in faces if face]
    (logits,) = open_session(model, "cpu").run(pixels.to_tensor(chips, model.card.input))
    judged = labels >= 0
    assert judged.sum() > 100
    assert (logits.argmax(1) == labels)[judged].mean() > 0.7
