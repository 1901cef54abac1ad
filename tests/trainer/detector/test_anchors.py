"""What the priors should say is what the engine's decoding turns back into the faces."""

import numpy as np

from engine.detectors.retinaface import decode_boxes, decode_landmarks, priors
from trainer.detector import anchors
from trainer.detector.anchors import NOBODY, UNSURE, assign, targets

NONE = np.zeros((0, 4), np.float32)


def boxes(*rows: tuple[float, float, float, float]) -> np.ndarray:
    return np.array(rows, np.float32).reshape(-1, 4)


def test_the_engine_decodes_the_targets_into_the_faces_they_were_made_of() -> None:
    prior = priors(160, 224)
    faces = boxes((20, 30, 60, 84), (120.5, 10, 131, 22.25), (100, 60, 190, 150))
    landmarks = np.random.default_rng(0).uniform(0, 160, (3, 5, 2)).astype(np.float32)
    wanted = targets(faces, landmarks, np.ones(3, bool), np.ones(3, np.float32), NONE, prior)
    owner = assign(faces, NONE, prior)[wanted.positive]
    assert set(owner) == {0, 1, 2}
    np.testing.assert_allclose(
        decode_boxes(wanted.boxes[wanted.positive], prior[wanted.positive]), faces[owner], atol=1e-3
    )
    np.testing.assert_allclose(
        decode_landmarks(wanted.landmarks[wanted.positive], prior[wanted.positive]), landmarks[owner], atol=1e-3
    )


def test_priors_that_overlap_a_face_by_a_third_answer_for_it_and_others_for_nobody() -> None:
    prior = priors(64, 64)
    face = boxes((12, 12, 28, 28))
    owner = assign(face, NONE, prior)
    own = anchors.corners(prior)
    shared = anchors.intersections(own, face)[:, 0]
    fit = shared / (anchors.areas(own) + 256 - shared)
    assert (owner[fit >= 0.35] == 0).all()
    assert (owner[fit < 0.3] == NOBODY).all()


def test_every_face_has_a_prior_however_small_or_large() -> None:
    prior = priors(320, 320)
    faces = boxes((100, 100, 104, 105), (3, 3, 9, 10), (-200, -100, 600, 500), (201, 101, 206, 106))
    assert set(assign(faces, NONE, prior)) >= {0, 1, 2, 3}


def test_priors_in_an_ignored_region_are_unsure_unless_they_answer_for_a_face() -> None:
    prior = priors(64, 64)
    region = boxes((8, 8, 56, 56))
    face = boxes((20, 20, 36, 36))
    owner = assign(face, region, prior)
    inside = (prior[:, :2] > 10).all(axis=1) & (prior[:, :2] < 54).all(axis=1) & (prior[:, 2] <= 32)
    assert set(owner[inside]) == {UNSURE, 0}
    wanted = targets(face, np.zeros((1, 5, 2), np.float32), np.ones(1, bool), np.ones(1, np.float32), region, prior)
    assert not wanted.counted[owner == UNSURE].any()
    assert wanted.counted[owner != UNSURE].all()


def test_a_picture_without_faces_is_all_background() -> None:
    prior = priors(64, 96)
    none = np.zeros((0, 5, 2), np.float32)
    wanted = targets(NONE, none, np.zeros(0, bool), np.zeros(0, np.float32), NONE, prior)
    assert wanted.counted.all()
    assert not wanted.positive.any()
    assert not wanted.score.any()


def test_landmarks_that_nobody_knows_are_not_asked_for() -> None:
    prior = priors(64, 64)
    faces = boxes((0, 0, 20, 20), (40, 40, 60, 60))
    known = np.array([True, False])
    wanted = targets(faces, np.zeros((2, 5, 2), np.float32), known, np.ones(2, np.float32), NONE, prior)
    owner = assign(faces, NONE, prior)
    assert (wanted.clarity[owner == 0] == 20 / 32).all()
    assert not wanted.clarity[owner == 1].any()
