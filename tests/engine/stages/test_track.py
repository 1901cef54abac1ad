"""Tracking in seconds, whatever the frame rate."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import Cause
from engine.items import Detection, Frame, SourceStatus, TrackEnded
from engine.numbering import Numbering
from engine.stages.detect import DetectedFrame
from engine.stages.likeness import Nearest, face_distance
from engine.stages.track import SourceTracker, Track, TrackConfig, TrackedFrame

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def frame(index, time_s, size=(640, 360)):
    return Frame("door", index, time_s, NOON, np.zeros((size[1], size[0], 3), np.uint8))


def face(x, y=100.0, side=60.0):
    return Detection((x, y, x + side, y + side), 0.9)


def run(tracker, fps, seconds, faces_at, every_s=0.0):
    """Feed a made-up clip; `faces_at(t)` gives the faces; returns all ends and every frame's confirmed ids."""
    ends, ids, due = [], [], 0.0
    for index in range(round(fps * seconds) + 1):
        time_s = index / fps
        looked = time_s >= due - 1e-9
        due = due + every_s if looked else due
        tracked, ended = tracker.update(frame(index, time_s), faces_at(time_s) if looked else None)
        ends += ended
        ids.append((time_s, {item.key.track_id for item in tracked.faces if item.confirmed}))
    return ends, ids


@pytest.mark.parametrize("fps", [5, 15, 30, 60])
def test_a_track_is_confirmed_and_ended_in_seconds_at_any_frame_rate(fps):
    tracker = SourceTracker("door", "run", TrackConfig(confirm_s=0.4, max_missing_s=1.0))
    ends, ids = run(tracker, fps, 6, lambda t: [face(100 + 20 * t)] if 1 <= t <= 3 else [])
    confirmed = [time_s for time_s, present in ids if present]
    assert min(confirmed) == pytest.approx(1.4, abs=1 / fps + 1e-9)
    assert len(ends) == 1
    assert ends[0].last_seen_s == pytest.approx(3.0, abs=1 / fps)
    assert ends[0].time_s - ends[0].last_seen_s == pytest.approx(1.0, abs=1 / fps + 1e-9)


@pytest.mark.parametrize("every_s", [0.0, 0.1, 0.5])
def test_between_detections_the_tracker_predicts_and_keeps_the_id(every_s):
    tracker = SourceTracker("door", "run", TrackConfig())
    ends, ids = run(tracker, 30, 4, lambda t: [face(50 + 60 * t)], every_s)
    assert ends == []
    assert {number for _, present in ids for number in present} == {1}


def test_a_young_track_survives_a_miss_as_long_as_an_old_one():
    tracker = SourceTracker("door", "run", TrackConfig(confirm_s=0.2, max_missing_s=1.0))
    seen = {0.0, 0.8, 0.9}
    ends, ids = run(tracker, 10, 1, lambda t: [face(100)] if round(t, 1) in seen else [])
    assert ends == []
    assert ids[-1][1] == {1}


def test_a_blip_that_was_never_confirmed_ends_in_silence():
    tracker = SourceTracker("door", "run", TrackConfig())
    ends, ids = run(tracker, 10, 3, lambda t: [face(100)] if t == 0 else [])
    assert ends == []
    assert all(present == set() for _, present in ids)


def test_a_camera_slower_than_max_missing_still_keeps_its_tracks():
    tracker = SourceTracker("door", "run", TrackConfig(max_missing_s=1.5))
    ends, ids = run(tracker, 1, 8, lambda t: [face(100)])
    assert ends == []
    assert ids[-1][1] == {1}


def test_two_faces_that_pass_each_other_keep_their_ids():
    tracker = SourceTracker("door", "run", TrackConfig())
    _, ids = run(tracker, 15, 4, lambda t: [face(60 + 100 * t, y=60), face(460 - 100 * t, y=220)])
    assert {number for _, present in ids for number in present} == {1, 2}


