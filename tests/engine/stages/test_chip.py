"""The chip stage: which faces are cut, what rules a chip out, and on which scale quality is measured."""

from datetime import UTC, datetime

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.align import TEMPLATE, align
from engine.errors import Cause
from engine.items import Detection, Floats, Frame, Image, SourceStatus, TrackedFace, TrackEnded, TrackKey, Unseen
from engine.stages.chip import Chip, ChipConfig, cut, framed, judge, look, sharpness, visible_share, yaw_deg
from engine.stages.detect import DetectedFrame
from engine.stages.track import Track, TrackConfig, TrackedFrame
from tests.support import networks

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def turned(yaw: float, roll: float = 0.0, side: float = 112.0, at: tuple[float, float] = (0, 0)) -> Floats:
    """Landmarks of a head turned by `yaw` degrees: eyes and mouth in a plane, the nose in front of it."""
    half = 18.0
    points = np.array([[-half, -20, 0], [half, -20, 0], [0, 0, half], [-15, 20, 0], [15, 20, 0]])
    angle = np.deg2rad(yaw)
    flat = np.column_stack([points[:, 0] * np.cos(angle) + points[:, 2] * np.sin(angle), points[:, 1]])
    turn = np.deg2rad(roll)
    flat = flat @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return (flat * side / 112 + side / 2 + at).astype(np.float32)


def texture(side: int = 112, light: float = 120, contrast: float = 40, blur: float = 0.0) -> Image:
    """A picture with the edges and the light of a portrait."""
    base = cv2.resize(
        np.random.default_rng(0).normal(0, 1, (14, 14)).astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC
    )
    fine = cv2.resize(np.random.default_rng(1).normal(0, 0.4, (48, 48)).astype(np.float32), (side, side))
    gray = np.clip(light + contrast * (base + fine), 0, 255).astype(np.uint8)
    if blur:
        gray = cv2.GaussianBlur(gray, (0, 0), blur)
    return cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR)


def face(side: float = 100, score: float = 0.95, landmarks: Floats | None = TEMPLATE) -> Detection:
    own = None if landmarks is None else landmarks.copy()
    return Detection((10, 10, 10 + side, 10 + side), score, own)


@pytest.mark.parametrize(
    "detection, chip, reasons",
    [
        (face(), texture(), ()),
        (face(side=31), texture(), ("small",)),
        (face(side=32), texture(), ()),
        (face(), texture(blur=10), ("blurred",)),
        (face(), texture(light=18, contrast=8), ("dark",)),
        (face(), texture(light=60, contrast=20), ()),  # dark skin in ordinary light
        (face(score=0.5), texture(), ("low_score",)),
        (face(landmarks=turned(70)), texture(), ("profile",)),
        (face(landmarks=turned(-70)), texture(), ("profile",)),
        (face(landmarks=turned(35)), texture(), ()),
        (face(landmarks=None), texture(), ()),  # nobody knows the pose
        (face(20, 0.3, turned(80)), texture(light=5, contrast=0), ("small", "blurred", "dark", "low_score", "profile")),
    ],
)
def test_each_reason_is_given_when_it_holds(detection, chip, reasons):
    assert judge(detection, chip, ChipConfig()).gated == reasons


def test_every_limit_can_be_switched_off():
    config = ChipConfig(min_size=0, min_sharpness=0, max_yaw_deg=90, min_brightness=0, min_shown=0, min_score=0)
    worst = judge(face(2, 0.01, turned(89)), texture(light=0, contrast=0), config)
    assert worst.gated == ()


@pytest.mark.parametrize(
    "better, worse",
    [
        (judge(face(90), texture(), ChipConfig()), judge(face(50), texture(), ChipConfig())),
        (judge(face(), texture(), ChipConfig()), judge(face(), texture(blur=3), ChipConfig())),
        (judge(face(), texture(), ChipConfig()), judge(face(), texture(light=50, contrast=20), ChipConfig())),
        (judge(face(score=0.9), texture(), ChipConfig()), judge(face(score=0.7), texture(), ChipConfig())),
        (judge(face(), texture(), ChipConfig()), judge(face(landmarks=turned(40)), texture(), ChipConfig())),
        (judge(face(), texture(), ChipConfig()), judge(face(landmarks=None), texture(), ChipConfig())),
    ],
)
def test_each_measure_lowers_the_score(better, worse):
    assert 0 < worse.score < better.score <= 1


