"""What Redis and the wire to it can do to the relay, one fault each: nothing is lost, doubled or out of order."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import redis

from engine.bus import RedisBus
from engine.errors import BusError
from engine.history import History
from tests.support.documents import event
from tests.support.redis_server import RedisServer, until
from tests.support.relaying import Relaying, entries, seqs
from tests.support.wire import Wire

CANARY = "hunter2-S3cr3t"
RATE = 200


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    opened = History(f"sqlite:///{tmp_path}/h.db")
    opened.open()
    opened.begin_run("run-1", "lobby", datetime.now(UTC))
    yield opened
    opened.close()


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with RedisServer() as running:
        yield running


@pytest.fixture
def bus(server: RedisServer) -> Iterator[RedisBus]:
    opened = RedisBus(server.url, "moodline")
    yield opened
    opened.close()


def flowing(running: Relaying, count: int) -> None:
    """Wait until `count` more events have been appended and sent."""
    goal = running.appended + count
    until(lambda: running.appended >= goal and running.status.state == "ok" and running.status.pending < RATE)


def all_sent(running: Relaying, within_s: float = 15.0) -> float:
    """Stop feeding and wait until nothing is left; how long the rest took, in seconds."""
    running.stop_feeding()
    began = time.monotonic()
    until(lambda: running.status.pending == 0, within_s)
    return time.monotonic() - began


def whole(running: Relaying) -> list[int]:
    return list(range(1, running.appended + 1))


def test_c1_redis_that_is_down_at_the_start_is_found_within_two_seconds(history: History) -> None:
    with RedisServer(start=False) as server:
        bus = RedisBus(server.url, "moodline")
        with Relaying(history, bus, RATE) as running:
            until(lambda: running.status.cause == "unreachable" and running.appended > 300)
            server.start()
            began = time.monotonic()
            until(lambda: running.status.state == "ok")
            assert time.monotonic() - began < 2.0 + 3.0  # room for a busy machine
            all_sent(running)
        assert seqs(server.url) == whole(running)
        bus.close()


def test_c2_redis_killed_under_load_comes_back_with_everything(
    history: History, server: RedisServer, bus: RedisBus
) -> None:
    with Relaying(history, bus, RATE) as running:
        flowing(running, 100)
        server.kill()
        until(lambda: running.status.pending > 200)
        server.start()
        flowing(running, 100)
        assert all_sent(running) < 3
    assert seqs(server.url) == whole(running)


def test_c3_a_frozen_redis_holds_up_neither_the_history_nor_the_order(
    history: History, server: RedisServer, bus: RedisBus
) -> None:
    with Relaying(history, bus, RATE) as running:
        flowing(running, 100)
        server.freeze()
        before = running.appended
        until(lambda: running.status.cause == "timeout" and running.appended - before > 3 * RATE)
        server.thaw()
        flowing(running, 100)
        all_sent(running)
    assert seqs(server.url) == whole(running)


def test_c3_what_a_dead_connection_still_holds_is_not_added_when_it_arrives_late(
    history: History, server: RedisServer, bus: RedisBus
) -> None:
    """The batch waits in the frozen server's socket while the next connection sends it again."""
    bus.publish([event(1)])
    server.freeze()
    for _ in range(3):
        with pytest.raises(BusError):
            bus.publish([event(2), event(3)])
    server.thaw()
    bus.publish([event(2), event(3), event(4)])
    time.sleep(0.2)
    assert seqs(server.url) == [1, 2, 3, 4]


def _pull(wire: Wire) -> None:
    wire.pulled = True


def _plug(wire: Wire) -> None:
    wire.pulled = False


def _refuse(wire: Wire) -> None:
    wire.refuses = True
    wire.reset()


def _accept(wire: Wire) -> None:
    wire.refuses = False


