"""Lists by how long a track has lasted: no request looks at more than so many rows, and no row is left out."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from engine.history import EventFilter, History, TrackFilter
from engine.history.queries import FEW_TRACKS
from engine.history.walking import LOOKED_AT, walk
from tests.support.documents import event

START = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def at(second: float) -> str:
    return (START + timedelta(seconds=second)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def walked(numbers: range, fits: Any, limit: int) -> tuple[list[list[int]], list[int]]:
    """The pages of a list of numbers, and how many rows each looked at."""
    pages, looked, after = [], [], None
    while True:
        asked: list[int] = []

        def ask(place: tuple[int, ...] | None, count: int, asked: list[int] = asked) -> list[int]:
            rows = [number for number in numbers if place is None or number > place[0]][:count]
            asked += rows
            return rows

        page, after = walk(ask, fits, lambda number: (number,), after, limit)
        pages.append(page)
        looked.append(len(asked))
        if after is None:
            return pages, looked


@pytest.mark.parametrize("limit", [7, 700])
@pytest.mark.parametrize("every", [1, 30, 999, 10_000])
def test_pages_hold_every_row_that_fits_once_and_look_at_a_bounded_number(limit: int, every: int) -> None:
    numbers = range(1, 3001)
    pages, looked = walked(numbers, lambda number: number % every == 0, limit)
    assert [one for page in pages for one in page] == [number for number in numbers if number % every == 0]
    assert max(len(page) for page in pages) <= limit
    assert max(looked) <= max(LOOKED_AT, 2 * limit + 1)


def test_an_empty_list_ends_at_once() -> None:
    assert walked(range(0), lambda _: True, 10) == ([[]], [0])


def footage() -> list[Any]:
    """More long tracks than are asked one by one, all of them long ago, and short ones since."""
    many = FEW_TRACKS + 5
    long = [event(n, "end", track_id=n, age_s=60.0, at=at(n)) for n in range(1, many + 1)]
    since = range(many + 1, many + LOOKED_AT + 200)
    return long + [event(n, "end", track_id=n, age_s=2.0, at=at(n)) for n in since]


@pytest.mark.parametrize("kind", ["events", "tracks"])
def test_long_tracks_of_long_ago_are_found_page_by_page(history: History, kind: str) -> None:
    told = footage()
    history.append(told)
    found, cursor, pages = [], None, 0
    while True:
        page: Any = (
            history.events(EventFilter(min_duration_s=30), 20, cursor)
            if kind == "events"
            else history.tracks(TrackFilter(min_duration_s=30), 20, cursor)
        )
        found += [item.track_uid for item in page.items]
        cursor, pages = page.next_cursor, pages + 1
        if cursor is None:
            break
        if pages == 1:
            assert page.items == ()
    # A track of a minute began a minute before its end, in the order of their ends.
    assert found == [one.track_uid for one in reversed(told) if one.document["age_s"] == 60.0]


def test_a_few_long_tracks_are_found_at_once_however_long_ago(history: History) -> None:
    told = footage()
    history.append(told[0:3] + told[FEW_TRACKS + 5 :])
    assert len(history.events(EventFilter(min_duration_s=30), 20).items) == 3
    assert len(history.tracks(TrackFilter(min_duration_s=30), 20).items) == 3


def test_a_track_in_sight_counts_with_what_it_has_lasted_by_now(history: History) -> None:
    history.append([event(1, age_s=0.0, at=at(0)), event(2, "update", age_s=40.0, at=at(40))])
    assert len(history.events(EventFilter(min_duration_s=30), 20).items) == 2
    assert len(history.tracks(TrackFilter(min_duration_s=30), 20).items) == 1
    history.append([event(3, "end", age_s=41.0, at=at(42))])
    assert len(history.events(EventFilter(min_duration_s=41), 20).items) == 3
    assert history.events(EventFilter(min_duration_s=42), 20).items == ()


def test_tracks_seen_within_a_time_are_those_of_every_page(history: History) -> None:
    history.append([event(n, "end", track_id=n, age_s=float(n % 7), at=at(n)) for n in range(1, 60)])
    wanted = TrackFilter(start=START + timedelta(seconds=20), end=START + timedelta(seconds=40))
    found, cursor = [], None
    while True:
        page = history.tracks(wanted, 3, cursor)
        found += list(page.items)
        cursor = page.next_cursor
        if cursor is None:
            break
    assert {track.track_id for track in found} == {n for n in range(1, 60) if n >= 20 and n - n % 7 < 40}
    assert all(one.first_seen >= other.first_seen for one, other in pairwise(found))


def test_an_uid_and_a_duration_together_ask_for_one_track(history: History) -> None:
    told = event(1, "end", age_s=5.0)
    history.append([told])
    assert len(history.events(EventFilter(track_uid=told.track_uid, min_duration_s=5), 9).items) == 1
    assert history.events(EventFilter(track_uid=told.track_uid, min_duration_s=6), 9).items == ()
