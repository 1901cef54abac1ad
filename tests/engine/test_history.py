import sqlite3
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jsonschema
import pytest

from engine.errors import HistoryError
from engine.events import event_schema
from engine.history import EventFilter, History, HistoryConfig, TrackFilter
from engine.testing import FakeClock
from tests.support.documents import RUN, event, status

START = datetime(2026, 11, 22, 10, 20, tzinfo=UTC)


def at(second: int) -> str:
    return (START + timedelta(seconds=second)).isoformat().replace("+00:00", "Z")


def test_the_hand_made_documents_keep_the_event_contract() -> None:
    for made in (event(1), event(2, "emotion_changed", before="neutral"), event(3, "end"), status(4)):
        jsonschema.validate(made.document, event_schema())


def test_what_is_appended_comes_back_in_order_and_unchanged(history: History) -> None:
    sent = [event(1), status(2, detail="naïve ✓"), event(3, "end")]
    history.append(sent)
    rows = history.events_after(0, limit=10)
    assert [row_id for row_id, _ in rows] == [1, 2, 3]
    for (_, got), want in zip(rows, sent, strict=True):
        assert got.document == want.document
        assert (got.event_id, got.run_id, got.seq, got.type, got.source_id, got.track_uid) == (
            want.event_id, want.run_id, want.seq, want.type, want.source_id, want.track_uid,
        )  # fmt: skip


def test_events_after_a_row_are_limited_and_oldest_first(history: History) -> None:
    history.append([event(n) for n in range(1, 8)])
    assert [e.seq for _, e in history.events_after(2, limit=3)] == [3, 4, 5]
    assert history.events_after(7, limit=3) == []


def test_appending_nothing_does_nothing(history: History) -> None:
    history.append([])
    assert history.events_after(0, limit=1) == []


def test_a_batch_is_stored_whole_or_not_at_all(history: History) -> None:
    history.append([event(1)])
    with pytest.raises(HistoryError, match=r"(?i)unique constraint.*event_id"):
        history.append([event(2, track_id=2), event(1)])
    assert [e.seq for _, e in history.events_after(0, limit=10)] == [1]
    assert len(history.tracks(TrackFilter(), limit=10).items) == 1
    assert history.snapshot().state == "down"
    assert "event_id" in history.snapshot().detail
    history.append([event(2)])
    assert history.snapshot().state == "ok"


def test_a_track_is_what_its_events_say(history: History) -> None:
    history.append([event(1, at=at(0), age_s=0.3), event(2, "update", at=at(1), age_s=1.3, label="sadness")])
    history.append([event(3, "emotion_changed", at=at(2), age_s=2.3, label="anger", before="sadness")])
    uid = event(1).track_uid
    assert uid is not None
    track = history.track(uid)
    assert track is not None
    assert (track.source_id, track.track_id, track.run_id) == ("door", 1, RUN)
    began = START - timedelta(seconds=0.3)  # its first event came when it had been in sight for 0.3 s
    assert (track.first_seen, track.last_seen) == (began, START + timedelta(seconds=2))
    assert (track.duration_s, track.label, track.confidence) == (2.3, "anger", 0.8)
    assert (track.state, track.events) == ("active", 3)
    history.append([event(4, "end", at=at(3), age_s=2.5, label="anger")])
    ended = history.track(uid)
    assert ended is not None
    assert (ended.state, ended.events, ended.label, ended.duration_s) == ("ended", 4, "anger", 2.5)
    assert (ended.first_seen, ended.last_seen) == (began, began + timedelta(seconds=2.5))


@pytest.mark.parametrize("batches", [[[0, 1]], [[0], [1]], [[1]]])
def test_a_track_was_last_seen_before_its_end_was_decided_on(history: History, batches: list[list[int]]) -> None:
    footage = [event(1, at=at(1), age_s=1.0), event(2, "end", at=at(3), age_s=2.0)]
    for batch in batches:
        history.append([footage[n] for n in batch])
    [track] = history.tracks(TrackFilter(), limit=10).items
    assert track.last_seen - track.first_seen == timedelta(seconds=track.duration_s) == timedelta(seconds=2)
    assert track.first_seen == (START if batches[0][0] == 0 else START + timedelta(seconds=1))  # as far as is known


def test_an_event_of_a_source_belongs_to_no_track(history: History) -> None:
    history.append([status(1)])
    assert history.tracks(TrackFilter(), limit=10).items == ()


def test_an_unknown_track_is_none(history: History) -> None:
    assert history.track("nobody") is None


def test_each_consumer_has_its_cursor_and_what_is_pending(history: History) -> None:
    assert (history.cursor("bus"), history.pending("bus")) == (0, 0)
    history.append([event(n) for n in range(1, 6)])
    history.set_cursor("bus", 3)
    history.set_cursor("bus", 4)
    assert (history.cursor("bus"), history.pending("bus")) == (4, 1)
    assert (history.cursor("other"), history.pending("other")) == (0, 5)


def test_rows_and_cursors_survive_closing(shared_url: str) -> None:
    for expected in (0, 2):
        history = History(shared_url)
        history.open()
        assert history.cursor("bus") == expected
        if not expected:
            history.append([event(1), event(2), event(3)])
            history.set_cursor("bus", 2)
        assert history.pending("bus") == 3 - history.cursor("bus")
        history.close()


