"""The event contract, against its own JSON Schema."""

from datetime import UTC, datetime

import numpy as np
import pytest
from jsonschema import Draft202012Validator, ValidationError

from engine.errors import Cause
from engine.events import Emotion, EventBuilder, event_schema
from engine.items import FaceChip, Quality, SourceStatus, TrackKey
from engine.testing import FakeClock

NOON = datetime(2026, 11, 22, 10, 20, 30, 81_000, tzinfo=UTC)
SCHEMA = Draft202012Validator(event_schema(), format_checker=Draft202012Validator.FORMAT_CHECKER)


def chip(box=(412.4, 188.0, 508.0, 306.0), received_s=0.0):
    return FaceChip(
        TrackKey("lobby", 17), "0" * 26, 90211, 3012.4, NOON, box, (1280, 720), 0.9, 12.3,
        Quality(0.77, ()), np.zeros((8, 8, 3), np.uint8), received_s,
    )  # fmt: skip


def builder(replay=False, clock=None):
    return EventBuilder("run", ("emotion-fer", "a" * 64), clock or FakeClock(), replay)


def test_the_schema_is_a_schema():
    Draft202012Validator.check_schema(event_schema())


def test_an_event_reads_as_the_design_shows():
    clock = FakeClock()
    before = Emotion("neutral", 0.71, 6.4, {"neutral": 0.71})
    after = Emotion("happiness", 0.83, 0.0, {"happiness": 0.83, "neutral": 0.11})
    seen = chip(received_s=clock.monotonic() - 0.042)
    document = builder(clock=clock).of_track("emotion_changed", seen, before, after).document
    SCHEMA.validate(document)
    assert document["schema"] == "1.0"
    assert document["bbox"] == {"x": 412, "y": 188, "width": 96, "height": 118}
    assert document["frame"] == {"width": 1280, "height": 720}
    assert document["before"] == {"label": "neutral", "confidence": 0.71, "dwell_s": 6.4}
    assert document["after"]["scores"] == {"happiness": 0.83, "neutral": 0.11}
    assert document["captured_at"] == "2026-11-22T10:20:30.081Z"
    assert document["latency_ms"] == 42
    assert document["published_at"].endswith("Z")


@pytest.mark.parametrize(
    "box",
    [
        (-20.0, -5.0, 30.0, 40.0),  # leaves the picture at the top left
        (1270.0, 700.0, 1400.0, 900.0),  # and at the bottom right
        (1400.0, 900.0, 1500.0, 1000.0),  # a prediction wholly outside
        (10.1, 10.1, 10.2, 10.2),  # smaller than a pixel
    ],
)
def test_a_box_is_whole_pixels_inside_the_picture(box):
    document = builder().of_track("new", chip(box), None, None).document
    SCHEMA.validate(document)
    bounds = document["bbox"]
    assert bounds["x"] + bounds["width"] <= 1280
    assert bounds["y"] + bounds["height"] <= 720


def test_a_replay_holds_no_wall_clock_time():
    document = builder(replay=True).of_track("new", chip(received_s=5.0), None, None).document
    SCHEMA.validate(document)
    assert document["published_at"] is None
    assert document["latency_ms"] is None


def test_a_source_s_state_is_an_event_too():
    status = SourceStatus("door", "offline", Cause.AUTH, "wrong password", 4.0, NOON)
    document = builder().of_source(status).document
    SCHEMA.validate(document)
    assert (document["state"], document["cause"], document["track_uid"]) == ("offline", "auth", None)


@pytest.mark.parametrize(
    "change",
    [
        {"type": "sneeze"},
        {"seq": 0},
        {"surprise": 1},
        {"bbox": {"x": 1}},
        {"gated": ["ugly"]},
        {"captured_at": 5},
        {"track_uid": None},
        {"after": {"label": "happiness", "confidence": 2, "dwell_s": 0, "scores": {}}},
    ],
)
def test_the_schema_refuses_what_is_no_event(change):
    document = builder().of_track("new", chip(), None, None).document
    with pytest.raises(ValidationError):
        SCHEMA.validate({**document, **change})
