"""The filter and the state machine: what counts as a change, and when."""

import itertools
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from engine.errors import Cause
from engine.events import EventBuilder, event_schema
from engine.items import (
    EmotionScores,
    FaceChip,
    Quality,
    Reading,
    SourceStatus,
    TrackEnded,
    TrackKey,
)
from engine.stages.smooth import Smooth, SmoothConfig
from engine.testing import FakeClock

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LABELS = ("neutral", "happiness", "sadness")
SCHEMA = Draft202012Validator(event_schema())


def chip(time_s, track_id=1, gated=(), source_id="door"):
    return FaceChip(
        TrackKey(source_id, track_id), "0" * 25 + str(track_id), round(time_s * 30), time_s, NOON,
        (10.2, 20.7, 50.0, 70.0), (640, 360), 0.9, time_s, Quality(0.8, gated), np.zeros((8, 8, 3), np.uint8),
    )  # fmt: skip


def reading(time_s, label=None, confidence=0.9, **kwargs):
    if label is None:
        return Reading(chip(time_s, gated=("dark",), **kwargs), None)
    rest = (1 - confidence) / (len(LABELS) - 1)
    values = np.array([confidence if name == label else rest for name in LABELS], np.float32)
    return Reading(chip(time_s, **kwargs), EmotionScores(LABELS, values))


def ended(time_s, track_id=1):
    return TrackEnded(
        TrackKey("door", track_id), "0" * 25 + str(track_id), 9, time_s, time_s - 1, NOON,
        (10, 20, 50, 70), (640, 360), time_s - 1,
    )  # fmt: skip


def smooth(**config):
    return Smooth(SmoothConfig(**config), EventBuilder("run", ("m", "0" * 64), FakeClock(), replay=True))


def documents(stage, items):
    found = [event.document for event in stage.process(items)]
    for document in found:
        SCHEMA.validate(document)
    return found


def feed(stage, fps, script):
    """`script(t)` names the label at time t or None for a gated chip; stops when it says 'end'."""
    found, index = [], 0
    while (label := script(index / fps)) != "end":
        found += documents(stage, [reading(index / fps, label)])
        index += 1
    return found


def changes(found):
    return [
        (event["before"] and event["before"]["label"], event["after"]["label"])
        for event in found
        if event["type"] == "emotion_changed"
    ]


@pytest.mark.parametrize("fps", [5, 10, 15, 30])
def test_changes_come_in_order_and_at_the_same_time_at_any_frame_rate(fps):
    found = feed(smooth(), fps, lambda t: "end" if t > 6 else "neutral" if t < 3 else "happiness")
    assert changes(found) == [(None, "neutral"), ("neutral", "happiness")]
    first, second = (event["time_s"] for event in found if event["type"] == "emotion_changed")
    assert first == pytest.approx(0.5, abs=1 / fps + 1e-9)
    assert second == pytest.approx(4.0, abs=2 / fps + 0.15)


def test_no_change_before_min_dwell_of_evidence():
    found = feed(smooth(min_dwell_s=1.0, half_life_s=0), 10, lambda t: "end" if t > 0.95 else "happiness")
    assert changes(found) == []


def test_a_blink_shorter_than_the_dwell_changes_nothing():
    blink = lambda t: "end" if t > 5 else "sadness" if 2 <= t < 2.4 else "neutral"  # noqa: E731
    assert changes(feed(smooth(half_life_s=0), 30, blink)) == [(None, "neutral")]


def test_flicker_changes_nothing():
    flicker = lambda t: "end" if t > 6 else ("sadness" if round(t * 30) % 2 else "neutral")  # noqa: E731
    assert len(changes(feed(smooth(), 30, flicker))) <= 1


def test_weak_evidence_decides_nothing():
    stage = smooth(min_confidence=0.5)
    found = documents(stage, [reading(index / 10, "happiness", confidence=0.45) for index in range(30)])
    assert changes(found) == []
    assert found[-1]["after"]["label"] is None


def test_a_challenger_must_lead_by_the_margin():
    values = np.array([0.48, 0.5, 0.02], np.float32)
    close = lambda t: Reading(chip(t), EmotionScores(LABELS, values.copy()))  # noqa: E731
    items = [reading(index / 10, "neutral") for index in range(20)]
    items += [close(2 + index / 10) for index in range(60)]
    assert changes(documents(smooth(margin=0.05), items)) == [(None, "neutral")]
    assert changes(documents(smooth(margin=0.0), items)) == [(None, "neutral"), ("neutral", "happiness")]


def test_a_label_that_has_lost_its_evidence_is_given_up_for_none_and_can_come_back():
    faint = np.array([0.15, 0.43, 0.42], np.float32)
    items = [reading(index / 10, "neutral") for index in range(20)]
    items += [Reading(chip(2 + index / 10), EmotionScores(LABELS, faint.copy())) for index in range(30)]
    items += [reading(5 + index / 10, "neutral") for index in range(20)]
    found = documents(smooth(), items)
    assert changes(found) == [(None, "neutral"), ("neutral", None), (None, "neutral")]
    lost = next(event for event in found if event["after"] and event["before"] and event["after"]["label"] is None)
    assert lost["before"]["dwell_s"] > 1.5
    assert lost["after"]["confidence"] == pytest.approx(0.43, abs=0.05)


