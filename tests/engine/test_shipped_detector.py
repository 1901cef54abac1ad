"""The detector that ships: a sound card, small, finds the faces of photos, and none where there are none."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from engine.api.privacy import PrivacyConfig
from engine.detectors.base import Detector
from engine.detectors.build import build_detector
from engine.items import Detection, Image
from engine.modelcard import SHIPPED, load_model
from engine.stages.detect import DetectConfig
from tests.support.photos import astronaut, group, thing
from tests.support.program import moodline

NAME = DetectConfig().model
SIZE_LIMIT = 2_000_000
"""Bytes."""
FACE = np.float32([177, 56, 270, 176])
"""The astronaut's, as RetinaFace networks see it."""


@pytest.fixture(scope="module")
def detector() -> Detector:
    return build_detector(DetectConfig(model=str(SHIPPED / f"{NAME}.onnx"), device="cpu"))[0]


def resized(image: Image, scale: float) -> Image:
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    made: Image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=how)
    return made


def iou(one: np.ndarray, other: np.ndarray) -> float:
    across = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    shared = float(np.prod(np.maximum(across, 0)))
    return shared / float(np.prod(one[2:] - one[:2]) + np.prod(other[2:] - other[:2]) - shared)


def assert_sound(face: Detection) -> None:
    """Landmarks lie in the box, eyes above nose above mouth, left before right."""
    assert face.landmarks is not None
    x1, y1, x2, y2 = face.box
    (x, y) = face.landmarks.T
    assert (x > x1).all() and (x < x2).all() and (y > y1).all() and (y < y2).all()
    assert x[0] < x[1] and x[3] < x[4] and x[0] < x[2] < x[1]
    assert max(y[0], y[1]) < y[2] < min(y[3], y[4])


def test_its_card_describes_the_file_and_lets_everybody_use_it():
    model = load_model(SHIPPED / f"{NAME}.onnx")
    card = model.card
    assert (card.name, card.task, card.layout, card.licence) == (NAME, "face-detection", "retinaface", "Apache-2.0")
    assert (card.input.width, card.input.height, card.input.colour) == (None, None, "BGR")
    assert model.path.stat().st_size <= SIZE_LIMIT
    assert len(card.data["sha256"]) == 64 and card.data["teachers"]


@pytest.mark.parametrize("scale", [0.25, 0.35, 0.5, 0.75, 1.0, 1.25, 2.0])
def test_a_face_of_24_pixels_and_more_is_found_where_it_is(detector: Detector, scale: float):
    (faces,) = detector.detect([resized(astronaut(), scale)])
    assert len(faces) == 1
    assert iou(np.float32(faces[0].box), FACE * scale) > 0.6
    assert_sound(faces[0])


def test_everybody_in_a_group_is_found_left_to_right(detector: Detector):
    (faces,) = detector.detect([group()])
    assert len(faces) == 6
    for face in faces:
        assert_sound(face)


def test_a_mirrored_picture_gives_mirrored_faces(detector: Detector):
    image = group()
    plain, mirrored = detector.detect([image, np.ascontiguousarray(image[:, ::-1])])
    boxes = [np.float32([1280 - x2, y1, 1280 - x1, y2]) for x1, y1, x2, y2 in (face.box for face in mirrored)]
    assert len(plain) == len(mirrored)
    assert all(max(iou(np.float32(face.box), box) for box in boxes) > 0.8 for face in plain)


def blank(value: int) -> Image:
    return np.full((360, 640, 3), value, np.uint8)


def gradient(across: bool) -> Image:
    ramp = np.linspace(0, 255, 640 if across else 360).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(ramp[None, :, None] if across else ramp[:, None, None], (360, 640, 3)))