@pytest.mark.parametrize(
    ("hurt", "heal"),
    [
        (_pull, _plug),  # a pulled cable: nothing passes, nobody is told
        (Wire.reset, lambda _wire: None),  # connections reset, new ones welcome
        (_refuse, _accept),  # and new ones reset as well
    ],
)
def test_c4_a_broken_wire_never_blocks_the_relay_for_long(
    history: History, server: RedisServer, hurt: Callable[[Wire], None], heal: Callable[[Wire], None]
) -> None:
    with Wire(server.socket) as wire:
        bus = RedisBus(wire.url, "moodline")
        with Relaying(history, bus, RATE) as running:
            flowing(running, 100)
            for _ in range(2):
                hurt(wire)
                goal = running.appended + 300
                until(lambda goal=goal: running.appended >= goal)  # type: ignore[misc]
                heal(wire)
                flowing(running, 100)
            all_sent(running)
        assert seqs(server.url) == whole(running)
        bus.close()


def test_c4_one_try_through_a_black_hole_takes_about_a_second(server: RedisServer) -> None:
    with Wire(server.socket) as wire:
        bus = RedisBus(wire.url, "moodline")
        bus.publish([event(1)])
        wire.pulled = True
        for _ in range(2):  # on the connection there is, and on a new one
            began = time.monotonic()
            with pytest.raises(BusError) as caught:
                bus.publish([event(2)])
            assert caught.value.cause == "timeout"
            assert time.monotonic() - began < 2.0
        bus.close()


def test_c4_a_refused_wire_is_not_tried_in_a_hot_loop(history: History, server: RedisServer) -> None:
    with Wire(server.socket) as wire:
        wire.refuses = True
        bus = RedisBus(wire.url, "moodline")
        with Relaying(history, bus, RATE, drain_s=0) as running:
            until(lambda: running.appended >= 500)
        assert wire.taken <= 8  # 0.2, 0.4, 0.8, 1.5 s apart
        bus.close()


def test_c5_two_hundred_events_a_second_pass_a_line_of_a_hundred_milliseconds(
    history: History, server: RedisServer
) -> None:
    with Wire(server.socket) as wire:
        wire.delay_s = 0.05
        bus = RedisBus(wire.url, "moodline")
        with Relaying(history, bus, RATE) as running:
            flowing(running, 600)
            assert all_sent(running) < 2
        assert seqs(server.url) == whole(running)
        bus.close()


def test_c6_a_wiped_redis_gets_everything_again(history: History, bus: RedisBus, server: RedisServer) -> None:
    with Relaying(history, bus, RATE) as running:
        flowing(running, 300)
        server.wipe()
        flowing(running, 100)
        all_sent(running)
        assert running.status.lost == 0
    assert seqs(server.url) == whole(running)


def test_c6_an_idle_redis_that_is_emptied_is_filled_at_the_next_heartbeat(
    history: History, bus: RedisBus, server: RedisServer
) -> None:
    with Relaying(history, bus) as running:
        running.append(50)
        until(lambda: running.status.pending == 0)
        with redis.Redis.from_url(server.url) as client:
            client.flushall()
        until(lambda: seqs(server.url) == whole(running))


def test_c6_redis_wiped_while_the_engine_was_away_is_filled_at_its_start(
    history: History, bus: RedisBus, server: RedisServer
) -> None:
    with Relaying(history, bus) as running:
        running.append(50)
    server.wipe()
    with Relaying(history, RedisBus(server.url, "moodline")) as again:
        again.appended = 50
        again.append(10)
    assert seqs(server.url) == list(range(1, 61))


def test_c6_a_redis_that_lost_its_last_seconds_gets_just_those(history: History, tmp_path: Path) -> None:
    """With `appendonly no` a killed Redis comes back as its last snapshot left it."""
    with RedisServer("--appendonly", "no") as server:
        bus = RedisBus(server.url, "moodline")
        with Relaying(history, bus) as running:
            running.append(100)
            until(lambda: running.status.pending == 0)
            with redis.Redis.from_url(server.url) as client:
                client.save()
                first_id = client.xinfo_stream("moodline:events")["first-entry"][0]
                running.append(30)
                until(lambda: running.status.pending == 0)
            server.kill()
            server.start()
            running.append(1)
            until(lambda: seqs(server.url) == whole(running))
            with redis.Redis.from_url(server.url) as client:
                assert client.xinfo_stream("moodline:events")["first-entry"][0] == first_id
        bus.close()


