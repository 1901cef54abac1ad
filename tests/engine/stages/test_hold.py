"""A label ends with its evidence: what is not read any more is not told any more."""

from datetime import UTC, datetime

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from engine.events import EventBuilder, event_schema
from engine.history.rows import sample_rows
from engine.items import EmotionScores, FaceChip, Quality, Reading, SourceStatus, TrackEnded, TrackKey, Unseen
from engine.stages.smooth import Smooth, SmoothConfig
from engine.testing import FakeClock

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LABELS = ("neutral", "happiness", "sadness")
SCHEMA = Draft202012Validator(event_schema())
KEY = TrackKey("door", 1)
UID = "0" * 25 + "1"


def at(time_s):
    return NOON.replace(minute=int(time_s // 60), second=int(time_s % 60), microsecond=int(time_s % 1 * 1e6))


def chip(time_s, gated):
    return FaceChip(
        KEY, UID, round(time_s * 30), time_s, at(time_s), (10.2, 20.7, 50.0, 70.0), (640, 360), 0.9, time_s,
        Quality(0.8, gated), np.zeros((8, 8, 3), np.uint8),
    )  # fmt: skip


def seen(time_s, label="happiness"):
    values = np.array([0.92 if name == label else 0.04 for name in LABELS], np.float32)
    return Reading(chip(time_s, ()), EmotionScores(LABELS, values))


def gated(*reasons):
    return lambda time_s: Reading(chip(time_s, reasons), None)


def missing(looked):
    return lambda time_s: Unseen(
        KEY, UID, round(time_s * 30), time_s, at(time_s), (10, 20, 50, 70), (640, 360), time_s, looked
    )


def nothing(_time_s):
    return None


def ended(time_s, last_seen_s):
    return TrackEnded(KEY, UID, 9, time_s, last_seen_s, at(time_s), (10, 20, 50, 70), (640, 360), last_seen_s)


class Line:
    """A smoother and all that it told."""

    def __init__(self, **config):
        self.judged = []
        builder = EventBuilder("run", ("m", "0" * 64), FakeClock(), replay=True)
        self.stage = Smooth(SmoothConfig(**config), builder, lambda item, now: self.judged.append((item.time_s, now)))
        self.events = []

    def play(self, what, start_s, stop_s, fps=10):
        for index in range(round(start_s * fps), round(stop_s * fps)):
            item = what(index / fps)
            self.events += self.stage.process([item] if item else [])

    @property
    def documents(self):
        found = [event.document for event in self.events]
        for document in found:
            SCHEMA.validate(document)
        assert [document["seq"] for document in found] == list(range(1, len(found) + 1))
        return found

    @property
    def changes(self):
        return [one for one in self.documents if one["type"] == "emotion_changed"]


UNREAD = {
    "dark": (gated("dark"), "unreadable"),
    "blurred": (gated("blurred"), "unreadable"),
    "small": (gated("small"), "unreadable"),
    "turned away": (gated("profile"), "unreadable"),
    "low score": (gated("low_score"), "unreadable"),
    "small and dark": (gated("small", "dark"), "unreadable"),
    "hidden": (missing(True), "unseen"),
    "nobody looked": (missing(False), "unseen"),
}


@pytest.mark.parametrize("fps", [5, 10, 30])
@pytest.mark.parametrize("kind", UNREAD)
def test_a_label_is_given_up_a_second_after_its_last_reading(kind, fps):
    unread, reason = UNREAD[kind]
    line = Line()
    line.play(seen, 0, 4, fps)
    line.play(unread, 4, 64, fps)
    first, lost = line.changes
    assert first["after"]["label"] == "happiness"
    assert lost["time_s"] == pytest.approx(5, abs=1 / fps + 1e-6)
    assert lost["since_s"] == pytest.approx(4, abs=1 / fps + 1e-3)
    assert (lost["before"]["label"], lost["before"]["dwell_s"]) == ("happiness", pytest.approx(4, abs=1 / fps + 1e-3))
    assert {name: lost["after"][name] for name in ("label", "reason", "scores")} == {
        "label": None, "reason": reason, "scores": {},
    }  # fmt: skip
    later = [one for one in line.documents if one["time_s"] > lost["time_s"]]
    assert all(one["after"]["label"] is None and one["after"]["reason"] == reason for one in later)
    assert [now.label for time_s, now in line.judged if time_s >= 5.2] == [None] * sum(
        time_s >= 5.2 for time_s, _ in line.judged
    )


@pytest.mark.parametrize("kind", UNREAD)
def test_no_sample_counts_what_was_not_read(kind):
    line = Line()
    line.play(seen, 0, 4)
    line.play(UNREAD[kind][0], 4, 64)
    first = int(NOON.timestamp())
    assert [(row["second"] - first, row["label"]) for row in sample_rows(line.events)] == [
        (second, "happiness") for second in range(4)
    ]


def test_a_pause_without_a_word_ends_the_label_too():
    """The engine was behind, or the frames were lost: nothing came, and then the face again."""
    line = Line()
    line.play(seen, 0, 4)
    line.play(nothing, 4, 9)
    line.play(lambda time_s: seen(time_s, "sadness"), 9, 10)
    _, lost, found = line.changes
    assert (lost["before"]["label"], lost["before"]["dwell_s"]) == ("happiness", pytest.approx(3.9))
    assert (lost["time_s"], lost["since_s"], lost["after"]["reason"]) == (9, 3.9, "unseen")
    assert (found["before"], found["after"]["label"], found["since_s"]) == (None, "sadness", 9)


def test_a_short_while_is_held():
    line = Line()
    line.play(seen, 0, 4)
    line.play(gated("dark"), 4, 4.8)
    line.play(seen, 4.8, 8)
    assert len(line.changes) == 1
    told = [one for one in line.documents if one["type"] == "update" and one["gated"]]
    assert told == [], "no event tells old scores as if they were of now"


def test_the_face_comes_back_with_evidence_of_its_own():
    line = Line()
    line.play(seen, 0, 4)
    line.play(gated("profile"), 4, 7)
    line.play(seen, 7, 9)
    _, lost, back = line.changes
    assert lost["after"]["label"] is None
    assert (back["before"], back["after"]["label"], back["since_s"]) == (None, "happiness", 7)


def test_the_reason_follows_what_is_in_the_way():
    line = Line()
    line.play(seen, 0, 4)
    line.play(missing(True), 4, 6)
    line.play(gated("dark"), 6, 8)
    updates = [one for one in line.documents if one["time_s"] > 6]
    assert updates
    assert {(one["after"]["reason"], *one["gated"]) for one in updates} == {("unreadable", "dark")}
    assert (line.judged[-1][1].reason, line.judged[-1][1].gates) == ("unreadable", ("dark",))


def test_a_track_that_ends_unread_ends_without_a_label():
    line = Line()
    line.play(seen, 0, 4)
    line.play(gated("small"), 4, 9)
    line.events += line.stage.process([ended(10, 8.9)])
    last = line.documents[-1]
    assert last["type"] == "end"
    assert (last["before"]["label"], last["before"]["confidence"]) == (None, 0)


def test_a_paused_source_ends_the_label_with_its_last_reading():
    line = Line()
    line.play(seen, 0, 4)
    line.events += line.stage.process([ended(30, 3.9), SourceStatus("door", "ended", None, "paused", 30, at(30))])
    last = line.documents[-2]
    assert (last["type"], last["before"]["label"], last["before"]["dwell_s"]) == ("end", "happiness", 3.9)


@pytest.mark.parametrize("apart_s", [2, 5])
def test_a_source_that_is_looked_at_seldom_keeps_its_label_between_looks(apart_s):
    line = Line()
    line.play(seen, 0, 60, fps=1 / apart_s)
    assert [one["after"]["label"] for one in line.changes] == ["happiness"]
    line.play(gated("dark"), 60, 90, fps=1 / apart_s)
    assert line.changes[-1]["after"]["label"] is None
    assert line.changes[-1]["time_s"] <= 60 + 2 * apart_s


def test_a_detector_that_finds_the_face_seldom_is_no_seldom_look():
    line = Line()
    line.play(seen, 0, 4)
    for second in range(4, 20, 2):
        line.play(missing(True), second, second + 1.9)
        line.play(seen, second + 1.9, second + 2)
    assert [one["after"]["label"] for one in line.changes] == ["happiness", None]


def test_how_long_a_label_is_held_can_be_set_and_turned():
    line = Line(hold_s=3)
    line.play(seen, 0, 4)
    line.play(gated("dark"), 4, 6)
    assert len(line.changes) == 1
    line.stage.adopt(SmoothConfig(hold_s=1))
    line.play(gated("dark"), 6, 6.1)
    assert line.changes[-1]["after"]["label"] is None


def test_no_hold_at_all_still_reads_every_frame():
    line = Line(hold_s=0)
    line.play(seen, 0, 4)
    assert [one["after"]["label"] for one in line.changes] == ["happiness"]
    line.play(gated("dark"), 4, 4.4)
    assert line.changes[-1]["after"]["label"] is None


def test_a_face_nobody_ever_read_has_nothing_to_lose():
    line = Line()
    line.play(gated("dark"), 0, 5)
    line.play(missing(True), 5, 8)
    assert {one["type"] for one in line.documents} == {"new", "update"}
    assert all(one["after"] is None for one in line.documents)


def test_an_unseen_face_of_no_track_is_nothing():
    line = Line()
    line.play(missing(True), 0, 3)
    assert line.events == []
