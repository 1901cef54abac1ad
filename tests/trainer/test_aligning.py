"""From pictures to the two views of a face."""

import cv2
import numpy as np
import pytest

from engine.align import TEMPLATE
from engine.detectors.haar import Haar
from engine.errors import ConfigError, ModelError
from engine.pixels import InputSpec, fit, to_tensor
from engine.stages.chip import cut
from tests.support import networks
from tests.trainer.photos import Told, astronaut, face_at
from trainer.aligning import DETECTOR, Crops, Photos, chosen, open_finder, rescaled

RAW = InputSpec(48, 48, "GRAY", 1.0, (0.0,), (1.0,))
"""What a classifier of 48 pixels sees, in gray levels."""


def crop(side: int, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 256, (side, side), dtype=np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), side / 24)


def test_without_a_detector_or_a_face_aligned_is_whole():
    image = crop(48)
    for detector in (None, Told(()), Told((face_at(),), has_landmarks=False)):
        (face,) = Crops(detector, 48).faces([image])
        assert not face.found and np.isnan(face.landmarks).all()
        assert (face.whole == image).all() and (face.aligned == image).all()


def test_a_small_crop_is_looked_at_enlarged_with_a_margin_of_its_edge():
    detector = Told(())
    Crops(detector, 48).faces([crop(48)])
    (seen,) = detector.seen
    assert seen.shape == (256, 256, 3)
    assert (seen[:32, 100] == seen[32, 100]).all()


def test_landmarks_come_back_in_pixels_of_the_whole_view():
    detector = Told((face_at(1.0, (32 + 40, 32 + 40)),))
    for side in (48, 192, 400):
        (face,) = Crops(detector, 48).faces([crop(side)])
        assert face.landmarks == pytest.approx((TEMPLATE + 40 + 0.5) / 4 - 0.5, abs=1e-4)


def test_the_same_picture_at_other_sizes_aligns_the_same():
    large = crop(768)
    detector = Told((face_at(1.2, (32 + 30, 32 + 25)),))
    views = [Crops(detector, 48).faces([fit(large, side, side)])[0] for side in (192, 384, 768)]
    for view in views[1:]:
        assert np.abs(view.aligned.astype(int) - views[0].aligned).mean() < 1.5
        assert np.abs(view.whole.astype(int) - views[0].whole).mean() < 1.5


def test_a_crop_that_is_not_square_is_padded_not_stretched():
    image = np.full((48, 24), 100, np.uint8)
    image[:, 12] = 255
    (face,) = Crops(None, 48).faces([image])
    assert face.whole.shape == (48, 48)
    assert (face.whole == 255).any(0).sum() == 1


def test_colour_crops_become_gray_faces():
    (face,) = Crops(Told((face_at(1.0, (70, 70)),)), 48).faces([astronaut()[30:200, 140:310]])
    assert face.whole.shape == face.aligned.shape == (48, 48)


def test_a_face_in_a_photo_is_what_the_engine_would_classify():
    photo = astronaut()
    detection = face_at(0.9, (170, 60))
    (face,) = Photos(Told((detection,)), 48).faces([photo])
    served = to_tensor([cut(photo, detection, 112)], RAW)[0, 0]
    assert (face.aligned == served).all()


def test_landmarks_in_a_photo_lie_on_the_whole_view():
    photo = np.full((300, 300, 3), 90, np.uint8)
    detection = face_at(0.8, (100, 90), size=70)
    for x, y in detection.landmarks.round().astype(int):
        cv2.circle(photo, (int(x), int(y)), 2, (255, 255, 255), -1)
    (face,) = Photos(Told((detection,)), 96).faces([photo])
    for x, y in face.landmarks.round().astype(int):
        assert face.whole[y - 1 : y + 2, x - 1 : x + 2].max() > 150


def test_the_cascade_gives_the_square_that_the_engine_cuts():
    photo = astronaut()
    detector = Haar()
    (face,) = Photos(detector, 48).faces([photo])
    served = to_tensor([cut(photo, detector.detect([photo])[0][0], 112)], RAW)[0, 0]
    assert not face.found and (face.aligned == face.whole).all()
    assert np.abs(face.whole - served).mean() < 2  # shrunk once here, twice in serving


def test_a_photo_without_a_face_gives_none():
    assert Photos(Told(()), 48).faces([astronaut()]) == [None]


def test_the_largest_or_the_best_face_is_chosen():
    large, best = face_at(size=90, score=0.7), face_at(size=40, score=0.9)
    assert chosen((best, large), "largest") is large
    assert chosen((large, best), "best") is best
    assert chosen((), "best") is None


def test_points_move_with_their_pixels():
    assert rescaled(np.float32([[0, 0], [47, 47]]), 48, 96).tolist() == [[0.5, 0.5], [94.5, 94.5]]


def test_a_network_without_a_card_is_taken_for_retinaface(tmp_path):
    path = networks.retinaface(tmp_path / "net.onnx")
    finder = open_finder(str(path), 0.0, threads=1)
    assert finder.name == "net" and finder.has_landmarks
    assert len(finder.detect([astronaut()])) == 1


def test_other_networks_and_missing_files_are_refused(tmp_path):
    other = networks.classifier(tmp_path / "other.onnx")
    with pytest.raises(ModelError, match=r"other\.onnx"):
        open_finder(str(other), 0.8)
    with pytest.raises(ConfigError, match=r"none\.onnx' does not exist"):
        open_finder("none.onnx", 0.8)
    with pytest.raises(ModelError, match="'nobody' is not installed"):
        open_finder("nobody", 0.8)


def test_an_installed_network_is_found_by_its_name(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.delenv("MOODLINE_MODELS", raising=False)
    path = tmp_path / "moodline" / "models" / "net.onnx"
    path.parent.mkdir(parents=True)
    networks.with_card(path, networks.detector_card(networks.retinaface(path)))
    assert open_finder("net", 0.8, threads=1).has_landmarks


def test_the_shipped_detector_brings_eyes_and_mouth_to_the_template():
    detector = open_finder(DETECTOR, 0.8, threads=1)
    photo = astronaut()
    (in_photo,) = Photos(detector, 48).faces([photo])
    (in_crop,) = Crops(detector, 48).faces([in_photo.whole])
    assert in_photo.found and in_crop.found
    assert np.abs(in_photo.landmarks - in_crop.landmarks).max() < 2.5
    small = (TEMPLATE + 0.5) * 48 / 112 - 0.5
    assert np.abs(in_photo.landmarks - small).max() < 8