def test_a_pause_is_no_evidence():
    """Two readings far apart say less than the dwell asks for."""
    stage = smooth(half_life_s=0)
    found = documents(stage, [reading(0.0, "neutral"), reading(10.0, "neutral")])
    assert changes(found) == []
    assert changes(documents(stage, [reading(10.3, "neutral")])) == [(None, "neutral")]


def test_every_event_tells_how_long_the_label_held():
    stage = smooth(half_life_s=0, min_dwell_s=0.5)
    found = feed(stage, 10, lambda t: "end" if t > 4 else "neutral" if t < 2 else "happiness")
    found += documents(stage, [ended(6.0)])
    changed = [event for event in found if event["type"] == "emotion_changed"]
    assert changed[1]["before"]["dwell_s"] == pytest.approx(2.0)
    assert found[-1]["type"] == "end"
    assert found[-1]["before"]["label"] == "happiness"
    assert found[-1]["before"]["dwell_s"] == pytest.approx(2.5)
    assert found[-1]["after"] is None


def test_the_first_event_is_new_and_updates_come_at_most_once_a_second():
    found = feed(smooth(), 30, lambda t: "end" if t > 5 else "neutral")
    assert found[0]["type"] == "new"
    times = [event["time_s"] for event in found]
    assert all(later - earlier >= 0.49 for earlier, later in itertools.pairwise(times))
    updates = [event["time_s"] for event in found if event["type"] == "update"]
    assert len(updates) == 4
    assert all(later - earlier >= 1 - 1e-6 for earlier, later in itertools.pairwise(updates))


def test_a_gated_chip_is_reported_with_its_reasons_and_changes_nothing():
    found = documents(smooth(), [reading(0.0), reading(0.5), reading(1.0)])
    assert [event["type"] for event in found] == ["new", "update"]
    assert found[0]["after"] is None
    assert found[0]["gated"] == ["dark"]


def test_seq_counts_without_gaps_over_tracks_sources_and_kinds():
    stage = smooth()
    items = [reading(t / 5, "neutral", track_id=track) for t in range(20) for track in (1, 2, 3)]
    status = SourceStatus("door", "offline", Cause.AUTH, "no entry", 4.0, NOON)
    found = documents(stage, [*items, ended(5.0), status, ended(5.0, track_id=2)])
    found += [event.document for event in stage.flush()]
    assert [event["seq"] for event in found] == list(range(1, len(found) + 1))
    assert len({event["event_id"] for event in found}) == len(found)
    assert [event["type"] for event in found][-4:] == ["end", "status", "end", "end"]


def test_a_track_that_was_never_announced_does_not_end():
    assert documents(smooth(), [ended(1.0)]) == []


def test_state_of_a_forgotten_track_is_given_up_after_its_time_to_live():
    stage = smooth(state_ttl_s=5)
    documents(stage, [reading(0.0, "neutral", track_id=1)])
    found = documents(stage, [reading(t, "neutral", track_id=2) for t in range(1, 12)])
    assert [event["track_id"] for event in found if event["type"] == "end"] == [1]
    assert [event.document["track_id"] for event in stage.flush()] == [2]


@given(st.lists(st.tuples(st.sampled_from([*LABELS, None]), st.floats(0.01, 2.0)), min_size=1, max_size=40))
def test_whatever_comes_a_change_is_never_sooner_than_the_dwell_and_never_to_the_same(script):
    stage, time_s, last_change = smooth(), 0.0, 0.0
    for label, step in script:
        for event in documents(stage, [reading(time_s, label)]):
            if event["type"] == "emotion_changed":
                assert event["time_s"] - last_change >= 0.5 - 2e-3
                assert event["before"] is None or event["before"]["label"] != event["after"]["label"]
                last_change = event["time_s"]
        time_s += step


def test_equal_input_gives_equal_events():
    script = lambda t: "end" if t > 8 else LABELS[int(t * 1.3) % 3]  # noqa: E731
    assert feed(smooth(), 15, script) == feed(smooth(), 15, script)


def test_settings_taken_over_hold_for_the_tracks_that_are_alive():
    stage = smooth(min_dwell_s=10)
    assert changes(documents(stage, [reading(index / 10, "happiness") for index in range(20)])) == []
    stage.adopt(SmoothConfig(min_dwell_s=0.5))
    assert changes(documents(stage, [reading(2.0, "happiness")])) == [(None, "happiness")]


def test_live_sources_that_never_come_back_leave_nothing_behind():
    stage = smooth()
    for number in range(100):
        name = f"camera-{number}"
        last = TrackEnded(TrackKey(name, 1), "0" * 26, 9, 1.0, 0.5, NOON, (10, 20, 50, 70), (640, 360), 0.5)
        stage.process([reading(0.5, "happiness", source_id=name), last])
    assert (stage._tracks, stage._swept_s) == ({}, {})
