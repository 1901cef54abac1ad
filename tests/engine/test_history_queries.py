from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine.history import BadCursor, EventFilter, History, TrackFilter
from tests.support.documents import event, status

START = datetime(2026, 11, 22, 10, 20, tzinfo=UTC)


def seqs(page: Any) -> list[int]:
    return [item.seq for item in page.items]


def at(second: int) -> str:
    return (START + timedelta(seconds=second)).isoformat().replace("+00:00", "Z")


# Tracks: 1 door happiness 0..4 s, 2 desk sadness 10..11 s, 3 door sadness 20 s.
FOOTAGE = [
    event(1, track_id=1, at=at(0), age_s=0.2),
    event(2, "end", track_id=1, at=at(4), age_s=4.0),
    event(3, track_id=2, at=at(10), source_id="desk", label="sadness", age_s=0.2),
    event(4, "update", track_id=2, at=at(11), source_id="desk", label="sadness", age_s=1.0),
    event(5, track_id=3, at=at(20), label="sadness", age_s=0.2),
    status(6, source_id="desk"),
]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (EventFilter(), [6, 5, 4, 3, 2, 1]),
        (EventFilter(source_id="desk"), [6, 4, 3]),
        (EventFilter(type="new"), [5, 3, 1]),
        (EventFilter(label="happiness"), [2, 1]),  # `end` counts with what was shown last
        (EventFilter(track_uid=FOOTAGE[2].track_uid), [4, 3]),
        (EventFilter(start=START + timedelta(seconds=10), end=START + timedelta(seconds=20)), [4, 3]),  # half open
        (EventFilter(start=datetime.fromisoformat("2026-11-22T11:20:20+01:00")), [6, 5]),  # another time zone
        (EventFilter(min_duration_s=1.0), [4, 3, 2, 1]),
        (EventFilter(source_id="door", type="new", label="sadness"), [5]),
        (EventFilter(source_id="'; DROP TABLE events; --"), []),
    ],
)
def test_events_are_filtered_and_newest_first(history: History, wanted: EventFilter, expected: list[int]) -> None:
    history.append(FOOTAGE)
    assert seqs(history.events(wanted, limit=10)) == expected


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (TrackFilter(), [3, 2, 1]),
        (TrackFilter(source_id="door"), [3, 1]),
        (TrackFilter(label="sadness"), [3, 2]),
        (TrackFilter(start=START + timedelta(seconds=3)), [3, 2, 1]),  # track 1 was still there
        (TrackFilter(start=START + timedelta(seconds=5), end=START + timedelta(seconds=19.8)), [2]),
        (TrackFilter(end=START + timedelta(seconds=1)), [1]),
        (TrackFilter(min_duration_s=1.0), [2, 1]),
    ],
)
def test_tracks_are_filtered_and_the_latest_comes_first(
    history: History, wanted: TrackFilter, expected: list[int]
) -> None:
    history.append(FOOTAGE)
    assert [track.track_id for track in history.tracks(wanted, limit=10).items] == expected


def test_pages_of_events_stay_what_they_were_while_rows_are_added(history: History) -> None:
    history.append([event(n) for n in range(1, 6)])
    first = history.events(EventFilter(), limit=2)
    history.append([event(n) for n in range(6, 9)])
    second = history.events(EventFilter(), limit=2, after=first.next_cursor)
    third = history.events(EventFilter(), limit=2, after=second.next_cursor)
    assert [seqs(first), seqs(second), seqs(third)] == [[5, 4], [3, 2], [1]]
    assert third.next_cursor is None


def test_pages_oldest_first_go_on_into_what_was_added(history: History) -> None:
    history.append([event(n) for n in range(1, 4)])
    first = history.events(EventFilter(), limit=2, oldest_first=True)
    history.append([event(4)])
    second = history.events(EventFilter(), limit=2, after=first.next_cursor, oldest_first=True)
    assert [seqs(first), seqs(second)] == [[1, 2], [3, 4]]
    assert second.next_cursor is None


def test_pages_of_tracks_stay_what_they_were_while_tracks_change(history: History) -> None:
    history.append([event(n, track_id=n) for n in range(1, 5)])
    first = history.tracks(TrackFilter(), limit=2)
    history.append([event(5, "update", track_id=1), event(6, track_id=6)])
    second = history.tracks(TrackFilter(), limit=2, after=first.next_cursor)
    assert [t.track_id for page in (first, second) for t in page.items] == [4, 3, 2, 1]
    assert second.next_cursor is None


@pytest.mark.parametrize("cursor", ["", "?", "abc", "äöü", "ZXZlbnRzOg", "ZXZlbnRzOi01", "ZXZlbnRzOjk" + "5" * 80])
def test_a_cursor_of_ones_own_making_is_refused(history: History, cursor: str) -> None:
    with pytest.raises(BadCursor):
        history.events(EventFilter(), limit=1, after=cursor)


def test_a_cursor_of_another_query_is_refused(history: History) -> None:
    history.append([event(1), event(2)])
    cursor = history.events(EventFilter(), limit=1).next_cursor
    with pytest.raises(BadCursor):
        history.tracks(TrackFilter(), limit=1, after=cursor)
    with pytest.raises(BadCursor):
        history.events(EventFilter(), limit=1, after=cursor, oldest_first=True)