def test_c6_what_the_history_no_longer_has_is_counted_and_named(
    history: History, bus: RedisBus, server: RedisServer
) -> None:
    with Relaying(history, bus) as running:
        running.append(40)
        until(lambda: running.status.pending == 0)
        history.prune(datetime.now(UTC) + timedelta(seconds=1))
        running.append(5)
        until(lambda: running.status.pending == 0)
        server.wipe()
        running.append(5)
        until(lambda: running.status.pending == 0 and running.status.state == "ok")
        assert running.status.lost == 40
    gap, *rest = entries(server.url)
    assert gap["type"] == "gap"
    told = orjson.loads(gap["payload"])
    assert (told["first_seq"], told["seq"], told["count"]) == (1, 40, 40)
    assert [int(one["seq"]) for one in rest] == list(range(41, 51))


def test_c7_a_redis_full_of_its_own_old_stream_is_trimmed_and_goes_on(history: History) -> None:
    with RedisServer() as server, redis.Redis.from_url(server.url) as client:
        wide = RedisBus(server.url, "moodline", maxlen=100_000)
        with Relaying(history, wide, drain_s=10) as running:
            running.append(3000)
        client.config_set("maxmemory", client.info("memory")["used_memory"] - 200_000)
        narrow = RedisBus(server.url, "moodline", maxlen=500)  # what a person would do about it
        with Relaying(history, narrow) as again:
            again.appended = 3000
            again.append(10)
            until(lambda: again.status.pending == 0)
        assert seqs(server.url)[-1] == 3010
        assert client.xlen("moodline:events") <= 700


def test_c7_a_full_redis_is_a_state_and_not_the_end(history: History, bus: RedisBus, server: RedisServer) -> None:
    with redis.Redis.from_url(server.url) as client, Relaying(history, bus, RATE) as running:
        flowing(running, 100)
        client.config_set("maxmemory", 1)
        until(lambda: running.status.cause == "full")
        assert "raise maxmemory or lower bus.maxlen" in running.status.detail
        client.config_set("maxmemory", 0)
        flowing(running, 100)
        all_sent(running)
    assert seqs(server.url) == whole(running)