@given(st.floats(1, 500), st.floats(0, 1), st.floats(0, 89), st.floats(0, 255))
def test_the_score_stays_within_0_and_1(side, score, yaw, light):
    quality = judge(face(side, score, turned(yaw)), texture(light=light), ChipConfig())
    assert 0 <= quality.score <= 1


@pytest.mark.parametrize("yaw", [-75, -40, -10, 0, 10, 40, 75])
@pytest.mark.parametrize("roll", [-60, 0, 30])
def test_the_yaw_of_a_made_up_head_is_found_at_any_roll(yaw, roll):
    assert yaw_deg(turned(yaw, roll)) == pytest.approx(abs(yaw), abs=0.5)


def test_eyes_in_one_place_are_a_profile():
    points = TEMPLATE.copy()
    points[1] = points[0] + (0.01, 0)
    assert yaw_deg(points) == pytest.approx(90, abs=1)


@pytest.mark.parametrize("gain", [0.3, 0.6, 1.0])
def test_sharpness_does_not_depend_on_exposure(gain):
    chip = texture()
    dimmed = (chip * gain).astype(np.uint8)
    assert sharpness(look(dimmed)) == pytest.approx(sharpness(look(chip)), rel=0.02)


def test_a_faint_blurred_picture_is_as_blurred_as_a_strong_one():
    faint, strong = (sharpness(look(texture(contrast=contrast, blur=8))) for contrast in (12, 40))
    assert faint == pytest.approx(strong, rel=0.5)


def test_a_flat_picture_has_no_sharpness():
    assert sharpness(np.full((36, 36), 99, np.float32)) == 0


@pytest.mark.assets
@pytest.mark.parametrize(
    "side, blur, blurred",
    [
        (112, 0, False),
        (48, 0, False),  # enlarged, but all the detail of 48 pixels is there
        (43, 0, False),  # the smallest that may pass: 32 pixels of face
        (112, 8, True),
    ],
)
def test_small_portraits_are_not_blurred_and_blurred_ones_are(side, blur, blurred):
    photos = sorted((networks.assets() / "faces").glob("*.jpg"))[:200:10]
    gated = []
    for path in photos:
        chip = cv2.resize(cv2.imread(str(path)), (side, side), interpolation=cv2.INTER_AREA)
        chip = cv2.resize(chip, (112, 112), interpolation=cv2.INTER_LINEAR)
        chip = cv2.GaussianBlur(chip, (0, 0), blur) if blur else chip
        gated.append("blurred" in judge(face(), chip, ChipConfig()).gated)
    assert np.mean(gated) >= 0.8 if blurred else np.mean(gated) <= 0.05


def frame(image: Image) -> Frame:
    return Frame("door", 7, 1.25, NOW, image, received_s=3.5, lossless=True)


def tracked(detection: Detection, number: int = 1, confirmed: bool = True, predicted: bool = False) -> TrackedFace:
    return TrackedFace(TrackKey("door", number), f"uid{number}", detection, 0.5, confirmed, predicted)


def test_only_confirmed_faces_that_were_seen_become_chips_and_markers_pass_in_order():
    picture = frame(texture(200))
    faces = (
        tracked(face(), 1),
        tracked(face(), 2, confirmed=False),
        tracked(face(), 3, predicted=True),
        tracked(face(), 4),
    )
    ended = TrackEnded(TrackKey("door", 9), "uid9", 6, 1.2, 1.0, NOW, (0, 0, 9, 9), (200, 200), 3.0)
    status = SourceStatus("door", "ended", Cause.ENDED, "", 1.3, NOW)
    chip = Chip(ChipConfig())
    out = chip.process([ended, TrackedFrame(picture, faces), status, TrackedFrame(picture, ())])
    assert out[0] is ended and out[-1] is status
    assert [item.key.track_id for item in out[1:-1]] == [1, 4]
    assert list(chip.flush()) == []
    chip.close()


def test_a_chip_carries_what_its_frame_knew_but_not_the_frame():
    picture = frame(texture(200))
    detection = face(score=0.8)
    (chip,) = Chip(ChipConfig()).process([TrackedFrame(picture, (tracked(detection),))])
    assert (chip.key, chip.track_uid, chip.frame_index, chip.time_s) == (("door", 1), "uid1", 7, 1.25)
    assert (chip.box, chip.score, chip.frame_size, chip.age_s) == (detection.box, 0.8, (200, 200), 0.5)
    assert (chip.captured_at, chip.received_s, chip.lossless) == (NOW, 3.5, True)
    assert chip.image.shape == (112, 112, 3) and not chip.image.flags.writeable
    assert not np.shares_memory(chip.image, picture.image)


