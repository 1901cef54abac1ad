"""Timelines, statistics and sources: what the samples and statuses tell."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine.history import BadCursor, History, StatsFilter
from engine.items import EmotionEvent
from tests.support.documents import event, status

START = datetime(2026, 11, 22, 10, 20, tzinfo=UTC)


def at(second: float) -> str:
    return (START + timedelta(seconds=second)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# Two faces at the door, one at the desk.
FOOTAGE = [
    event(1, track_id=1, at=at(0.1), label="neutral"),
    event(2, "emotion_changed", track_id=1, at=at(0.9), label="happiness", before="neutral"),
    event(3, "update", track_id=1, at=at(1.9), label="happiness"),
    event(4, track_id=2, at=at(2.0), label="sadness"),
    event(5, "update", track_id=1, at=at(61.0), label="neutral"),
    event(6, "end", track_id=1, at=at(62.5), label="neutral"),
    event(7, track_id=3, at=at(0.5), source_id="desk", label="anger"),
]
UID = str(FOOTAGE[0].track_uid)


def told(history: History, by_source: bool = True, **wanted) -> list[tuple]:
    asked = {"start": START, "end": START + timedelta(minutes=10), "bucket_s": 60, **wanted}
    return [
        (
            int((one.start - START).total_seconds()),
            one.source_id,
            one.label,
            one.seconds,
            round(one.share, 3),
            one.tracks,
        )
        for one in history.stats(StatsFilter(**asked), by_source)
    ]


def test_a_timeline_has_the_last_reading_of_each_second_and_none_of_the_end(history: History) -> None:
    history.append(FOOTAGE[:2])
    history.append(FOOTAGE[2:])
    samples = history.timeline(UID, 10).items
    assert [((one.at - START).total_seconds(), one.label) for one in samples] == [
        (0, "happiness"), (1, "happiness"), (61, "neutral"),
    ]  # fmt: skip
    assert (samples[0].confidence, samples[0].scores) == (0.8, {"happiness": 0.8})


def test_a_timeline_comes_in_pages_and_between_times(history: History) -> None:
    history.append(FOOTAGE)
    first = history.timeline(UID, 2)
    second = history.timeline(UID, 2, first.next_cursor)
    assert [len(first.items), len(second.items), second.next_cursor] == [2, 1, None]
    within = history.timeline(UID, 9, start=START + timedelta(seconds=0.5), end=START + timedelta(seconds=61))
    assert [(one.at - START).total_seconds() for one in within.items] == [1]
    with pytest.raises(BadCursor):
        history.timeline(UID, 2, "x")


def test_emotions_are_counted_in_buckets_of_each_source_with_their_share_of_the_time(history: History) -> None:
    history.append(FOOTAGE)
    assert told(history) == [
        (0, "desk", "anger", 1, 1.0, 1),
        (0, "door", "happiness", 2, 0.667, 1),
        (0, "door", "sadness", 1, 0.333, 1),
        (60, "door", "neutral", 1, 1.0, 1),
    ]
    assert told(history, by_source=False) == [
        (0, None, "anger", 1, 0.25, 1),
        (0, None, "happiness", 2, 0.5, 1),
        (0, None, "sadness", 1, 0.25, 1),
        (60, None, "neutral", 1, 1.0, 1),
    ]
    assert told(history, source_id="desk") == [(0, "desk", "anger", 1, 1.0, 1)]
    assert told(history, start=START + timedelta(minutes=1)) == [(60, "door", "neutral", 1, 1.0, 1)]
    assert told(history, end=START) == []


def test_no_clear_emotion_counts_as_time_too(history: History) -> None:
    history.append([event(1, track_id=1, at=at(0), label="anger"), event(2, track_id=2, at=at(0), label=None)])
    assert told(history) == [(0, "door", None, 1, 0.5, 1), (0, "door", "anger", 1, 0.5, 1)]


def test_a_bucket_is_at_least_a_second_wide() -> None:
    with pytest.raises(ValueError, match="bucket_s must be at least 1, got 0"):
        StatsFilter(start=START, end=START, bucket_s=0)


def test_sources_are_what_their_latest_events_say(history: History) -> None:
    history.append([status(1, "online"), status(2, "online", source_id="desk")])
    history.append([status(3, "stalled", detail="no picture"), event(4)])
    history.append([event(5, at=at(99))])
    desk, door = history.sources()
    assert (desk.source_id, desk.state) == ("desk", "online")
    assert (door.source_id, door.state, door.detail, door.cause) == ("door", "stalled", "no picture", None)
    assert (door.last_seen - START).total_seconds() == 99


def told_at(seq: int, second: float, since: float | None = None, **wanted: Any) -> EmotionEvent:
    """An event at `second`, that the stream's clock tells too."""
    made = event(seq, at=at(second), **wanted)
    made.document["time_s"] = second
    if since is not None:
        made.document["since_s"] = since
    return made


def test_a_change_counts_from_when_its_evidence_began(history: History) -> None:
    """Weak evidence takes three seconds: they were the new emotion's already."""
    for number in range(6):
        history.append([told_at(number + 1, number + 0.1, kind="update", label="neutral")])
    history.append([told_at(7, 5.6, 2.5, kind="emotion_changed", before="neutral", label="anger")])
    labels = [one.label for one in history.timeline(UID, 10).items]
    assert labels == ["neutral", "neutral", "anger", "anger", "anger", "anger"]
    assert [(label, seconds) for _, _, label, seconds, _, _ in told(history)] == [("anger", 4), ("neutral", 2)]


def test_no_change_is_dated_back_by_more_than_a_minute(history: History) -> None:
    history.append([told_at(1, 4000, 3, kind="emotion_changed", label="anger")])
    assert len(history.timeline(UID, 100).items) == 61


@pytest.mark.parametrize("reason", ["unreadable", "unseen"])
def test_time_in_which_nobody_could_read_the_face_is_no_sample(history: History, reason: str) -> None:
    history.append([told_at(1, 0.1, label="happiness")])
    unread = [
        told_at(2, 1.5, 0.5, kind="emotion_changed", before="happiness", label=None),
        *(told_at(3 + number, 2.5 + number, kind="update", label=None) for number in range(60)),
    ]
    for one in unread:
        one.document["after"].update(reason=reason, scores={}, confidence=0.0)
    history.append(unread)
    assert [one.label for one in history.timeline(UID, 100).items] == ["happiness"]
    track = history.track(UID)
    assert track and (track.label, track.confidence) == (None, None)


def test_a_track_is_not_listed_with_the_score_of_a_loser(history: History) -> None:
    held = told_at(1, 0.1, label="neutral")
    held.document["after"].update(confidence=0.19, scores={"neutral": 0.19, "anger": 0.7})
    unclear = told_at(2, 0.1, track_id=2, label=None)
    history.append([held, unclear])
    listed = [history.track(str(one.track_uid)) for one in (held, unclear)]
    assert [(one.label, one.confidence) for one in listed if one] == [("neutral", None), (None, None)]
