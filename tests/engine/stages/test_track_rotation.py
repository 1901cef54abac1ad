"""`privacy.rotate_track_ids`: nobody is followed for longer than that under one id."""

from itertools import pairwise

import pytest

from engine.stages.track import SourceTracker, TrackConfig
from tests.engine.stages.test_track import face, frame

ROTATE_S = 4.0


def follow(seconds, faces_at, every_s=0.0, fps=10):
    """Per frame: the time, the faces, the ends."""
    tracker = SourceTracker("door", "run", TrackConfig(), ROTATE_S)
    told, due = [], 0.0
    for index in range(round(seconds * fps) + 1):
        time_s = index / fps
        looked = time_s >= due - 1e-9
        due = due + every_s if looked else due
        tracked, ended = tracker.update(frame(index, time_s), faces_at(time_s) if looked else None)
        told.append((time_s, tracked.faces, ended))
    return told


def uids(told):
    """First and last time of each id."""
    spans = {}
    for time_s, faces, _ in told:
        for one in faces:
            if one.confirmed:
                spans[one.track_uid] = (spans.get(one.track_uid, (time_s, 0))[0], time_s)
    return spans


@pytest.mark.parametrize("every_s", [0.0, 0.3])
def test_a_face_that_stays_gets_a_new_id_at_every_multiple_and_the_old_track_ends(every_s):
    told = follow(20.5, lambda t: [face(100 + 2 * t)], every_s)
    spans = uids(told)
    assert len(spans) == 6  # periods of 0, 4, 8, 12, 16 and 20 s
    assert all(end - start < ROTATE_S + 0.3 for start, end in spans.values())
    ends = [end for _, _, ended in told for end in ended]
    assert [end.track_uid for end in ends] == list(spans)[:-1]
    assert [end.key.track_id for end in ends] == [1, 2, 3, 4, 5]
    for (start, last), end in zip(spans.values(), ends, strict=False):
        assert start <= end.last_seen_s <= last < end.time_s
        assert end.age_s == pytest.approx(end.last_seen_s - (start if start > 1 else 0.0))
    for (_, before), (after, _) in pairwise(spans.values()):
        assert after - before == pytest.approx(0.1)  # in view without a break


def test_all_faces_in_view_change_ids_together():
    told = follow(5, lambda t: [face(50), face(300)] if t >= 1 else [face(50)])
    changes = [(time_s, len(ended)) for time_s, _, ended in told if ended]
    assert changes == [(4.0, 2)]


def test_a_face_that_is_away_at_the_time_gets_its_new_id_when_it_is_back():
    told = follow(6, lambda t: [] if 3.85 < t < 4.25 else [face(100)])
    ((time_s, faces, ended),) = [one for one in told if one[2]]
    assert time_s == pytest.approx(4.3)
    assert ended[0].last_seen_s == pytest.approx(3.8)
    assert faces[0].track_uid != ended[0].track_uid and faces[0].age_s == 0


def test_the_same_clip_gives_the_same_ids_and_none_rotate_unasked():
    assert list(uids(follow(9, lambda t: [face(100)]))) == list(uids(follow(9, lambda t: [face(100)])))
    tracker = SourceTracker("door", "run", TrackConfig())
    for index in range(200):
        _, ended = tracker.update(frame(index, index / 2), [face(100)])
        assert ended == []
