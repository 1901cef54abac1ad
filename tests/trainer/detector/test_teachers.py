import cv2
import numpy as np
import pytest

from engine.errors import ConfigError, ModelError
from engine.items import Detection
from tests.support.networks import retinaface
from tests.trainer.photos import astronaut
from trainer.detector.consensus import agree, ious
from trainer.detector.teachers import Looks, Teacher, YuNet, open_teacher

REFERENCE = "detectors/retinaface_mnet0.25_official_dynamic.onnx"
YUNET = "detectors/face_detection_yunet_2023mar.onnx"


class Marker:
    """Finds the picture's one bright rectangle; its landmarks are the corners clockwise, and the middle."""

    name = "marker"
    has_landmarks = True

    def __init__(self) -> None:
        self.shapes: list[tuple[int, int]] = []

    def detect(self, images):
        return [self._found(image) for image in images]

    def _found(self, image):
        self.shapes.append(image.shape[:2])
        bright = image[:, :, 0] > 127
        if not bright.any():
            return ()
        rows, columns = np.flatnonzero(bright.any(1)), np.flatnonzero(bright.any(0))
        x1, y1, x2, y2 = float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)
        points = np.array([[x1, y1], [x2, y1], [(x1 + x2) / 2, (y1 + y2) / 2], [x1, y2], [x2, y2]], np.float32)
        return (Detection((x1, y1, x2, y2), 0.9, points),)


def marked(width: int = 200, height: int = 120) -> np.ndarray:
    image = np.zeros((height, width, 3), np.uint8)
    image[20:60, 40:80] = 255
    return image


def test_every_view_is_told_in_pixels_of_the_picture():
    views = Teacher("marker", "0" * 64, Marker()).looks_at(marked(), Looks((0.5, 1, 2)))
    assert [(view.scale, view.mirrored) for view in views] == [
        (scale, mirrored) for scale in (0.5, 1, 2) for mirrored in (False, True)
    ]
    for view in views:
        assert view.found[0].box == pytest.approx((40, 20, 80, 60), abs=1)
        expected = [[40, 20], [80, 20], [60, 40], [40, 60], [80, 60]]
        np.testing.assert_allclose(view.found[0].landmarks, expected, atol=1)


@pytest.mark.parametrize(
    ("size", "scales"),
    [
        ((320, 240), (0.5, 1, 2, 3)),
        ((224, 224), (0.5, 1, 2, 3)),
        ((640, 360), (0.5, 1, 2)),  # three times would be 1920 wide
        ((1280, 720), (0.5, 1)),
        ((2560, 1440), (0.25, 0.5)),  # shrunk to 1280
        ((40, 50), (1, 2, 3)),  # half of it shows nothing
        ((4, 9000), (1280 / 9000,)),
    ],
)
def test_pictures_are_shown_at_scales_that_make_sense(size, scales):
    assert Looks().of(*size) == scales


def test_a_portrait_is_not_enlarged_further_than_detectors_measure_well():
    detector = Marker()
    Teacher("marker", "0" * 64, detector).looks_at(marked(), Looks((1, 2, 3), fills=100))
    assert detector.shapes == [(120, 200), (120, 200), (240, 400), (240, 400)]


def test_looks_must_be_positive():
    with pytest.raises(ValueError, match="positive"):
        Looks((0.0, 1.0))


def test_a_teacher_that_is_not_there_is_named():
    with pytest.raises(ConfigError, match=r"--teacher: 'gone.onnx' does not exist"):
        open_teacher("gone.onnx", Looks())
    with pytest.raises(ConfigError, match="'gone' does not exist"):
        open_teacher("yunet:gone", Looks())


def test_a_teacher_that_is_no_network_is_named(tmp_path):
    (tmp_path / "text.onnx").write_text("no network")
    for name in (f"{tmp_path}/text.onnx", f"yunet:{tmp_path}/text.onnx"):
        with pytest.raises(ModelError, match=r"text\.onnx"):
            open_teacher(name, Looks())


def test_retinaface_is_no_yunet(tmp_path):
    path = retinaface(tmp_path / "random.onnx")
    with pytest.raises(ModelError, match=r"random\.onnx: OpenCV does not open it as YuNet"):
        YuNet(path)


def test_a_detector_without_landmarks_is_no_teacher():
    with pytest.raises(ConfigError, match="gives no landmarks"):
        open_teacher("haar", Looks())


def test_a_bare_file_is_taken_for_the_public_retinaface(tmp_path):
    teacher = open_teacher(str(retinaface(tmp_path / "random.onnx")), Looks())
    assert teacher.name == "random"
    assert len(teacher.sha256) == 64


def test_the_real_teachers_agree_on_a_real_face(assets):
    looks = Looks((1.0, 2.0))
    teachers = [open_teacher(str(assets / REFERENCE), looks), open_teacher(f"yunet:{assets / YUNET}", looks)]
    image = cv2.resize(astronaut(), (256, 256), interpolation=cv2.INTER_AREA)
    verdict = agree([teacher.looks_at(image, looks) for teacher in teachers])
    (face,) = verdict.faces
    box = np.array(face.box, np.float32)
    # Measured on the 512 pixels of the original by the cascade, which marks from eyebrows to chin.
    assert ious(box, np.array([[87, 33, 136, 82]], np.float32))[0] > 0.5
    assert face.score > 0.85
    left_eye, right_eye, nose, left_mouth, right_mouth = face.landmarks
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_mouth[0] < right_mouth[0]
    assert left_eye[1] < nose[1] < left_mouth[1]


def test_teachers_see_the_mirror_image_as_they_see_the_picture(assets):
    looks = Looks((1.0,))
    for name in (str(assets / REFERENCE), f"yunet:{assets / YUNET}"):
        plain, mirrored = open_teacher(name, looks).looks_at(astronaut(), looks)
        np.testing.assert_allclose(plain.found[0].box, mirrored.found[0].box, atol=6)
        np.testing.assert_allclose(plain.found[0].landmarks, mirrored.found[0].landmarks, atol=10)
