"""A track is erased wherever it is kept, whoever asks: rows, the stream, memory, on SQLite and on PostgreSQL."""

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from click.testing import CliRunner

from engine.api import ApiConfig, create_app
from engine.bus import MemoryBus, RedisBus
from engine.clock import SystemClock
from engine.erasing import NOTED, Erasing
from engine.history import EventFilter, History, StatsFilter
from engine.ids import fingerprint
from engine.preview import Thumbnails
from engine.relay import Relay
from engine.testing import FakeClock
from pipelines.history_cli import history as history_command
from tests.engine.api.conftest import TestClient
from tests.engine.preview.test_thumbnails import chip
from tests.support.documents import event as event_of_run
from tests.support.redis_server import RedisServer, until
from tests.support.relaying import Relaying, entries
from tests.support.run_status import FixedView

RUN = "run-1"
event = partial(event_of_run, run_id=RUN)
UID, OTHER = str(event(1).track_uid), str(event(1, track_id=2).track_uid)
FOOTAGE = [event(n, track_id=1 + n % 2, at=f"2026-11-22T10:20:{n:02}Z") for n in range(1, 41)]
LATER = "2999-01-01T00:00:00Z"

Ask = Callable[[str], Any]


class Running:
    """The parts of a run that keep tracks, with footage of two, all of it sent; and the two doors."""

    def __init__(self, history: History, url: str, server: RedisServer) -> None:
        self.history, self._url, self._server = history, url, server
        self.thumbnails = Thumbnails(SystemClock())
        self.relaying = Relaying(history, RedisBus(server.url, "moodline"), forget=self.thumbnails.forget)
        for uid in (UID, OTHER):
            self.thumbnails.on_emotion(chip(uid, 120), None)
        erasing = self.relaying.relay.erasing
        app = create_app(FixedView(), history, ApiConfig(), "0", thumbnails=self.thumbnails, erasing=erasing)
        self.client = TestClient(app, base_url="http://localhost")

    def ask(self, door: str, uid: str = UID) -> None:
        if door == "http":
            assert self.client.delete(f"/api/v1/tracks/{uid}").status_code == 200
        else:
            where = ["--url", self._url, "--bus", self._server.url]
            told = CliRunner().invoke(history_command, ["erase", *where, "--track", uid], standalone_mode=False)
            assert told.exception is None, told.output

    def tracks_in_stream(self) -> set[str]:
        return {fields["track_uid"] for fields in entries(self._server.url)}


@pytest.fixture
def running(shared_url: str, opened: Callable[..., History], server: RedisServer) -> Iterator[Running]:
    history = opened(shared_url)
    history.begin_run(RUN, "lobby", datetime(2026, 11, 22, tzinfo=UTC))
    history.append(FOOTAGE)
    parts = Running(history, shared_url, server)
    with parts.relaying:
        until(lambda: len(entries(server.url)) == len(FOOTAGE))
        yield parts


@pytest.mark.parametrize("door", ["http", "command"])
def test_an_erased_track_is_gone_from_every_store(running: Running, door: str) -> None:
    running.ask(door)
    until(lambda: running.thumbnails.jpeg(UID) is None)
    until(lambda: running.tracks_in_stream() == {OTHER})
    history = running.history
    assert history.track(UID) is None
    assert history.timeline(UID, 10).items == ()
    assert {one.track_uid for one in history.events(EventFilter(), 100).items} == {OTHER}
    day = StatsFilter(start=datetime(2026, 11, 22, tzinfo=UTC), end=datetime(2026, 11, 23, tzinfo=UTC), bucket_s=86_400)
    assert sum(bucket.tracks for bucket in history.stats(day)) == 1
    assert running.thumbnails.jpeg(OTHER) is not None


def test_the_answer_counts_what_was_in_the_stream(running: Running) -> None:
    assert running.client.delete(f"/api/v1/tracks/{UID}").json() == {"events": 20, "samples": 20, "stream": 20}


@pytest.mark.parametrize("door", ["http", "command"])
def test_events_on_their_way_do_not_bring_an_erased_track_back(running: Running, door: str) -> None:
    running.ask(door)
    running.history.append([event(41, track_id=1, at="2026-11-22T10:20:41Z"), event(42, track_id=2)])
    until(lambda: [fields["seq"] for fields in entries(running._server.url)][-1:] == ["42"])
    assert running.history.track(UID) is None
    assert running.tracks_in_stream() - {""} == {OTHER}


def test_what_is_captured_after_an_erasure_is_kept(running: Running) -> None:
    running.ask("http")
    running.history.append([event(41, track_id=1, at=LATER)])
    assert running.history.events(EventFilter(track_uid=UID), 10).items[0].seq == 41