def noise(cell: int) -> Image:
    small = np.random.default_rng(cell).integers(0, 256, (360 // cell, 640 // cell, 3), np.uint8)
    large: Image = cv2.resize(small, (640, 360), interpolation=cv2.INTER_CUBIC)
    return large


def checks(cell: int) -> Image:
    rows, columns = np.indices((360, 640)) // cell
    return np.repeat(((rows + columns) % 2 * 255).astype(np.uint8)[:, :, None], 3, axis=2)


EMPTY = {
    **{f"blank {value}": blank(value) for value in (0, 117, 255)},
    **{f"gradient {name}": gradient(name == "across") for name in ("across", "down")},
    **{f"noise {cell}": noise(cell) for cell in (1, 4, 8, 20, 40)},
    **{f"checks {cell}": checks(cell) for cell in (4, 16, 60)},
}


THINGS = (
    *("brick", "cell", "chelsea", "clock_motion", "coffee", "color", "grass", "gravel", "horse", "ihc", "logo", "moon"),
    *("motorcycle_left", "page", "text"),
)
"""Pictures that scikit-image brings: textures, a cat, a horse, microscopy, letters."""


@pytest.mark.parametrize("name", EMPTY)
def test_there_are_no_faces_in_pictures_without_any(detector: Detector, name: str):
    assert detector.detect([EMPTY[name]]) == [()]


def test_textures_animals_and_things_are_no_faces(detector: Detector):
    found = {name: faces for name in THINGS if (faces := detector.detect([thing(name)])[0])}
    assert sum(map(len, found.values())) <= 1, {name: [face.score for face in faces] for name, faces in found.items()}


@pytest.mark.parametrize("shape", [(1, 1), (7, 5), (33, 47), (120, 1), (1, 2000), (361, 641)])
def test_any_size_of_picture_will_do(detector: Detector, shape: tuple[int, int]):
    assert detector.detect([np.full((*shape, 3), 127, np.uint8)]) == [()]


def test_a_batch_gives_what_each_picture_gives_alone_and_in_its_order(detector: Detector):
    photo = astronaut()
    images = [photo, EMPTY["noise 8"], photo[:333, :301], EMPTY["blank 0"], resized(photo, 0.5), photo[:, ::-1].copy()]
    together = detector.detect(images)
    assert [len(faces) for faces in together] == [1, 0, 1, 0, 1, 1]
    for faces, image in zip(together, images, strict=True):
        (alone,) = detector.detect([image])
        assert [face.box for face in faces] == [pytest.approx(face.box, abs=0.01) for face in alone]
        assert [face.score for face in faces] == pytest.approx([face.score for face in alone], abs=1e-4)


def test_the_program_lists_it_and_finds_it_sound(tmp_path: Path):
    alone = {"MOODLINE_MODELS": "", "XDG_DATA_HOME": str(tmp_path)}
    said = {command: moodline("models", command, **alone).stdout for command in ("list", "verify")}
    sha = load_model(SHIPPED / f"{NAME}.onnx").card.sha256[:12]
    (row,) = (line for line in said["list"].splitlines() if line.startswith(f"{NAME} "))
    assert row.split()[1] == "face-detection" and row.split()[3:5] == [sha, "Apache-2.0"]
    (row,) = (line for line in said["verify"].splitlines() if f" {NAME}: " in line)
    assert row.startswith(f"ok      {NAME}: face-detection, sha256 {sha}, ") and row.endswith(
        f", {SHIPPED / NAME}.onnx"
    )


@pytest.mark.parametrize(("side", "share"), [("left", 0.5), ("right", 0.5), ("right", 0.4), ("bottom", 0.5)])
def test_a_face_cut_by_the_border_is_hidden_though_it_is_not_tracked(detector: Any, side: str, share: float):
    x1, y1, x2, y2 = FACE
    width, height = share * (x2 - x1), share * (y2 - y1)
    image, visible = {
        "left": (astronaut()[:, round(x2 - width) :], (0, y1, width, y2)),
        "right": (astronaut()[:, : round(x1 + width)], (x1, y1, x1 + width, y2)),
        "bottom": (astronaut()[: round(y1 + height)], (x1, y1, x2, y1 + height)),
    }[side]
    cut = np.ascontiguousarray(image)
    assert detector.detect([cut]) == [()], "clear enough to be tracked"
    detector.faint_score = PrivacyConfig().blur_score
    found = detector.detect([cut])[0]
    detector.faint_score = None
    assert max(iou(np.float32(one.box), np.float32(visible)) for one in found) > 0.3
    assert all(one.score < detector.min_score for one in found)


def test_clear_faces_are_the_same_with_faint_ones_behind_them(detector: Any):
    before = detector.detect([astronaut()])[0]
    detector.faint_score = 0.1
    after = detector.detect([astronaut()])[0]
    detector.faint_score = None
    assert [one.box for one in after[: len(before)]] == [one.box for one in before]
    assert all(one.score < detector.min_score for one in after[len(before) :])