def test_pruning_deletes_what_was_stored_before_and_no_id_is_given_twice(
    history_url: str, opened: Callable[..., History]
) -> None:
    clock = FakeClock()
    history = opened(history_url, clock)
    history.append([event(1, track_id=1), event(2, track_id=2)])
    history.set_cursor("bus", 1)
    clock.advance(3600)
    history.append([event(3, track_id=2)])
    assert history.prune(clock.utc() - timedelta(hours=2)) == 0
    assert history.prune(clock.utc()) == 2
    assert [e.seq for _, e in history.events_after(0, limit=10)] == [3]
    assert [t.track_id for t in history.tracks(TrackFilter(), limit=10).items] == [2]
    assert history.pending("bus") == 1  # row 2 is gone for good
    clock.advance(1)
    assert history.prune(clock.utc()) == 1
    assert history.pending("bus") == 0
    history.append([event(4)])
    assert [row_id for row_id, _ in history.events_after(0, limit=10)] == [4]


def test_pruning_many_rows_works_in_pieces(history: History) -> None:
    history.append([event(n) for n in range(1, 2503)])
    assert history.prune(datetime.now(UTC) + timedelta(days=1)) == 2502


def test_a_run_id_is_used_once(history: History) -> None:
    assert history.run_id is None
    history.begin_run("night", "lobby", START)
    assert history.run_id == "night"
    with pytest.raises(HistoryError, match=r"run 'night' is already in history .*; choose another run id"):
        history.begin_run("night", "lobby", START)


def test_readers_and_a_writer_do_not_disturb_each_other(history: History) -> None:
    done = threading.Event()
    failures: list[Exception] = []

    def read() -> None:
        try:
            while not done.is_set():
                page = history.events(EventFilter(), limit=5)
                assert list(page.items) == sorted(page.items, key=lambda one: -one.seq)
                assert history.pending("bus") % 400 == 0  # a transaction is seen whole
        except (AssertionError, HistoryError) as error:
            failures.append(error)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    try:
        for first in range(1, 4000, 400):
            history.append([event(n, track_id=n) for n in range(first, first + 400)])
    finally:
        done.set()
        for reader in readers:
            reader.join(30)
    assert failures == []
    assert history.pending("bus") == 4000


def test_the_file_is_in_wal_mode_and_readable_by_others(tmp_path: Path) -> None:
    history = History(f"sqlite:///{tmp_path}/h.db")
    history.open()
    history.append([event(1)])
    other = sqlite3.connect(tmp_path / "h.db")
    assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert other.execute("SELECT count(*) FROM events").fetchone() == (1,)
    other.close()
    history.close()


def test_describing_a_history_opens_nothing(tmp_path: Path) -> None:
    history = History(f"sqlite:///{tmp_path}/h.db")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(HistoryError, match="is not open"):
        history.pending("bus")
    history.close()


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match=r"folder '.*/nowhere' does not exist; create it"):
        History(f"sqlite:///{tmp_path}/nowhere/h.db").open()


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "h.db").write_text("a shopping list, and a long one at that: " * 50)
    with pytest.raises(HistoryError, match=r"history sqlite:.*h\.db cannot be opened: file is not a database"):
        History(f"sqlite:///{tmp_path}/h.db").open()


def test_a_locked_database_is_an_error_of_one_line_and_later_works_again(tmp_path: Path) -> None:
    history = History(f"sqlite:///{tmp_path}/h.db?timeout=0")
    history.open()
    other = sqlite3.connect(tmp_path / "h.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(HistoryError, match="database is locked") as caught:
        history.append([event(1)])
    assert "\n" not in str(caught.value)
    other.execute("ROLLBACK")
    other.close()
    history.append([event(1)])
    assert history.snapshot().state == "ok"
    history.close()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (
            "postgresql://u:hunter2@db/moods",
            r"postgresql is not supported; write sqlite:///FILE or postgresql\+psycopg",
        ),
        ("postgresql+psycopg://u:hunter2@db", "names no database; write"),
        ("postgresql+psycopg://u:hunter2@db/moods?password=x", "unknown option password; known are sslmode"),
        ("postgresql+psycopg://u:hunter2@db/moods?sslmode=a&sslmode=b", "sslmode must be given once"),
        ("moodline.db", "not a database URL; write sqlite:///FILE"),
        ("sqlite+aiosqlite:///moodline.db", r"sqlite\+aiosqlite is not supported"),
        ("sqlite://moodline.db", "a file has no host; write sqlite:///relative.db"),  # two slashes
        ("sqlite:///mood\x00line.db", "write sqlite:///relative.db"),
        ("sqlite:///moodline.db?mode=ro", "unknown option mode; known is timeout"),
        ("sqlite:///moodline.db?timeout=soon", "timeout must be one number of seconds"),
        ("sqlite:///moodline.db?timeout=1&timeout=2", "timeout must be one number of seconds"),
    ],
)
def test_a_url_that_cannot_work_is_refused_early(url: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        HistoryConfig(url=url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///h.db",
        "sqlite:////tmp/h.db?timeout=0.5",
        "sqlite:///:memory:",
        "postgresql+psycopg://u:p@db:5432/moods?sslmode=require",
        "postgresql+psycopg:///moods?host=/run/postgresql",
    ],
)
def test_a_url_that_may_work_is_taken(url: str) -> None:
    assert HistoryConfig(url=url).url == url


def test_the_settings_do_not_show_the_url() -> None:
    assert "moodline.db" not in repr(HistoryConfig())
