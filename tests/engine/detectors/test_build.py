"""From `stages: {detect: ...}` to an open detector."""

import numpy as np
import pytest

from engine.detectors.base import sound_detections, warm_up
from engine.detectors.build import build_detector
from engine.detectors.haar import Haar
from engine.detectors.retinaface import RetinaFace
from engine.errors import DeviceError, ModelError
from engine.stages.detect import DetectConfig
from tests.support import networks


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("MOODLINE_MODELS", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "nothing"))
    return tmp_path


def test_haar_needs_no_model_file():
    detector, snapshot = build_detector(DetectConfig(model="haar"))
    assert isinstance(detector, Haar)
    assert (snapshot.stage, snapshot.name, snapshot.device, len(snapshot.sha256)) == ("detect", "haar", "cpu", 64)


def test_haar_on_a_gpu_is_refused():
    with pytest.raises(DeviceError, match="asked for cuda, but 'haar' runs on the CPU only"):
        build_detector(DetectConfig(model="haar", device="cuda"))


def test_a_model_is_found_by_name_and_its_layout_picks_the_decoder(folder):
    path = networks.retinaface(folder / "mine.onnx")
    networks.with_card(path, networks.detector_card(path))
    detector, snapshot = build_detector(DetectConfig(model="mine", size=128), threads=2)
    assert isinstance(detector, RetinaFace)
    assert (detector.name, detector.has_landmarks, snapshot.device) == ("mine", True, "cpu")
    warm_up(detector, [(64, 48), (1, 1)])


def test_a_network_that_gives_something_else_is_refused_before_any_camera_opens(folder):
    path = networks.retinaface(folder / "odd.onnx", priors=3)
    networks.with_card(path, networks.detector_card(path))
    with pytest.raises(ModelError, match=r"'odd' gave .* priors.*; its card names the wrong layout"):
        build_detector(DetectConfig(model="odd", size=128))


def test_a_classifier_is_no_detector(folder):
    path = networks.classifier(folder / "mood.onnx")
    networks.with_card(path, networks.emotion_card(path))
    with pytest.raises(ModelError, match="'mood' has task 'emotion' and layout 'logits'; expected 'face-detection'"):
        build_detector(DetectConfig(model="mood"))


@pytest.mark.parametrize(
    "box, score, point, kept",
    [
        ((1, 2, 9, 9), 0.5, 3.0, (1, 2, 9, 9)),
        ((-5, -5, 30, 8), 0.5, -3.0, (0, 0, 20, 8)),  # clipped; the landmark is not
        ((5, 2, 6, 9), 0.5, 3.0, None),  # one pixel wide
        ((18.5, 2, 40, 9), 0.5, 3.0, (18.5, 2, 20, 9)),
        ((19.5, 2, 40, 9), 0.5, 3.0, None),  # nothing left in the picture
        ((9, 2, 1, 9), 0.5, 3.0, None),  # inside out
        ((np.nan, 2, 9, 9), 0.5, 3.0, None),
        ((1, 2, np.inf, 9), 0.5, 3.0, None),
        ((1, 2, 9, 9), np.nan, 3.0, None),
        ((1, 2, 9, 9), 0.5, np.nan, None),
    ],
)
def test_only_sound_boxes_become_detections(box, score, point, kept):
    found = sound_detections(
        np.array([box], np.float32), np.float32([score]), np.full((1, 5, 2), point, np.float32), (20, 10)
    )
    assert [face.box for face in found] == ([] if kept is None else [kept])
    assert all(face.landmarks is not None and (face.landmarks == point).all() for face in found)
