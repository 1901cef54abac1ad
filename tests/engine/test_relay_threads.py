import logging
import threading
from collections.abc import Sequence
from functools import partial

import orjson
import pytest
import redis

from engine.bus import MemoryBus, RedisBus
from engine.clock import SystemClock
from engine.history import History
from engine.items import EmotionEvent
from engine.relay import Relay
from engine.stages.publish import Publish
from tests.support.documents import event as event_of_run
from tests.support.redis_server import RedisServer, until

CANARY = "hunter2-S3cr3t"
event = partial(event_of_run, run_id="run-1")


@pytest.fixture
def history(begun: History) -> History:
    return begun


class Running:
    """A relay in its thread; leaving the block stops it and makes sure that the thread ends."""

    def __init__(self, relay: Relay, drain_s: float = 5.0) -> None:
        self._relay = relay
        self._drain_s = drain_s
        self.thread = threading.Thread(target=relay.run, name="relay")

    def __enter__(self) -> Relay:
        self.thread.start()
        return self._relay

    def __exit__(self, *_: object) -> None:
        self._relay.stop(self._drain_s)
        self.thread.join(self._drain_s + 10)
        assert not self.thread.is_alive()


def in_stream(server: RedisServer) -> list[int]:
    try:
        with redis.Redis.from_url(server.url) as client:
            return [int(fields[b"seq"]) for _, fields in client.xrange("moodline:events")]
    except redis.exceptions.ConnectionError:
        return []


def test_a_row_comes_first_and_a_broadcast_only_after_it(history: History) -> None:
    stored_when_sent: list[int] = []

    class Watching(MemoryBus):
        def publish(self, events: Sequence[EmotionEvent]) -> None:
            stored = {one.event_id for _, one in history.events_after(0, limit=1000)}
            stored_when_sent.extend(one.seq for one in events if one.event_id in stored)

    with Running(Relay(history, Watching(), SystemClock())) as relay:
        publish = Publish(history, relay.notify)
        for seq in range(1, 30):
            publish.process([event(seq)])
    assert stored_when_sent == list(range(1, 30))


def test_redis_may_be_down_at_the_start(history: History) -> None:
    with RedisServer(start=False) as server:
        bus = RedisBus(server.url, "moodline")
        with Running(Relay(history, bus, SystemClock())) as relay:
            publish = Publish(history, relay.notify)
            publish.process([event(n) for n in range(1, 701)])
            until(lambda: "cannot be reached" in relay.snapshot().detail)
            publish.process([event(701)])
            assert relay.snapshot().pending == 701
            server.start()
            until(lambda: relay.snapshot().pending == 0)
            until(lambda: relay.snapshot().state == "ok")
        assert in_stream(server) == list(range(1, 702))
        bus.close()


def test_redis_may_be_killed_and_frozen_in_the_middle(history: History) -> None:
    with RedisServer() as server:
        bus = RedisBus(server.url, "moodline")
        sent = 0
        with Running(Relay(history, bus, SystemClock())) as relay:
            publish = Publish(history, relay.notify)

            def some_more() -> int:
                nonlocal sent
                sent += 1
                publish.process([event(sent)])
                return sent

            for hurt, heal in ((server.kill, server.start), (server.freeze, server.thaw)):
                goal = sent + 100
                until(lambda goal=goal: some_more() >= goal)  # type: ignore[misc]
                hurt()
                until(lambda: some_more() and relay.snapshot().state == "down")
                heal()
            until(lambda: relay.snapshot().pending == 0)
        assert in_stream(server) == list(range(1, sent + 1))
        bus.close()


def test_the_relay_stops_quickly_while_redis_is_frozen(history: History) -> None:
    with RedisServer() as server:
        bus = RedisBus(server.url, "moodline")
        running = Running(Relay(history, bus, SystemClock()), drain_s=0.5)
        with running as relay:
            until(lambda: relay.snapshot().state == "ok")
            server.freeze()
            history.append([event(1)])
            relay.notify()
        assert history.outbox().pending() == 1
        bus.close()


def test_a_wrong_password_is_told_but_never_shown(history: History, caplog: pytest.LogCaptureFixture) -> None:
    with RedisServer(password="right") as server, caplog.at_level(logging.DEBUG):
        bus = RedisBus(server.url_with(CANARY), "moodline")
        history.append([event(1)])
        with Running(Relay(history, bus, SystemClock()), drain_s=0) as relay:
            until(lambda: "refuses the credentials" in relay.snapshot().detail)
            assert CANARY not in str(relay.snapshot())
        assert CANARY not in caplog.text
        bus.close()


def test_subscribers_of_the_memory_bus_see_the_documents(history: History) -> None:
    bus = MemoryBus()
    with bus.subscribe() as subscription, Running(Relay(history, bus, SystemClock())) as relay:
        Publish(history, relay.notify).process([event(1)])
        assert orjson.dumps(next(subscription).document) == orjson.dumps(event(1).document)