def test_with_landmarks_a_chip_is_aligned_without_it_is_a_square_around_the_box():
    image = texture(200)
    np.testing.assert_array_equal(cut(image, face(), 112), align(image, TEMPLATE, 112))
    assert cut(image, face(landmarks=None), 64).shape == (64, 64, 3)
    assert framed((100, 100, 200, 200)) == pytest.approx((84.5, 76.9, 215.5, 207.9))
    assert framed((100, 120, 200, 180)) == framed((100, 100, 200, 200))


@pytest.mark.parametrize("detection", [face(), face(landmarks=None), face(landmarks=turned(0, at=(5000, -5000)))])
def test_a_face_larger_than_its_picture_is_no_error(detection):
    picture = frame(np.full((4, 4, 3), 100, np.uint8))
    (chip,) = Chip(ChipConfig(size=48)).process([TrackedFrame(picture, (tracked(detection),))])
    assert chip.image.shape == (48, 48, 3)


def test_a_chip_cut_without_landmarks_says_so_and_is_worth_less():
    with_points, without = (judge(face(landmarks=points), texture(), ChipConfig()) for points in (TEMPLATE, None))
    assert (with_points.aligned, without.aligned) == (True, False)
    assert without.score < with_points.score
    assert without.gated == ()


@pytest.mark.parametrize("looked", [True, False])
def test_time_passes_for_a_face_that_is_not_seen(looked: bool) -> None:
    """Hidden behind something, or on frames that nobody looked at; from a quarter of a second on."""
    track, stage = Track(TrackConfig(max_missing_s=5), "run"), Chip(ChipConfig())
    image = texture(200)
    found = []
    for index in range(20):
        faces = (face(),) if index < 5 else () if looked else None
        frame = Frame("door", index, index / 10, NOW, image)
        found += stage.process(track.process([DetectedFrame(frame, faces)]))
    unseen = [item for item in found if isinstance(item, Unseen)]
    assert [item.time_s for item in unseen] == [index / 10 for index in range(7, 20)]
    assert {(item.key, item.looked) for item in unseen} == {(TrackKey("door", 1), looked)}


PORTRAIT = 300


@pytest.mark.parametrize("landmarks", [True, False])
@pytest.mark.parametrize(
    ("kept", "is_cut"),
    [
        ((0.0, 0.0, 1.0, 1.0), False),
        ((0.0, 0.0, 0.5, 1.0), True),  # half a face at the right border
        ((0.5, 0.0, 1.0, 1.0), True),
        ((0.0, 0.5, 1.0, 1.0), True),  # no eyes
        ((0.0, 0.0, 1.0, 0.6), True),  # no mouth
        ((0.1, 0.0, 1.0, 1.0), False),  # an ear
        ((0.0, 0.1, 1.0, 1.0), False),  # hair
    ],
)
def test_a_face_that_the_border_cuts_is_gated_and_worth_less(landmarks, kept, is_cut):
    left, top, right, bottom = (round(PORTRAIT * share) for share in kept)
    image = texture(PORTRAIT)[top:bottom, left:right]
    points = TEMPLATE * (PORTRAIT / 112) - np.array((left, top), np.float32)
    side = PORTRAIT / 1.31  # of the box whose square shows what an aligned chip shows
    x, y = PORTRAIT / 2 - left - side / 2, PORTRAIT / 2 + 0.076 * side - top - side / 2
    detection = Detection((x, y, x + side, y + side), 0.95, points if landmarks else None)
    (chip,) = Chip(ChipConfig()).process([TrackedFrame(frame(image), (tracked(detection),))])
    assert ("cut" in chip.quality.gated) == is_cut
    whole = judge(detection, chip.image, ChipConfig())
    assert chip.quality.score <= whole.score
    if is_cut:
        assert chip.quality.score <= 0.5


def test_the_share_that_is_shown_depends_on_no_size_or_turn():
    for side, roll in ((60, 0), (300, 0), (300, 30)):
        points = turned(0, roll, side)
        assert visible_share(np.zeros((side * 2, side, 3), np.uint8), face(landmarks=points)) > 0.8
        assert visible_share(np.zeros((side * 2, side // 2, 3), np.uint8), face(landmarks=points)) < 0.7