def test_a_prediction_is_marked_as_one():
    tracker = SourceTracker("door", "run", TrackConfig(confirm_s=0))
    tracker.update(frame(0, 0.0), [face(100)])
    tracked, _ = tracker.update(frame(1, 0.1), None)
    assert [item.predicted for item in tracked.faces] == [True]


@pytest.mark.parametrize(
    "later",
    [
        frame(9, 0.9, size=(320, 240)),  # another picture size
        frame(9, 0.1),  # time went back
    ],
)
def test_a_break_in_the_stream_ends_all_tracks(later):
    tracker = SourceTracker("door", "run", TrackConfig(confirm_s=0))
    tracker.update(frame(0, 0.5), [face(100)])
    _, ended = tracker.update(later, [])
    assert [item.key.track_id for item in ended] == [1]


def test_a_lost_source_ends_its_tracks_before_its_status_passes_on():
    stage = Track(TrackConfig(confirm_s=0), "run")
    status = SourceStatus("door", "offline", Cause.TIMEOUT, "gone", 9.0, NOON)
    out = stage.process([DetectedFrame(frame(0, 0.5), (face(100),)), status])
    assert [type(item) for item in out] == [TrackedFrame, TrackEnded, SourceStatus]
    assert stage.active("door") == 0


def test_ids_go_on_counting_after_a_break_and_uids_never_repeat():
    tracker = SourceTracker("door", "run", TrackConfig(confirm_s=0))
    first, _ = tracker.update(frame(0, 0.5), [face(100)])
    tracker.end_all()
    second, _ = tracker.update(frame(1, 0.6), [face(100)])
    assert (first.faces[0].key.track_id, second.faces[0].key.track_id) == (1, 2)
    assert first.faces[0].track_uid != second.faces[0].track_uid


def test_the_file_s_end_gives_up_every_track():
    stage = Track(TrackConfig(confirm_s=0), "run")
    stage.process([DetectedFrame(frame(0, 0.5), (face(100), face(400)))])
    assert [item.key.track_id for item in stage.flush()] == [1, 2]


def test_a_head_that_turns_back_keeps_its_track():
    """The filter's estimate overshoots; the last sight does not."""
    tracker = SourceTracker("door", "run", TrackConfig())

    def there_and_back(t):
        return [face(60 + 250 * min(t, 1.0) - 250 * max(t - 1.0, 0.0), side=40)]

    _, ids = run(tracker, 10, 2, there_and_back)
    assert {number for _, present in ids for number in present} == {1}


def test_all_pairs_at_once_and_each_alone_give_the_same_distances():
    """Norfair 2.2 and later ask for the first, 2.1 for the second."""

    class Candidate:
        def __init__(self, *box):
            self.points = np.array(box, float).reshape(2, 2)

    class Tracked:
        def __init__(self, due, last):
            self.estimate, self.last_detection = np.array(due, float).reshape(2, 2), Candidate(*last)

    candidates = [Candidate(0, 0, 10, 10), Candidate(50, 0, 60, 12)]
    objects = [Tracked((4, 0, 14, 10), (1, 0, 11, 10)), Tracked((50, 1, 60, 12), (80, 0, 90, 10))]
    matrix = Nearest().get_distances(objects, candidates)
    assert matrix.shape == (2, 2)
    for row, candidate in zip(matrix, candidates, strict=True):
        assert row.tolist() == pytest.approx([Nearest()(candidate, tracked) for tracked in objects])
    assert matrix[0, 0] == pytest.approx(0.1)
    assert Nearest().get_distances([], candidates).shape == (2, 0)


corners = st.tuples(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4), st.floats(0, 1e4), st.floats(0, 1e4))


@given(st.lists(corners, min_size=1, max_size=5), st.lists(corners, min_size=1, max_size=5))
def test_the_distance_is_finite_and_zero_only_for_the_same_box(some, others):
    to_boxes = lambda rows: np.array([(x, y, x + w, y + h) for x, y, w, h in rows])  # noqa: E731
    matrix = face_distance(to_boxes(some), to_boxes(others))
    assert matrix.shape == (len(some), len(others))
    assert np.isfinite(matrix).all() and (matrix >= 0).all()
    assert np.diag(face_distance(to_boxes(some), to_boxes(some))) == pytest.approx(0)


