"""Several runs in one history, and what becomes of those that died."""

import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from engine.history import History, TrackFilter
from engine.history.outbox import LOOK_S
from engine.testing import FakeClock
from tests.support.documents import event
from tests.support.postgres_server import PostgresServer

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)

HOLDER = """
import sys
from datetime import UTC, datetime, timedelta
from engine.history import History
from tests.support.documents import event
held = History(sys.argv[1]); held.open(); held.begin_run("dead", "x", datetime.now(UTC))
held.append([event(n, run_id="dead") for n in (1, 2, 3)])
box = held.outbox(); rows = box.take(1); box.done(rows[0][0])
print("held", flush=True)
sys.stdin.read()
"""


def seqs(rows: list) -> list[tuple[str, int]]:
    return [(one.run_id, one.seq) for _, one in rows]


def states(history: History) -> dict[str, str]:
    return {run.run_id: run.state for run in history.runs()}


def killed(url: str) -> None:
    """A run that stored three events, sent one, and was killed."""
    with subprocess.Popen([sys.executable, "-c", HOLDER, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
        holder.send_signal(signal.SIGKILL)
        holder.wait(20)


def test_a_run_ends_when_it_says_so(history: History) -> None:
    history.begin_run("night", "lobby", NOON)
    history.append([event(1, run_id="night")])
    history.end_run()
    [run] = history.runs()
    assert (run.name, run.state, run.started_at) == ("lobby", "ended", NOON)
    assert run.ended_at is not None
    assert [track.state for track in history.tracks(TrackFilter(), 10).items] == ["ended"]


def test_a_run_that_was_killed_is_closed_at_the_next_start_and_its_events_go_first(
    shared_url: str, opened: Callable[..., History]
) -> None:
    killed(shared_url)
    history = opened(shared_url)
    assert states(history) == {"dead": "running"}
    assert [track.state for track in history.tracks(TrackFilter(), 10).items] == ["active"]
    history.begin_run("next", "lobby", datetime.now(UTC))
    [_, dead] = history.runs()
    assert (dead.run_id, dead.state) == ("dead", "interrupted")
    assert dead.ended_at is not None and dead.ended_at >= dead.started_at
    assert [track.state for track in history.tracks(TrackFilter(), 10).items] == ["ended"]
    history.append([event(1, run_id="next")])
    box = history.outbox()
    assert seqs(box.take(10)) == [("dead", 2), ("dead", 3)]
    rows = box.take(10)
    assert seqs(rows) == [("dead", 2), ("dead", 3)]  # not confirmed yet
    assert box.pending() == 3
    box.done(rows[-1][0])
    rows = box.take(10)
    assert seqs(rows) == [("next", 1)]
    box.done(rows[-1][0])
    assert (box.take(10), box.pending()) == ([], 0)


def test_an_outbox_goes_on_where_the_one_before_stopped(history: History) -> None:
    history.begin_run("night", "lobby", NOON)
    history.append([event(n, run_id="night") for n in range(1, 6)])
    box = history.outbox()
    rows = box.take(3)
    box.done(rows[1][0])
    assert [one.seq for _, one in history.outbox().take(10)] == [3, 4, 5]
    assert [one.seq for _, one in history.outbox("archive").take(10)] == [1, 2, 3, 4, 5]


def test_the_newest_confirmed_events_can_be_sent_again_those_of_earlier_runs_too(
    shared_url: str, opened: Callable[..., History]
) -> None:
    for run_id in ("one", "two"):
        history = opened(shared_url)
        history.begin_run(run_id, "lobby", NOON if run_id == "one" else NOON + timedelta(hours=1))
        history.append([event(n, run_id=run_id) for n in (1, 2, 3)])
        box = history.outbox()
        last = box.last()
        assert last is None if run_id == "one" else last is not None and last.run_id == "one"
        box.done(box.take(10)[-1][0])
        last = box.last()
        assert last is not None and (last.run_id, last.seq) == (run_id, 3)
        if run_id == "one":
            history.end_run()
            history.close()
    assert box.again(2) == 2
    assert seqs(box.take(10)) == [("two", 2), ("two", 3)]
    box.done(box.take(10)[-1][0])
    assert box.again(5) == 5
    rows = box.take(10)
    assert seqs(rows) == [("one", 2), ("one", 3)]
    box.done(rows[-1][0])
    rows = box.take(10)
    assert seqs(rows) == [("two", 1), ("two", 2), ("two", 3)]
    box.done(rows[-1][0])
    assert box.again(99) == 6


def test_what_was_not_taken_cannot_be_confirmed(history: History) -> None:
    with pytest.raises(ValueError, match="row 7 was not taken"):
        history.outbox().done(7)


def test_two_engines_share_a_server_and_each_sends_its_own(
    postgres: PostgresServer, opened: Callable[..., History]
) -> None:
    url = postgres.fresh()
    one, two = opened(url), opened(url)
    one.begin_run("one", "lobby", NOON)
    two.begin_run("two", "lobby", NOON)
    for n in range(1, 4):
        one.append([event(n, run_id="one")])
        two.append([event(n, run_id="two")])
    assert seqs(one.outbox().take(10)) == [("one", 1), ("one", 2), ("one", 3)]
    assert seqs(two.outbox().take(10)) == [("two", 1), ("two", 2), ("two", 3)]
    assert states(one) == {"one": "running", "two": "running"}


def test_what_a_dead_run_left_is_sent_by_one_of_those_that_go_on(
    postgres: PostgresServer, opened: Callable[..., History]
) -> None:
    url, clock = postgres.fresh(), FakeClock()
    one, two = opened(url, clock), opened(url, clock)
    one.begin_run("one", "lobby", NOON)
    two.begin_run("two", "lobby", NOON)
    boxes = one.outbox(), two.outbox()
    assert [box.take(10) for box in boxes] == [[], []]
    killed(url)
    clock.advance(LOOK_S)
    taken = [seqs(box.take(10)) for box in boxes]
    assert sorted(taken) == [[], [("dead", 2), ("dead", 3)]]
    assert states(one)["dead"] == "interrupted"


def test_what_an_ended_run_could_not_send_is_sent_by_the_next(shared_url: str, opened: Callable[..., History]) -> None:
    first = opened(shared_url)
    first.begin_run("first", "lobby", NOON)
    first.append([event(1, run_id="first")])
    first.end_run()
    first.close()
    second = opened(shared_url)
    second.begin_run("second", "lobby", NOON)
    assert seqs(second.outbox().take(10)) == [("first", 1)]


def test_a_restart_of_the_server_loses_nothing_and_the_run_stays_ours(opened: Callable[..., History]) -> None:
    with PostgresServer() as server:
        history = opened(server.fresh())
        history.begin_run("night", "lobby", NOON)
        box = history.outbox()
        for first in range(1, 31, 10):
            history.append([event(n, run_id="night") for n in range(first, first + 10)])
            rows = box.take(4)
            server.stop()
            server.start()
            box.done(rows[-1][0])
        assert [one.seq for _, one in box.take(100)] == list(range(13, 31))
        assert states(history) == {"night": "running"}
        history.close()


def test_a_run_taken_for_dead_while_the_server_was_away_goes_on_when_it_is_given_back() -> None:
    clock = FakeClock()
    with PostgresServer() as server:
        url = server.fresh()
        frozen, other = History(url, clock), History(url, clock)
        frozen.open()
        frozen.begin_run("frozen", "lobby", NOON)
        frozen.append([event(n, run_id="frozen") for n in (1, 2)])
        box = frozen.outbox()
        assert len(box.take(10)) == 2
        server.stop()
        server.start()
        other.open()
        other.begin_run("other", "lobby", NOON)
        assert states(other)["frozen"] == "interrupted"
        theirs = other.outbox()
        rows = theirs.take(1)
        assert seqs(rows) == [("frozen", 1)]
        assert box.take(10) == []  # it is the other one's now
        theirs.done(rows[-1][0])
        theirs.done(theirs.take(1)[-1][0])
        assert theirs.take(1) == []
        frozen.append([event(3, run_id="frozen")])
        assert seqs(box.take(10)) == [("frozen", 3)]
        assert states(other)["frozen"] == "running"
        frozen.close()
        other.close()


def test_a_batch_given_again_after_a_lost_answer_is_stored_once(opened: Callable[..., History]) -> None:
    """Whether it had been stored or not when the connection was lost."""
    with PostgresServer() as server:
        url = server.fresh()
        history, other = opened(url), opened(url)
        for stored_before in (True, False):
            seq = 1 if stored_before else 2
            history.append([event(seq + 10)])
            server.stop()
            with pytest.raises(Exception, match="history postgresql"):
                history.append([event(seq)])
            server.start()
            if stored_before:
                other.append([event(seq)])  # as if the lost transaction had gone through
            history.append([event(seq)])
        assert [one.seq for _, one in history.events_after(0, 10)] == [11, 1, 12, 2]
        history.close()
        other.close()