def test_a_batch_given_again_after_an_erasure_is_stored_once(history: History) -> None:
    history.append([event(1, track_id=1), event(2, track_id=2)])
    history.erase(UID)
    history._in_doubt = event(2).event_id  # as after a connection that was lost at the end of the transaction
    history.append([event(1, track_id=1), event(2, track_id=2)])
    assert [one.seq for one in history.events(EventFilter(), 10).items] == [2]


def test_a_stream_that_was_away_forgets_the_track_when_it_is_back(running: Running, server: RedisServer) -> None:
    server.kill()
    until(lambda: running.relaying.status.state == "down")
    assert running.client.delete(f"/api/v1/tracks/{UID}").json()["stream"] is None
    assert running.thumbnails.jpeg(UID) is None
    server.start()
    until(lambda: running.tracks_in_stream() == {OTHER}, 25)


def test_the_command_alone_leaves_word_for_the_next_run(
    shared_url: str, opened: Callable[..., History], server: RedisServer
) -> None:
    bus = RedisBus(server.url, "moodline")
    bus.publish(FOOTAGE)
    history = opened(shared_url)
    history.append(FOOTAGE)
    told = CliRunner().invoke(
        history_command, ["erase", "--url", shared_url, "--track", UID, "--bus", "redis://127.0.0.1:1"]
    )
    assert "the next run on this history erases them" in str(told.exception)
    history.begin_run("run-2", "lobby", datetime(2026, 11, 23, tzinfo=UTC))
    with Relaying(history, bus, run_id="run-2"):
        until(lambda: {fields["track_uid"] for fields in entries(server.url)} == {OTHER})


def test_a_user_who_may_not_delete_is_told_and_events_go_on(
    shared_url: str, opened: Callable[..., History], server: RedisServer, client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    history = opened(shared_url)
    history.begin_run(RUN, "lobby", datetime(2026, 11, 22, tzinfo=UTC))
    with Relaying(history, RedisBus(server.url, "moodline")) as relaying:
        relaying.append(3)
        until(lambda: len(entries(server.url)) == 3)
        client.acl_setuser("default", enabled=True, nopass=True, commands=["-xdel"], keys=["*"])
        with caplog.at_level(logging.WARNING):
            assert relaying.relay.erasing.erase(UID, 0.0).events == 3
            until(lambda: "1 erased tracks are still in the stream" in relaying.status.detail)
        assert relaying.status.state == "ok"
        assert len([one for one in caplog.messages if "still in the stream" in one]) == 1
        history.append([event(4, track_id=2), event(5, track_id=2)])
        relaying.relay.notify()
        until(lambda: len(entries(server.url)) == 5)


def test_the_bus_within_the_process_forgets_too(history: History) -> None:
    bus = MemoryBus()
    bus.publish(FOOTAGE)
    erasing = Erasing(history, bus, FakeClock(), lambda _fingerprint: None, lambda: None)
    history.append(FOOTAGE)
    history.erase(UID)
    erasing.look()
    erasing.send()
    assert {one.track_uid for one in bus.recent()} == {OTHER}
    assert bus.erase([fingerprint("never seen")]) == {}


def test_notes_of_erasures_go_after_a_week(history: History) -> None:
    clock = FakeClock()
    erasing = Erasing(history, MemoryBus(), clock, lambda _fingerprint: None, lambda: None)
    history.erase(UID)
    [first] = history.erasures()
    assert first.fingerprint == fingerprint(UID)
    erasing.look()
    erasing.send()
    assert history.erasures() == (first,)
    history.forget_erasures(SystemClock().utc() - NOTED)
    assert history.erasures() == (first,)
    history.forget_erasures(SystemClock().utc() + NOTED)
    assert history.erasures() == ()


def test_a_retention_for_privacy_holds_for_the_stream_too(
    begun: History, opened: Callable[..., History], server: RedisServer
) -> None:
    bus = RedisBus(server.url, "moodline")
    with Relaying(begun, bus) as relaying:
        relaying.append(3)
        until(lambda: len(entries(server.url)) == 3)
    now = SystemClock().utc()
    for ago, left in ((timedelta(days=1), 3), (timedelta(seconds=-60), 0)):
        other = opened("sqlite://")
        other.begin_run("run-2", "lobby", now)
        relay = Relay(other, bus, SystemClock(), keep=ago)
        relay.stop(1.0)
        relay.run()
        assert len(entries(server.url)) == left
        other.close()


def test_the_bus_within_the_process_keeps_no_longer_either() -> None:
    bus = MemoryBus()
    bus.publish([event(1, at="2026-11-22T10:20:30Z"), event(2, at="2026-11-23T10:20:30Z")])
    bus.forget_older(datetime(2026, 11, 23, tzinfo=UTC))
    assert [one.seq for one in bus.recent()] == [2]
