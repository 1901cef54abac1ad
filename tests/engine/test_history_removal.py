"""What is removed is gone, and counted."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from engine.history import EventFilter, History, Removed, TrackFilter
from engine.testing import FakeClock
from tests.support.documents import RUN, event, status


def test_an_erased_track_leaves_nothing(history: History) -> None:
    history.append([event(n, track_id=1, at=f"2026-11-22T10:20:{n:02}Z") for n in range(1, 6)])
    history.append([event(6, track_id=2), status(7)])
    uid = str(event(1).track_uid)
    assert history.erase(uid) == Removed(events=5, samples=5, tracks=1, unsent=0)
    assert history.track(uid) is None
    assert history.timeline(uid, 10).items == ()
    assert [one.seq for one in history.events(EventFilter(), 10).items] == [7, 6]
    assert history.erase_track(uid) == 0


def test_an_erased_track_cannot_be_read_from_the_file_either(tmp_path: Path, opened: Callable[..., History]) -> None:
    history = opened(f"sqlite:///{tmp_path}/h.db")
    history.append([event(n, track_id=1, label="canary-label") for n in range(1, 60)])
    history.append([event(100, track_id=2)])
    files = [tmp_path / "h.db", tmp_path / "h.db-wal"]
    uid = str(event(1).track_uid)
    assert any(uid.encode() in file.read_bytes() for file in files)
    history.erase(uid)
    left = b"".join(file.read_bytes() for file in files if file.exists())
    assert uid.encode() not in left
    assert b"canary-label" not in left


def test_a_file_shrinks_when_rows_have_been_removed(tmp_path: Path, opened: Callable[..., History]) -> None:
    clock = FakeClock()
    history = opened(f"sqlite:///{tmp_path}/h.db", clock)
    history.append([event(n, track_id=n // 10) for n in range(1, 3001)])
    full = history.size_bytes()
    clock.advance(1)
    assert history.prune(clock.utc()) == 3000
    history.shrink()
    history.erase("nobody")  # brings the file up to date with its log
    assert (tmp_path / "h.db").stat().st_size < full / 10
    assert history.tracks(TrackFilter(), 10).items == ()


def test_what_goes_before_it_was_broadcast_is_counted(history_url: str, opened: Callable[..., History]) -> None:
    clock = FakeClock()
    history = opened(history_url, clock)
    history.begin_run(RUN, "lobby", clock.utc())
    history.append([event(n) for n in range(1, 11)])
    box = history.outbox()
    box.done(box.take(4)[-1][0])
    clock.advance(60)
    assert history.prune(clock.utc() - timedelta(seconds=30)) == 10
    assert history.dropped_unsent == 6
    assert (box.take(10), box.pending()) == ([], 0)


def test_runs_are_forgotten_with_their_last_event(history_url: str, opened: Callable[..., History]) -> None:
    clock = FakeClock()
    history = opened(history_url, clock)
    history.append([event(1)])  # of a run that nobody began here
    history.begin_run("now", "lobby", clock.utc())
    clock.advance(60)
    history.prune(clock.utc())
    assert [run.run_id for run in history.runs()] == ["now"]
    assert history.counts() == {"runs": 1, "sources": 1, "tracks": 0, "samples": 0, "events": 0}
