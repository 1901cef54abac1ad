"""Databases of older, newer and other programs."""

import fcntl
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, text

from engine.errors import HistoryError
from engine.history import EventFilter, History, StatsFilter, TrackFilter, schema
from engine.history.rows import event_row, track_rows
from tests.support.documents import RUN, event, status
from tests.support.postgres_server import PostgresServer

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
FOOTAGE = [status(1, "online"), event(2), event(3, "update", label="sadness", at="2026-11-22T10:20:31.500Z"), event(4)]

# What 0.1 made, as SQLite told it.
OLD = """
CREATE TABLE runs (run_id VARCHAR(64) NOT NULL, name VARCHAR(64) NOT NULL, started_at DATETIME NOT NULL, PRIMARY KEY (run_id));
CREATE TABLE events (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, event_id VARCHAR(26) NOT NULL, run_id VARCHAR(64) NOT NULL,
  seq INTEGER NOT NULL, type VARCHAR(32) NOT NULL, source_id VARCHAR(64) NOT NULL, track_uid VARCHAR(26), label VARCHAR(64),
  captured_at DATETIME NOT NULL, stored_at DATETIME NOT NULL, payload TEXT NOT NULL, UNIQUE (event_id));
CREATE INDEX events_by_source ON events (source_id);
CREATE INDEX events_by_type ON events (type);
CREATE INDEX events_by_track ON events (track_uid);
CREATE INDEX events_by_label ON events (label);
CREATE INDEX events_by_time ON events (captured_at);
CREATE TABLE tracks (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, track_uid VARCHAR(26) NOT NULL, run_id VARCHAR(64) NOT NULL,
  source_id VARCHAR(64) NOT NULL, track_id INTEGER NOT NULL, first_seen DATETIME NOT NULL, last_seen DATETIME NOT NULL,
  duration_s FLOAT NOT NULL, label VARCHAR(64), confidence FLOAT, state VARCHAR(8) NOT NULL, events INTEGER NOT NULL,
  stored_at DATETIME NOT NULL, UNIQUE (track_uid));
CREATE INDEX tracks_by_source ON tracks (source_id);
CREATE INDEX tracks_by_label ON tracks (label);
CREATE INDEX tracks_by_time ON tracks (last_seen);
CREATE TABLE cursors (consumer VARCHAR(64) NOT NULL, row_id INTEGER NOT NULL, PRIMARY KEY (consumer));
"""  # noqa: E501


