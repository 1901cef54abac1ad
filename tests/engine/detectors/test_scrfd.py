"""SCRFD through insightface: our use of it finds what insightface finds."""

import sys

import cv2
import numpy as np
import pytest

from engine.detectors.scrfd import Scrfd, input_size
from engine.errors import ModelError
from engine.items import Image
from engine.modelcard import Model
from engine.pixels import InputSpec
from engine.sessions import OnnxSession, open_session
from tests.support import networks

SPEC = InputSpec(None, None, "RGB", 1.0, (127.5,) * 3, (128.0,) * 3)


@pytest.fixture(scope="module")
def opened() -> tuple[OnnxSession, Model]:
    pytest.importorskip("insightface")
    path = networks.assets() / "detectors" / "scrfd_500m_kps.onnx"
    model = Model(path, networks.detector_card(path, "scrfd", SPEC))
    return open_session(model, "cpu"), model


@pytest.fixture(scope="module")
def photo() -> Image:
    return cv2.imread(str(networks.assets() / "detection_eval" / "cmu_mit_frontal" / "ew-friends.jpg"))


@pytest.mark.assets
def test_it_finds_what_insightface_finds(opened, photo):
    session, model = opened
    found = Scrfd(session, model.card, min_score=0.5).detect([photo])[0]
    from insightface.model_zoo import SCRFD

    boxes, points = SCRFD(model_file=str(model.path), session=session.native).detect(photo, det_thresh=0.5)
    assert len(found) == len(boxes) >= 4
    height, width = photo.shape[:2]
    for face, box, five in zip(found, boxes, points, strict=True):
        assert face.score == pytest.approx(box[4], abs=1e-6)
        assert face.box == pytest.approx(np.clip(box[:4], 0, [width, height, width, height]), abs=1e-3)
        np.testing.assert_allclose(face.landmarks, five, atol=1e-3)


@pytest.mark.assets
def test_landmarks_are_in_the_order_of_the_template(opened, photo):
    session, model = opened
    detector = Scrfd(session, model.card)
    assert detector.has_landmarks
    for face in detector.detect([photo])[0]:
        right_eye, left_eye, nose, right_mouth, left_mouth = face.landmarks
        assert right_eye[0] < left_eye[0] and right_mouth[0] < left_mouth[0]
        assert right_eye[1] < nose[1] < right_mouth[1]


@pytest.mark.assets
@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1), (10, 3000)])
def test_the_thinnest_pictures_are_no_error(opened, shape):
    session, model = opened
    assert Scrfd(session, model.card).detect([np.full((*shape, 3), 127, np.uint8)]) == [()]


@pytest.mark.parametrize(
    "shape, size",
    [((720, 1280), (640, 384)), ((360, 640), (640, 384)), ((100, 60), (64, 128)), ((10, 3000), (640, 32))],
)
def test_a_free_network_gets_sides_of_whole_strides(shape, size):
    assert input_size(np.zeros((*shape, 3), np.uint8), 640) == size


def test_a_network_with_other_outputs_is_refused(tmp_path):
    path = networks.retinaface(tmp_path / "three.onnx")
    card = networks.detector_card(path, "scrfd")
    with pytest.raises(ModelError, match="has 3 outputs; layout 'scrfd' has 6, 9, 10 or 15"):
        Scrfd(open_session(Model(path, card), "cpu"), card)


@pytest.mark.assets
def test_without_insightface_the_way_out_is_named(opened, monkeypatch):
    session, model = opened
    monkeypatch.setitem(sys.modules, "insightface.model_zoo", None)
    with pytest.raises(ModelError, match=r"needs insightface .*pip install"):
        Scrfd(session, model.card)
