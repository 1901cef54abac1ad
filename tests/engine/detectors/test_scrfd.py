"""SCRFD decoded here: it finds what insightface finds."""

import cv2
import numpy as np
import pytest

from engine.detectors.scrfd import OUTPUTS, Scrfd, input_size, on_canvas
from engine.errors import ModelError
from engine.items import Floats, Image
from engine.modelcard import Model
from engine.pixels import InputSpec
from engine.sessions import OnnxSession, open_session
from tests.support import networks

SPEC = InputSpec(None, None, "RGB", 1.0, (127.5,) * 3, (128.0,) * 3)


@pytest.fixture(scope="module")
def opened() -> tuple[OnnxSession, Model]:
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
    theirs = pytest.importorskip("insightface.model_zoo").SCRFD
    boxes, points = theirs(model_file=str(model.path), session=session.native).detect(photo, det_thresh=0.5)
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


class Sure:
    """A session whose network sees one face: on `stride`, at column 2 and row 1, in its last anchor."""

    device = "cpu"
    input_shape = (1, 3, None, None)

    def __init__(self, outputs: int, stride: int, batched: bool) -> None:
        self.levels, self.anchors, self.landmarks = OUTPUTS[outputs]
        self.output_shapes = ((None, None),) * outputs
        self.stride, self.batched, self.seen = stride, batched, None

    def run(self, batch: Floats) -> list[Floats]:
        self.seen = batch
        height, width = batch.shape[2:]
        heads = []
        for values in (np.float32([0.9]), np.float32([1, 2, 3, 4]), np.arange(10, dtype=np.float32)):
            for stride in (8, 16, 32, 64, 128)[: self.levels]:
                columns, rows = width // stride, height // stride
                head = np.zeros((rows, columns, self.anchors, len(values)), np.float32)
                if stride == self.stride:
                    head[1, 2, -1] = values
                heads.append(head.reshape(-1, len(values))[None] if self.batched else head.reshape(-1, len(values)))
        return heads[: len(self.output_shapes)]


@pytest.mark.parametrize("batched", [True, False])
@pytest.mark.parametrize(("outputs", "stride"), [(6, 8), (9, 32), (10, 64), (15, 128)])
def test_every_kind_of_network_is_decoded(tmp_path, outputs, stride, batched):
    """A picture of 512x384 pixels, which is shown as it is."""
    session = Sure(outputs, stride, batched)
    card = networks.detector_card(networks.retinaface(tmp_path / "x.onnx"), "scrfd", SPEC)
    detector = Scrfd(session, card, size=512)
    (face,) = detector.detect([np.full((384, 512, 3), 127, np.uint8)])[0]
    assert session.seen.shape == (1, 3, 384, 512)
    x, y = 2 * stride, stride
    wanted = np.clip([x - stride, y - 2 * stride, x + 3 * stride, y + 4 * stride], 0, [512, 384, 512, 384])
    assert face.box == pytest.approx(tuple(wanted)) and face.score == pytest.approx(0.9)
    assert detector.has_landmarks == (outputs in (9, 15)) == (face.landmarks is not None)
    if face.landmarks is not None:
        np.testing.assert_allclose(face.landmarks, [[x, y]] + stride * np.arange(10).reshape(5, 2))


def test_a_network_with_other_anchors_is_refused(tmp_path):
    session = Sure(9, 8, True)
    session.anchors = 1
    card = networks.detector_card(networks.retinaface(tmp_path / "x.onnx"), "scrfd", SPEC)
    with pytest.raises(ModelError, match=r"gave 4 anchors on stride 8 for input 64x32.*expected 64|wrong layout"):
        Scrfd(session, card).detect([np.zeros((32, 64, 3), np.uint8)])


def test_a_picture_is_as_large_as_its_canvas_holds():
    wide, scale = on_canvas(np.full((100, 200, 3), 9, np.uint8), 64, 64)
    assert wide.shape == (64, 64, 3) and (wide[:32] == 9).all() and not wide[32:].any() and scale == 0.32
    high, scale = on_canvas(np.full((200, 100, 3), 9, np.uint8), 64, 64)
    assert (high[:, :32] == 9).all() and not high[:, 32:].any() and scale == 0.32
    assert on_canvas(np.zeros((1, 3000, 3), np.uint8), 64, 64)[0] is None