def old_history(path: Path) -> None:
    """A file as 0.1 left it, with four events of which the bus has had two."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(OLD)
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.execute(schema.events.insert(), [event_row(one, NOON) for one in FOOTAGE])
        tracks = [{name: row[name] for name in row if name != "lasted_s"} for row in track_rows(FOOTAGE, NOON)]
        connection.execute(schema.tracks.insert(), tracks)
        connection.execute(text("INSERT INTO runs VALUES ('older', 'lobby', '2026-11-20 10:00:00.000000')"))
        connection.execute(text("INSERT INTO cursors VALUES ('bus', 2)"))
    engine.dispose()


def test_a_history_of_the_first_release_is_upgraded_with_its_rows(
    tmp_path: Path, opened: Callable[..., History]
) -> None:
    old_history(tmp_path / "h.db")
    history = opened(f"sqlite:///{tmp_path}/h.db")
    assert [one.document for one in history.events(EventFilter(), 10, oldest_first=True).items] == [
        one.document for one in (FOOTAGE[0], FOOTAGE[1], FOOTAGE[3], FOOTAGE[2])
    ]
    assert (history.cursor("bus"), history.pending("bus")) == (2, 2)
    [track] = history.tracks(TrackFilter(), 10).items
    assert track.events == 3
    uid = FOOTAGE[1].track_uid
    assert uid is not None
    assert [sample.label for sample in history.timeline(uid, 10).items] == ["happiness", "sadness"]
    [source] = history.sources()
    assert (source.source_id, source.state) == ("door", "online")
    assert {run.run_id: run.state for run in history.runs()} == {"older": "running", RUN: "running"}
    history.begin_run("new", "lobby", NOON)
    assert {run.run_id: run.state for run in history.runs()} == {
        "older": "interrupted",
        RUN: "interrupted",
        "new": "running",
    }
    assert [one.seq for _, one in history.outbox().take(10)] == [3, 4]


def test_a_history_that_an_older_program_is_using_is_not_upgraded_under_it(tmp_path: Path) -> None:
    old_history(tmp_path / "h.db")
    with (tmp_path / "h.db.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(HistoryError, match="is in use by another run"):
            History(f"sqlite:///{tmp_path}/h.db").open()


def test_opening_twice_changes_nothing(shared_url: str, opened: Callable[..., History]) -> None:
    first = opened(shared_url)
    first.append([event(1)])
    assert len(opened(shared_url).events_after(0, 10)) == 1


def test_the_newest_migration_makes_the_tables_that_the_program_uses(
    shared_url: str, opened: Callable[..., History]
) -> None:
    opened(shared_url)
    engine = create_engine(shared_url)
    found = inspect(engine)
    for table in schema.metadata.sorted_tables:
        assert {column["name"]: column["nullable"] for column in found.get_columns(table.name)} == {
            column.name: bool(column.nullable) for column in table.columns
        }
        assert found.get_pk_constraint(table.name)["constrained_columns"] == [one.name for one in table.primary_key]
        indices = {one["name"]: one["column_names"] for one in found.get_indexes(table.name) if not one["unique"]}
        assert indices == {one.name: [column.name for column in one.columns] for one in table.indexes}
    engine.dispose()


def test_a_history_of_a_newer_program_is_refused_in_one_line(shared_url: str, opened: Callable[..., History]) -> None:
    opened(shared_url)
    engine = create_engine(shared_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE moodline_version SET version_num = '9999'"))
    with pytest.raises(HistoryError, match=r"written by a newer moodline \(tables 9999\); update moodline") as caught:
        History(shared_url).open()
    assert "\n" not in str(caught.value)
    engine.dispose()


def test_a_database_of_another_program_is_left_alone(shared_url: str) -> None:
    engine = create_engine(shared_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE users (id INTEGER)"))
        connection.execute(text("CREATE TABLE events (id INTEGER)"))
    with pytest.raises(
        HistoryError, match=r"tables of another program \(events, users\); give moodline a database of its"
    ):
        History(shared_url).open()
    found = sorted(inspect(engine).get_table_names())
    engine.dispose()
    assert found == ["events", "users"]


OPENER = (
    "import sys; from engine.history import History; h = History(sys.argv[1]); h.open(); print(h.last_row()); h.close()"
)


def test_two_processes_may_make_one_history_at_the_same_time(shared_url: str) -> None:
    openers = [
        subprocess.Popen([sys.executable, "-c", OPENER, shared_url], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    assert [(opener.communicate(timeout=100), opener.returncode) for opener in openers] == [((b"0\n", b""), 0)] * 3


def test_a_server_that_is_not_there_is_an_error_of_one_line_without_the_password() -> None:
    with pytest.raises(
        HistoryError, match=r"history postgresql\+psycopg://\*\*\*@127.0.0.1:1/moods cannot be opened: .*refused"
    ) as caught:
        History("postgresql+psycopg://u:hunter2@127.0.0.1:1/moods").open()
    assert "hunter2" not in str(caught.value) and "\n" not in str(caught.value)


def test_a_wrong_password_is_not_told(postgres: PostgresServer) -> None:
    with pytest.raises(HistoryError, match="password authentication failed") as caught:
        History(postgres.url(password="wr0ng-S3cr3t")).open()
    assert "S3cr3t" not in str(caught.value)


def test_a_database_that_does_not_exist_is_named(postgres: PostgresServer) -> None:
    with pytest.raises(HistoryError, match='database "nowhere" does not exist'):
        History(postgres.url("nowhere")).open()


def test_times_are_the_same_instant_whatever_the_servers_time_zone(
    postgres: PostgresServer, opened: Callable[..., History]
) -> None:
    url = postgres.fresh()
    postgres.ask(f"ALTER DATABASE {url.rpartition('/')[2]} SET TimeZone = 'Asia/Tokyo'")
    history = opened(url)
    history.append([event(1)])
    at = datetime.fromisoformat("2026-11-22T10:20:30.081Z")
    assert history.events(EventFilter(start=at, end=at + timedelta(milliseconds=1)), 10).items
    wanted = StatsFilter(start=at - timedelta(hours=1), end=at + timedelta(hours=1), bucket_s=3600)
    assert [bucket.start.isoformat() for bucket in history.stats(wanted)] == ["2026-11-22T10:00:00+00:00"]
