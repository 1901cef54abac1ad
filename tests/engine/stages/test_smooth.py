"""The filter and the state machine: what counts as a change, and when."""

import itertools
from dataclasses import replace
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
    assert first == pytest.approx(0.3, abs=1 / fps + 0.01)
    assert second == pytest.approx(3.3, abs=1 / fps + 0.05)
    assert [event["since_s"] for event in found if event["type"] == "emotion_changed"] == [0, 3]


def mixed(time_s, **scores):
    """A reading of these scores; what they leave is shared by the other labels."""
    rest = (1 - sum(scores.values())) / max(1, len(LABELS) - len(scores))
    return Reading(chip(time_s), EmotionScores(LABELS, np.array([scores.get(x, rest) for x in LABELS], np.float32)))


def told_s(stage, first, then, fps=10, seconds=20):
    """When `then` becomes the label after five seconds of `first`, counted from its first reading; None: never."""
    items = [mixed(index / fps, **first) for index in range(5 * fps)]
    items += [mixed(5 + index / fps, **then) for index in range(seconds * fps)]
    wanted = max(then, key=then.get)
    found = [one for one in documents(stage, items) if one["type"] == "emotion_changed"]
    return next((one["time_s"] - 5 for one in found if one["after"]["label"] == wanted), None)


CALM = {"neutral": 0.8, "happiness": 0.1}


@pytest.mark.parametrize("fps", [5, 10, 15, 30])
@pytest.mark.parametrize(
    ("then", "within_s"),
    [
        ({"happiness": 0.95}, 0.3),  # strong
        ({"happiness": 0.7, "neutral": 0.2}, 0.7),  # clear: min_dwell_s + 0.2
        ({"happiness": 0.5, "neutral": 0.3}, 2.0),  # weak: it waits
    ],
)
def test_the_stronger_the_evidence_the_sooner_it_decides(then, within_s, fps):
    assert told_s(smooth(), CALM, then, fps) == pytest.approx(within_s, abs=0.35 * within_s + 1 / fps)
    assert told_s(smooth(), CALM, then, fps) <= within_s + 1 / fps


def test_presets_are_slower_and_quicker_and_keys_that_are_given_go_first():
    then = {"happiness": 0.8, "neutral": 0.15}
    calm, balanced, quick = (told_s(smooth(preset=name), CALM, then) for name in ("calm", "balanced", "quick"))
    assert quick < balanced < calm < 2
    assert SmoothConfig(preset="balanced") == SmoothConfig()
    own = SmoothConfig(preset="calm", min_dwell_s=0.2)
    assert (own.min_dwell_s, own.margin) == (0.2, SmoothConfig(preset="calm").margin)
    assert replace(own, min_dwell_s=0).margin == own.margin


def test_min_dwell_sets_the_scale():
    then = {"happiness": 0.9}
    assert told_s(smooth(min_dwell_s=2.0), CALM, then) == pytest.approx(4 * told_s(smooth(), CALM, then), abs=0.2)


@pytest.mark.parametrize("fps", [5, 10, 15, 30])
def test_an_expression_of_seven_tenths_of_a_second_is_told_and_dated(fps):
    smile = lambda t: "end" if t > 5 else "happiness" if 2 <= t < 2.7 else "neutral"  # noqa: E731
    found = feed(smooth(), fps, smile)
    assert changes(found) == [(None, "neutral"), ("neutral", "happiness"), ("happiness", "neutral")]
    began = [event["since_s"] for event in found if event["type"] == "emotion_changed"]
    assert began == pytest.approx([0, 2, 2.7], abs=1 / fps + 1e-3)
    dwelt = [event["before"]["dwell_s"] for event in found if event["type"] == "emotion_changed" and event["before"]]
    assert dwelt == pytest.approx([2, 0.7], abs=2 / fps)


@pytest.mark.parametrize("fps", [5, 10, 30])
def test_a_blink_changes_nothing(fps):
    blink = lambda t: "end" if t > 5 else "sadness" if 2 <= t < 2.2 else "neutral"  # noqa: E731
    assert changes(feed(smooth(), fps, blink)) == [(None, "neutral")]


def test_one_wild_reading_among_few_changes_nothing():
    wild = lambda t: "end" if t > 9 else "sadness" if round(t * 5) % 7 == 3 else "neutral"  # noqa: E731
    assert changes(feed(smooth(), 5, wild)) == [(None, "neutral")]


