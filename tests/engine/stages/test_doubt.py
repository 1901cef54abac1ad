"""What the detector found and nobody could read: a face in the dark, or a chrome lamp."""

from datetime import UTC, datetime

import numpy as np
import pytest

from engine.align import TEMPLATE
from engine.events import EventBuilder
from engine.items import EmotionScores, FaceChip, Quality, Reading, SourceStatus, TrackEnded, TrackKey
from engine.stages.smooth import Smooth, SmoothConfig
from engine.testing import FakeClock

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LABELS = ("neutral", "happiness")


def sight(time_s, landmarks, read=False, track_id=1, box=(100.0, 100.0, 212.0, 212.0)):
    chip = FaceChip(
        TrackKey("door", track_id), "0" * 25 + str(track_id), round(time_s * 30), time_s, NOON, box, (640, 360), 0.7,
        time_s, Quality(0.4, () if read else ("blurred",)), np.zeros((8, 8, 3), np.uint8),
        landmarks=None if landmarks is None else np.asarray(landmarks, np.float32),
    )  # fmt: skip
    return Reading(chip, EmotionScores(LABELS, np.array([0.9, 0.1], np.float32)) if read else None)


def face(time_s, rng, shift=0.0, noise=1.5):
    """The landmarks of a small face, which move with it."""
    return TEMPLATE + 100 + shift + rng.normal(0, noise, (5, 2))


def lamp(time_s, rng):
    return 100 + rng.uniform(10, 100, (5, 2))


def ended(time_s, track_id=1):
    return TrackEnded(
        TrackKey("door", track_id), "0" * 25 + str(track_id), 9, time_s, time_s - 1, NOON, (100, 100, 212, 212),
        (640, 360), time_s - 1,
    )  # fmt: skip


def stage():
    return Smooth(SmoothConfig(), EventBuilder("run", ("m", "0" * 64), FakeClock(), replay=True))


def told(smooth, items):
    return [(event.type, event.document["track_id"], event.seq) for event in smooth.process(items)]


def of(what, seconds, fps=10, **kwargs):
    rng = np.random.default_rng(3)
    return [sight(index / fps, what(index / fps, rng), **kwargs) for index in range(round(seconds * fps))]


@pytest.mark.parametrize("seconds", [0.4, 3, 60])
def test_a_lamp_is_counted_and_not_listed(seconds):
    smooth = stage()
    assert told(smooth, [*of(lamp, seconds), ended(seconds + 1)]) == []
    assert smooth.rejected == 1
    status = SourceStatus("door", "online", None, "", 9, NOON)
    assert [event.seq for event in smooth.process([status])] == [1]


def test_six_lamps_are_six_rejected_and_leave_nothing_behind():
    smooth = stage()
    for number in range(1, 7):
        smooth.process([*of(lamp, 2, track_id=number), ended(3, number)])
    assert (smooth.rejected, smooth._tracks, smooth.flush()) == (6, {}, [])


def test_a_face_in_the_dark_is_listed_once_its_landmarks_agree():
    smooth = stage()
    assert told(smooth, of(face, 2)) == [("new", 1, 1), ("update", 1, 2)]
    assert told(smooth, [ended(4)]) == [("end", 1, 3)]
    assert smooth.rejected == 0


def test_a_face_that_moves_and_grows_agrees_with_itself():
    rng = np.random.default_rng(1)
    items = []
    for index in range(20):
        scale, shift = 1 + index / 20, 8.0 * index
        landmarks = TEMPLATE * scale + shift + rng.normal(0, 1.5, (5, 2))
        items.append(sight(index / 10, landmarks, box=(shift, shift, shift + 112 * scale, shift + 112 * scale)))
    assert [kind for kind, *_ in told(stage(), items)][:1] == ["new"]


def test_what_can_be_read_is_listed_at_once():
    smooth = stage()
    assert told(smooth, of(lamp, 0.1, read=True)) == [("new", 1, 1)]


def test_a_lamp_that_turns_out_to_be_readable_is_listed_from_then_on():
    smooth = stage()
    assert told(smooth, of(lamp, 1)) == []
    assert told(smooth, [sight(1.0, TEMPLATE + 100, read=True), ended(3)]) == [("new", 1, 1), ("end", 1, 2)]


def test_where_there_are_no_landmarks_there_is_no_doubt():
    assert told(stage(), [sight(0.0, None)]) == [("new", 1, 1)]


def test_what_ends_before_anything_speaks_against_it_is_told_whole():
    smooth = stage()
    assert told(smooth, of(face, 0.2)) == []
    assert told(smooth, [ended(2)]) == [("new", 1, 1), ("end", 1, 2)]


def test_sights_far_apart_say_nothing_against_a_face_that_turns():
    smooth = stage()
    assert [kind for kind, *_ in told(smooth, [*of(lamp, 10, fps=1), ended(12)])][:1] == ["new"]
    assert smooth.rejected == 0


def test_the_end_of_the_run_tells_of_faces_and_not_of_lamps():
    smooth = stage()
    smooth.process([*of(face, 0.3, track_id=1), *of(lamp, 0.5, track_id=2)])
    assert [(event.type, event.document["track_id"]) for event in smooth.flush()] == [("new", 1), ("end", 1)]
    assert smooth.rejected == 1