def test_c8_a_redis_that_may_evict_the_stream_is_warned_of(history: History, caplog: pytest.LogCaptureFixture) -> None:
    options = ("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
    with RedisServer(*options) as server, caplog.at_level(logging.WARNING):
        bus = RedisBus(server.url, "moodline")
        with Relaying(history, bus, RATE) as running:
            flowing(running, 100)
            assert "maxmemory-policy is allkeys-lru; set noeviction" in running.status.detail
            assert running.status.state == "ok"
        assert caplog.text.count("allkeys-lru") == 1
        bus.close()


def test_c8_an_evicted_stream_is_noticed_and_filled_again(history: History, bus: RedisBus, server: RedisServer) -> None:
    with redis.Redis.from_url(server.url) as client, Relaying(history, bus, RATE) as running:
        flowing(running, 200)
        client.delete("moodline:events")  # what an eviction does
        flowing(running, 100)
        all_sent(running)
    assert seqs(server.url) == whole(running)


def _out_of_connections(client: Any) -> None:
    client.config_set("maxclients", 1)
    client.execute_command("CLIENT KILL TYPE normal SKIPME yes")


CONDITIONS: dict[str, tuple[Callable[[Any], object], Callable[[Any], object]]] = {
    # cause: (how it comes about, how it goes away)
    "disk": (
        lambda client: (client.config_set("dir", "/proc"), _may_fail(client.bgsave), time.sleep(0.3)),
        lambda client: client.config_set("stop-writes-on-bgsave-error", "no"),
    ),
    "read_only": (lambda client: client.replicaof("127.0.0.1", 1), lambda client: client.replicaof("NO", "ONE")),
    "wrong_type": (
        lambda client: (client.rename("moodline:events", "aside"), client.set("moodline:events", "mine")),
        lambda client: client.rename("aside", "moodline:events"),
    ),
    "auth": (
        lambda client: (
            client.config_set("requirepass", CANARY),
            client.execute_command("CLIENT KILL TYPE normal SKIPME yes"),
        ),
        lambda client: client.config_set("requirepass", ""),
    ),
    "busy": (_out_of_connections, lambda client: client.config_set("maxclients", 100)),
    "forbidden": (
        lambda client: client.execute_command("ACL SETUSER default -xadd"),
        lambda client: client.execute_command("ACL SETUSER default +xadd"),
    ),
}


def _may_fail(command: Callable[[], object]) -> None:
    with suppress(redis.exceptions.ResponseError):
        command()


@pytest.mark.parametrize("cause", CONDITIONS)
def test_c9_every_condition_has_a_state_of_its_own_and_passes(
    history: History, cause: str, caplog: pytest.LogCaptureFixture
) -> None:
    come, go = CONDITIONS[cause]
    options = ("--save", "3600 1", "--appendonly", "no", "--enable-protected-configs", "yes")
    with RedisServer(*options) as server, redis.Redis.from_url(server.url) as client, caplog.at_level(logging.DEBUG):
        bus = RedisBus(server.url, "moodline")
        with Relaying(history, bus, RATE) as running:
            flowing(running, 100)
            come(client)
            until(lambda: running.status.cause == cause)
            warnings = len(caplog.records)
            until(lambda: running.status.pending > 300)
            assert len(caplog.records) - warnings < 10
            assert CANARY not in caplog.text + str(running.status)
            go(client)
            flowing(running, 100)
            all_sent(running)
        assert seqs(server.url) == whole(running)
        bus.close()


def test_c10_events_pruned_before_redis_was_back_are_counted_and_told_as_one_gap(history: History) -> None:
    with RedisServer() as server:
        bus = RedisBus(server.url, "moodline")
        with Relaying(history, bus) as running:
            running.append(20)
            until(lambda: running.status.pending == 0)
            server.kill()
            running.append(30)
            history.prune(datetime.now(UTC) + timedelta(seconds=1))
            running.append(10)
            until(lambda: running.status.state == "down")
            server.start()
            until(lambda: running.status.pending == 0 and running.status.state == "ok")
            assert running.status.lost == 30
        told = entries(server.url)
        assert [(one["type"], int(one["seq"])) for one in told[19:22]] == [("new", 20), ("gap", 50), ("new", 51)]
        gap = orjson.loads(told[20]["payload"])
        assert (gap["first_seq"], gap["seq"], gap["run_id"]) == (21, 50, "run-1")
        assert len(told) == 20 + 1 + 10
        bus.close()


def test_c11_a_slow_reader_sees_by_the_numbers_what_it_missed(history: History, server: RedisServer) -> None:
    bus = RedisBus(server.url, "moodline", maxlen=1000)
    with Relaying(history, bus, drain_s=10) as running, redis.Redis.from_url(server.url) as client:
        running.append(500)
        until(lambda: running.status.pending == 0)
        [(_, first)] = client.xread({"moodline:events": "0-0"}, count=500)
        running.append(2500)
        until(lambda: running.status.pending == 0)
        [(_, then)] = client.xread({"moodline:events": first[-1][0]}, count=1)
        missed = int(then[0][1][b"seq"]) - int(first[-1][1][b"seq"]) - 1
        assert 1000 < missed <= 1500
        assert then[0][1][b"event_id"].decode() == event(500 + missed + 1, run_id="run-1").event_id
    bus.close()
