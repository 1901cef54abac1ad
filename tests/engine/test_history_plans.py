"""No question walks through all rows: the plans that the databases make, read off them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import product
from typing import Any

import pytest
from sqlalchemy import Engine, Select, create_engine, text
from sqlalchemy.dialects import postgresql, sqlite

from engine.history import EventFilter, History, StatsFilter, TrackFilter
from engine.history.queries import event_page, events_of, lasting_events, long_tracks, place_of, track_page
from engine.history.readings import stats_query, timeline_page
from tests.support.documents import event

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
PLACE = place_of(NOON, 7)
EQUAL = [
    {name: value for name, value in zip(("source_id", "type", "label"), values, strict=True) if value}
    for values in product(("door", None), ("new", None), ("anger", None))
]
LISTS = [
    event_page(EventFilter(**equal, **times), None, after, 100, oldest_first)
    for equal in EQUAL
    for times in ({}, {"start": NOON, "end": NOON})
    for after, oldest_first in ((None, False), (PLACE, False), (PLACE, True))
]
OTHERS = [
    event_page(EventFilter(track_uid="x", source_id="door", type="new"), ["x"], PLACE, 100, True),
    event_page(EventFilter(min_duration_s=9), ["x", "y"], PLACE, 100, False),
    *(lasting_events(EventFilter(min_duration_s=9, **equal), PLACE, 100, False) for equal in EQUAL),
    events_of([1, 2], True),
    long_tracks(9.0),
    *(
        track_page(TrackFilter(**equal, **times), None, after, 100, 9.0)
        for equal in EQUAL
        if "type" not in equal
        for times in ({}, {"start": NOON, "end": NOON})
        for after in (None, PLACE)
    ),
    track_page(TrackFilter(source_id="door", label="anger", start=NOON, end=NOON), ["x", "y"], PLACE, 100, 9.0),
    timeline_page("x", (7,), 100, NOON, NOON),
    stats_query(StatsFilter(start=NOON, end=NOON, bucket_s=60), True),
]


@contextmanager
def closing_engine(url: str) -> Iterator[Engine]:
    engine = create_engine(url)
    yield engine
    engine.dispose()


def literal(query: Select[Any], dialect: Any) -> str:
    return str(query.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))


def test_every_list_is_a_range_of_an_index_on_sqlite(tmp_path: Any, opened: Callable[..., History]) -> None:
    url = f"sqlite:///{tmp_path}/h.db"
    opened(url)
    with closing_engine(url) as engine, engine.connect() as connection:
        for query in (*LISTS, *OTHERS):
            asked = literal(query, sqlite.dialect())  # type: ignore[no-untyped-call]
            steps = [row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked}")]
            scans = [step for step in steps if step.startswith("SCAN") and "INDEX" not in step]
            assert all(step.split()[1].startswith(("found", "page", "(", "anon")) for step in scans), (asked, steps)
            searched = [step for step in steps if step.startswith(("SEARCH events", "SEARCH tracks", "SEARCH samples"))]
            assert searched or "ORDER BY tracks.first_seen" in asked, (asked, steps)


@pytest.mark.parametrize("queries", [LISTS, OTHERS], ids=["lists", "others"])
def test_every_list_is_a_range_of_an_index_on_postgresql(
    queries: list[Select[Any]], postgres: Any, opened: Callable[..., History]
) -> None:
    url = postgres.fresh()
    opened(url).append([event(n, track_id=n) for n in range(1, 50)])
    with closing_engine(url) as engine, engine.connect() as connection:
        # The table is small, so its plans would be too.
        connection.execute(text("SET enable_seqscan = off"))
        connection.execute(text("SET enable_bitmapscan = off"))
        for query in queries:
            asked = literal(query, postgresql.dialect())  # type: ignore[no-untyped-call]
            steps = [row[0].strip() for row in connection.exec_driver_sql(f"EXPLAIN {asked}")]
            assert not [step for step in steps if "Seq Scan" in step], (asked, steps)
            conditions = [step for step in steps if step.startswith("Index Cond")]
            in_order = "Index Scan Backward" in " ".join(steps) and "Sort" not in " ".join(steps)
            assert conditions or in_order, (asked, steps)
