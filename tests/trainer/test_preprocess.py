"""Alignment and the packed data set."""

import json

import numpy as np
import pytest

from engine.errors import ConfigError
from trainer import data, preprocess
from trainer.data import SIZE
from trainer.preprocess import CHIP, TEMPLATE, align, similarity


def turned(points: np.ndarray, degrees: float, scale: float, shift: tuple[float, float]) -> np.ndarray:
    angle = np.deg2rad(degrees)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return (scale * points @ rotation.T + shift).astype(np.float32)


@pytest.mark.parametrize(("degrees", "scale", "shift"), [(0, 1, (0, 0)), (25, 0.4, (3, -2)), (-170, 2.5, (40, 90))])
def test_five_points_land_on_the_template(degrees, scale, shift):
    points = turned(TEMPLATE, degrees, scale, shift)
    matrix = similarity(points)
    assert points @ matrix[:, :2].T + matrix[:, 2] == pytest.approx(TEMPLATE, abs=1e-3)


def test_a_mirrored_face_is_not_mirrored_back():
    matrix = similarity(TEMPLATE * np.float32([-1, 1]))
    assert np.linalg.det(matrix[:, :2]) > 0


def test_the_engine_cuts_its_chips_by_the_same_rule():
    serving = pytest.importorskip("engine.align")
    points = turned(TEMPLATE, -35, 0.7, (8, 5)) + np.float32([[1, 0], [0, 2], [-1, 1], [0, 0], [2, -1]])
    assert pytest.approx(TEMPLATE) == serving.TEMPLATE
    assert similarity(points) == pytest.approx(serving.similarity(points), abs=1e-3)


def test_points_in_one_spot_do_not_divide_by_zero():
    assert np.isfinite(similarity(np.ones((5, 2), np.float32))).all()


def test_an_aligned_face_shows_its_eye_at_the_templates_place():
    image = np.zeros((SIZE, SIZE), np.uint8)
    points = turned(TEMPLATE, 10, 0.4, (1, -3))
    x, y = points[0].round().astype(int)
    image[y - 1 : y + 2, x - 1 : x + 2] = 255
    chip = align(image, points)
    assert chip.shape == (SIZE, SIZE) and chip.dtype == np.uint8
    row, column = np.unravel_index(chip.argmax(), chip.shape)
    assert (column, row) == pytest.approx(TEMPLATE[0] * SIZE / CHIP, abs=1.5)


def test_a_face_not_found_stays_whole(faces):
    def find(images):
        scores = np.arange(len(images)) % 2
        return np.repeat((TEMPLATE * 0.5)[None], len(images), 0), scores.astype(np.float32)

    done = []
    packed = preprocess.pack(faces, find, progress=done.append)
    assert packed.found.tolist() == [row % 32 % 2 == 1 for row in range(len(faces.images))]
    assert (packed.aligned[0] == packed.whole[0]).all()
    assert (packed.aligned[1] != packed.whole[1]).any()
    assert sum(done) == len(faces.images)


def test_a_packed_file_comes_back_with_its_counts(tmp_path, packed):
    preprocess.save(packed, tmp_path / "packed.npz")
    again = preprocess.open_packed(tmp_path / "packed.npz")
    for name in ("whole", "aligned", "found"):
        assert (getattr(again, name) == getattr(packed, name)).all()
    facts = json.loads((tmp_path / "packed.json").read_text())
    assert facts == preprocess.manifest(again)
    assert facts["images"] == 96 and facts["splits"]["test"]["images"] == 16
    assert sum(facts["splits"]["train"]["majority"].values()) == 64


def test_a_packed_file_missing_or_wrong_is_refused(tmp_path, packed):
    with pytest.raises(ConfigError, match="moodline-train prepare"):
        preprocess.open_packed(tmp_path / "none.npz")
    np.savez(
        tmp_path / "wrong.npz",
        whole=packed.whole[:, :40],
        aligned=packed.aligned,
        found=packed.found,
        votes=packed.faces.votes,
        split=packed.faces.split,
    )
    with pytest.raises(ConfigError, match=r"wrong\.npz: images: expected uint8"):
        preprocess.open_packed(tmp_path / "wrong.npz")


def test_a_missing_landmark_network_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.onnx"):
        preprocess.retinaface(tmp_path / "none.onnx")


@pytest.mark.assets
def test_the_reference_network_finds_faces_of_the_real_data_set(assets):
    faces = data.load(assets / "fer2013")
    find = preprocess.retinaface(assets / "detectors" / "retinaface_mnet0.25_official_dynamic.onnx", threads=1)
    points, scores = find(faces.images[:24])
    assert (scores > 0.8).mean() > 0.9
    left_eye, right_eye, nose, left_mouth, _ = points[scores > 0.8].mean(0)
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_eye[1] < nose[1] < left_mouth[1]