def status(state, source_id="door", time_s=1.0):
    return SourceStatus(source_id, state, None, "", time_s, NOON)


def test_a_source_that_has_ended_leaves_nothing_behind_and_gets_no_id_twice_when_it_comes_back():
    stage = Track(TrackConfig(confirm_s=0), "run")
    first = stage.process([DetectedFrame(frame(0, 0.5), (face(100),)), status("ended")])
    assert [type(item).__name__ for item in first] == ["TrackedFrame", "TrackEnded", "SourceStatus"]
    assert stage._trackers == {}
    assert stage.active("door") == 0
    (again,) = stage.process([DetectedFrame(frame(0, 0.1), (face(100),))])
    assert again.faces[0].key.track_id == 2
    assert again.faces[0].track_uid != first[0].faces[0].track_uid


def test_workers_that_share_their_numbers_give_no_id_of_a_source_twice():
    numbers = Numbering(first=1)
    stages = [Track(TrackConfig(confirm_s=0), "run", numbers=numbers) for _ in range(2)]
    seen = [stage.process([DetectedFrame(frame(0, 0.5), (face(100), face(400)))])[0] for stage in stages]
    assert [item.key.track_id for tracked in seen for item in tracked.faces] == [1, 2, 3, 4]


def test_settings_taken_over_hold_for_the_tracks_that_are_alive():
    stage = Track(TrackConfig(confirm_s=0, max_missing_s=1.0, max_distance=1.0), "run")
    stage.process([DetectedFrame(frame(0, 0.0), (face(100),))])
    stage.adopt(TrackConfig(confirm_s=0, max_missing_s=5.0, max_distance=4.0))
    assert not any(isinstance(item, TrackEnded) for item in stage.process([DetectedFrame(frame(1, 2.0), ())]))
    (far,) = stage.process([DetectedFrame(frame(2, 2.1), (face(250),))])
    assert [item.key.track_id for item in far.faces] == [1]


def _with_hole(tracker, step_s, hole_s, before=12, after=12):
    """Feed one face on frames `step_s` apart, with a hole after the first `before`; returns all ends."""
    times = [number * step_s for number in range(before)]
    times += [times[-1] + hole_s + number * step_s for number in range(after)]
    return [one for index, at in enumerate(times) for one in tracker.update(frame(index, at), [face(100)])[1]]


@pytest.mark.parametrize(
    ("step_s", "hole_s", "ends"),
    [
        (1 / 15, 4.0, 1),  # another person may stand where the first one stood
        (1 / 15, 20.0, 1),
        (1 / 15, 0.9, 0),  # within max_missing_s it is the same one
        (2.0, 2.0, 0),  # slow footage has no holes
        (2.0, 30.0, 1),
    ],
)
def test_tracks_end_where_nobody_looked_for_longer_than_they_live(step_s, hole_s, ends):
    tracker = SourceTracker("door", "run", TrackConfig(confirm_s=0.2, max_missing_s=1.0))
    ended = _with_hole(tracker, step_s, hole_s)
    assert len(ended) == ends
    last_s = 11 * step_s
    assert [one.last_seen_s for one in ended] == [pytest.approx(last_s)] * ends
    assert [one.time_s for one in ended] == [pytest.approx(last_s + 1.0)] * ends
    assert {life.key.track_id for life in tracker._lives.values()} == {1 + ends}


def test_another_scene_ends_all_tracks():
    tracker = SourceTracker("door", "run", TrackConfig(confirm_s=0, max_missing_s=1.0))
    tracker.update(frame(0, 0.0), [face(100)])
    cut = Frame("door", 1, 0.1, NOON, np.zeros((360, 640, 3), np.uint8), cut=True)
    tracked, ended = tracker.update(cut, [face(100)])
    assert [one.key.track_id for one in ended] == [1]
    assert [one.key.track_id for one in tracked.faces] == [2]