def test_a_narrow_lead_decides_where_nothing_is_said_yet_and_takes_its_time():
    tied = [mixed(index / 10, happiness=0.44, sadness=0.40) for index in range(60)]
    found = documents(smooth(), tied)
    assert changes(found) == [(None, "happiness")]
    assert next(event for event in found if event["type"] == "emotion_changed")["time_s"] > 1.5


def test_a_face_that_shows_nothing_is_given_no_label():
    even = [mixed(index / 10, happiness=0.34, sadness=0.33) for index in range(600)]
    assert changes(documents(smooth(min_confidence=0.4), even)) == []


def test_a_change_tells_the_scores_of_its_evidence_and_the_best_of_what_was():
    """Neither side of a change is told with the score of a loser."""
    found = feed(smooth(half_life_s=5), 10, lambda t: "end" if t > 4 else "neutral" if t < 2 else "happiness")
    _, change = [event for event in found if event["type"] == "emotion_changed"]
    assert change["before"]["confidence"] == pytest.approx(0.9, abs=0.05)
    assert change["after"]["confidence"] == pytest.approx(0.9, abs=0.01)
    assert max(change["after"]["scores"], key=change["after"]["scores"].get) == "happiness"


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
    assert changes(documents(smooth(margin=0.0, min_dwell_s=0.1), items)) == [
        (None, "neutral"), ("neutral", "happiness"),
    ]  # fmt: skip


def test_a_label_that_has_lost_its_evidence_is_given_up_for_none_and_can_come_back():
    faint = np.array([0.15, 0.43, 0.42], np.float32)
    items = [reading(index / 10, "neutral") for index in range(20)]
    items += [Reading(chip(2 + index / 10), EmotionScores(LABELS, faint.copy())) for index in range(30)]
    items += [reading(5 + index / 10, "neutral") for index in range(20)]
    found = documents(smooth(min_confidence=0.45), items)
    assert changes(found) == [(None, "neutral"), ("neutral", None), (None, "neutral")]
    lost = next(event for event in found if event["after"] and event["before"] and event["after"]["label"] is None)
    assert lost["before"]["dwell_s"] > 1.5
    assert lost["after"]["confidence"] == pytest.approx(0.43, abs=0.05)
    assert lost["after"]["reason"] == "faded"


def test_a_pause_is_no_evidence():
    """Two readings far apart say less than the dwell asks for."""
    stage = smooth(hold_s=60)
    found = documents(stage, [reading(0.0, "neutral"), reading(10.0, "neutral")])
    assert changes(found) == []
    assert changes(documents(stage, [reading(10.2, "neutral")])) == [(None, "neutral")]


def test_every_event_tells_how_long_the_label_held():
    stage = smooth(half_life_s=0, min_dwell_s=0.5)
    found = feed(stage, 10, lambda t: "end" if t > 4 else "neutral" if t < 2 else "happiness")
    found += documents(stage, [ended(6.0)])
    changed = [event for event in found if event["type"] == "emotion_changed"]
    assert changed[1]["before"]["dwell_s"] == pytest.approx(2.0)
    assert found[-1]["type"] == "end"
    assert found[-1]["before"]["label"] == "happiness"
    assert found[-1]["before"]["dwell_s"] == pytest.approx(2.0)
    assert found[-1]["after"] is None


def test_the_first_event_is_new_and_updates_come_at_most_once_a_second():
    found = feed(smooth(), 30, lambda t: "end" if t > 5 else "neutral")
    assert found[0]["type"] == "new"
    times = [event["time_s"] for event in found]
    assert all(later - earlier >= 0.29 for earlier, later in itertools.pairwise(times))
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
def test_whatever_comes_no_label_is_left_for_another_before_the_dwell(script):
    stage, time_s, last_change, last_label = smooth(), 0.0, -1.0, None
    for label, step in script:
        for event in documents(stage, [reading(time_s, label)]):
            if event["type"] == "emotion_changed":
                assert event["time_s"] - last_change >= 0.5 - 2e-3 or event["after"]["label"] is None
                assert (event["before"] and event["before"]["label"]) == last_label != event["after"]["label"]
                assert 0 <= event["since_s"] <= event["time_s"]
                last_change, last_label = event["time_s"], event["after"]["label"]
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
