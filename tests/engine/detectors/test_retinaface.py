"""RetinaFace against a plain reference implementation of its post-processing, on generated and real weights."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from engine.detectors.retinaface import MAX_CANDIDATES, RetinaFace, candidates, mean_landmarks, priors
from engine.errors import ModelError
from engine.items import Detection, Image
from engine.modelcard import SHIPPED, Model, load_model
from engine.sessions import OnnxSession, open_session
from engine.stages.detect import DetectConfig
from tests.support import networks
from tests.support import reference_retinaface as reference
from tests.support.photos import astronaut, group

SIZES = [(64, 64), (96, 160), (121, 75), (40, 333)]


def noise(height: int, width: int, seed: int = 0) -> Image:
    small = np.random.default_rng(seed).integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[OnnxSession, Model]:
    path = networks.retinaface(tmp_path_factory.mktemp("models") / "tiny.onnx")
    model = Model(path, networks.detector_card(path))
    return open_session(model, "cpu"), model


def shipped() -> Model:
    return load_model(SHIPPED / f"{DetectConfig().model}.onnx")


def public() -> Model:
    path = networks.assets() / "detectors" / "retinaface_mnet0.25_official_dynamic.onnx"
    return Model(path, networks.detector_card(path))


@pytest.fixture(scope="module", params=[shipped, pytest.param(public, marks=pytest.mark.assets)])
def real(request: pytest.FixtureRequest) -> tuple[OnnxSession, Model]:
    model: Model = request.param()
    return open_session(model, "cpu"), model


def same(found: tuple[Detection, ...], expected: list[reference.Face], image: Image, tolerance: float = 2e-3) -> None:
    """Scores, boxes (clipped, where something is left) and landmarks agree, in order."""
    height, width = image.shape[:2]
    limit = [width, height, width, height]
    left = []
    for face in expected:
        box = [min(max(value, 0), high) for value, high in zip(face.box, limit, strict=True)]
        if box[2] > box[0] + 1 and box[3] > box[1] + 1:
            left.append((box, face))
    assert len(found) == len(left)
    for mine, (box, face) in zip(found, left, strict=True):
        assert mine.score == pytest.approx(face.score, abs=1e-4)
        assert mine.box == pytest.approx(box, abs=tolerance)
        np.testing.assert_allclose(mine.landmarks, face.landmarks, atol=tolerance)


def padded(image: Image) -> Image:
    """With the mean colour up to multiples of 8, as our letterbox pads."""
    height, width = (-side % 8 for side in image.shape[:2])
    return cv2.copyMakeBorder(image, 0, height, 0, width, cv2.BORDER_CONSTANT, value=(104, 117, 123))


@pytest.mark.parametrize("size", SIZES)
def test_generated_weights_of_any_output_order_decode_as_in_the_reference(tiny, size):
    session, model = tiny
    image = noise(*size)
    found = RetinaFace(session, model.card, min_score=0.7).detect([image])[0]
    assert found
    same(found, reference.detect(session, padded(image), 0.7), image)


@pytest.mark.parametrize("photo", [astronaut, group])
def test_real_weights_on_photos_agree_with_the_reference(real, photo):
    session, model = real
    image = photo()
    image = image[: image.shape[0] // 8 * 8, : image.shape[1] // 8 * 8]
    # The reference takes the best prior's landmarks.
    card = replace(model.card, landmarks="best")
    found = RetinaFace(session, card, size=8192, min_score=0.5).detect([image])[0]
    assert len(found) >= 1
    expected = reference.detect(session, image, 0.5, deviation=model.card.input.std)
    same(found, expected, image, tolerance=5e-3)


def test_a_frame_of_twice_the_size_gives_the_same_faces_twice_as_large(real):
    session, model = real
    image = astronaut()
    double = image.repeat(2, axis=0).repeat(2, axis=1)
    detector = RetinaFace(session, model.card, size=max(image.shape[:2]))
    once, twice = detector.detect([image, double])
    assert len(once) == len(twice) >= 1
    for small, large in zip(once, twice, strict=True):
        assert np.array(large.box) == pytest.approx(2 * np.array(small.box), abs=0.01)
        np.testing.assert_allclose(large.landmarks, 2 * small.landmarks, atol=0.01)


def test_a_batch_of_one_equals_a_batch_of_many_sizes_and_the_order_is_kept(tiny):
    session, model = tiny
    detector = RetinaFace(session, model.card, min_score=0.7)
    images = [noise(*size, seed=seed) for seed, size in enumerate([*SIZES, *SIZES[::-1]])]
    for together, image in zip(detector.detect(images), images, strict=True):
        alone = detector.detect([image])[0]
        assert [face.box for face in together] == [face.box for face in alone]
        assert [face.score for face in together] == [face.score for face in alone]


def test_faces_come_best_first_within_the_picture(tiny):
    session, model = tiny
    image = noise(96, 160)
    faces = RetinaFace(session, model.card, min_score=0.5).detect([image])[0]
    assert [face.score for face in faces] == sorted((face.score for face in faces), reverse=True)
    assert all(0 <= x1 < x2 <= 160 and 0 <= y1 < y2 <= 96 for x1, y1, x2, y2 in (face.box for face in faces))


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 10), (7, 7)])
def test_the_thinnest_pictures_are_no_error(tiny, shape):
    session, model = tiny
    detector = RetinaFace(session, model.card, min_score=0.99)
    assert detector.detect([np.full((*shape, 3), 127, np.uint8)]) == [()]


def test_a_network_of_fixed_size_gets_padded_pictures(tmp_path: Path):
    path = networks.retinaface(tmp_path / "fixed.onnx", shape=(1, 64, 128))
    card = networks.detector_card(path)
    detector = RetinaFace(open_session(Model(path, card), "cpu"), card, min_score=0.7)
    image = noise(64, 128)
    same(detector.detect([image] * 3)[2], reference.detect(open_session(Model(path, card), "cpu"), image, 0.7), image)
    assert len(detector.detect([noise(300, 20), noise(20, 300)])) == 2


def test_another_number_of_priors_is_refused(tmp_path: Path):
    path = networks.retinaface(tmp_path / "three.onnx", priors=3)
    card = networks.detector_card(path)
    detector = RetinaFace(open_session(Model(path, card), "cpu"), card)
    with pytest.raises(ModelError, match=r"252 priors .* expected 168"):
        detector.detect([noise(64, 64)])


def test_other_outputs_are_refused(tmp_path: Path):
    path = networks.classifier(tmp_path / "classifier.onnx")
    card = networks.detector_card(path, spec=networks.gray_spec(8))
    detector = RetinaFace(open_session(Model(path, card), "cpu"), card)
    with pytest.raises(ModelError, match=r"gave outputs \(1, 3\); RetinaFace has widths 4, 2 and 10"):
        detector.detect([noise(8, 8)])


def test_priors_are_computed_once_per_size_and_cannot_be_changed():
    assert priors(360, 640) is priors(360, 640)
    assert priors(360, 640).shape == (2 * (45 * 80 + 23 * 40 + 12 * 20), 3)
    assert not priors(360, 640).flags.writeable


@pytest.mark.parametrize("height, width", [(8, 8), (33, 47), (360, 640)])
def test_priors_are_those_of_the_reference(height, width):
    expected = np.array(reference.prior_boxes(height, width)) * [width, height, width, height]
    np.testing.assert_allclose(priors(height, width)[:, [0, 1, 2, 2]], expected, rtol=1e-6)


def test_at_most_the_best_candidates_enter_suppression():
    scores = np.linspace(0, 1, 5000, dtype=np.float32)
    chosen = candidates(scores, 0.1)
    assert chosen.tolist() == list(range(5000 - MAX_CANDIDATES, 5000))


def test_landmarks_are_a_mean_of_the_priors_that_agree_on_a_face() -> None:
    boxes = np.array([(0, 0, 10, 10), (0, 0, 10, 9), (0, 1, 10, 11), (40, 40, 50, 50)], np.float32)
    scores = np.array([0.9, 0.6, 0.3, 0.8], np.float32)
    landmarks = np.arange(4, dtype=np.float32)[:, None, None] * np.ones((1, 5, 2), np.float32)
    found = mean_landmarks(boxes, scores, landmarks, np.array([0, 3]))
    # The second agrees, the third is not sure enough, the fourth is another face.
    np.testing.assert_allclose(found[0], 0.6 / 1.5, atol=1e-6)
    np.testing.assert_allclose(found[1], 3.0)


def test_a_box_without_an_area_keeps_its_own_landmarks() -> None:
    boxes = np.zeros((2, 4), np.float32)
    landmarks = np.stack([np.full((5, 2), 1.0), np.full((5, 2), 2.0)]).astype(np.float32)
    found = mean_landmarks(boxes, np.array([0.9, 0.9], np.float32), landmarks, np.array([1]))
    np.testing.assert_allclose(found[0], 2.0)
