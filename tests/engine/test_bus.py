import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
import redis
from redis import exceptions

from engine.bus import Bus, BusConfig, MemoryBus, RedisBus, open_bus, ping
from engine.bus.link import one_sentence
from engine.bus.reader import NEWEST, OLDEST, Entry, follow
from engine.errors import BusError
from engine.items import EmotionEvent
from tests.support.documents import event, status
from tests.support.redis_server import RedisServer, until

CANARY = "hunter2-S3cr3t"


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with RedisServer() as running:
        yield running


@pytest.fixture
def client(server: RedisServer) -> Iterator[Any]:
    with redis.Redis.from_url(server.url, decode_responses=True) as connected:
        yield connected


@pytest.fixture(params=["memory", "redis"])
def bus(request: pytest.FixtureRequest) -> Iterator[Bus]:
    """Every bus keeps the same promises."""
    if request.param == "memory":
        yield open_bus(BusConfig())
        return
    with RedisServer(password=CANARY) as running:
        opened = open_bus(BusConfig(url=running.url))
        yield opened
        opened.close()


def taken(bus: Bus) -> list[dict[str, Any]]:
    """The documents that the bus has taken."""
    if isinstance(bus, MemoryBus):
        return [one.document for one in bus.recent()]
    assert isinstance(bus, RedisBus)
    with redis.Redis.from_url(bus._address) as reader:
        return [orjson.loads(fields[b"payload"]) for _, fields in reader.xrange("moodline:events")]


def seqs(reader: Any) -> list[int]:
    return [int(fields["seq"]) for _, fields in reader.xrange("moodline:events")]


def test_a_bus_takes_events_in_order_and_unchanged(bus: Bus) -> None:
    sent = [event(1), status(2, detail="naïve ✓"), event(3, "end")]
    bus.publish(sent[:2])
    bus.publish(sent[2:])
    assert taken(bus) == [one.document for one in sent]


def test_a_bus_takes_nothing_without_complaint(bus: Bus) -> None:
    bus.publish([])
    assert taken(bus) == []


def test_a_bus_says_where_it_leads_without_credentials(bus: Bus) -> None:
    assert "://" in bus.url
    assert CANARY not in bus.url


def test_a_closed_bus_takes_nothing(bus: Bus) -> None:
    bus.heartbeat("run", {"run_id": "run"})
    bus.close()
    bus.close()
    for refused in (lambda: bus.publish([event(1)]), lambda: bus.heartbeat("run", {})):
        with pytest.raises(BusError, match="is closed"):
            refused()


def test_making_a_bus_connects_to_nothing() -> None:
    bus = open_bus(BusConfig(url="redis://127.0.0.1:1/0"))
    assert bus.url == "redis://127.0.0.1:1/0"
    bus.close()


# The bus in memory.


def test_a_subscriber_gets_what_comes_until_the_bus_is_closed() -> None:
    bus = MemoryBus()
    bus.publish([event(1)])
    subscription = bus.subscribe()
    got: list[int] = []
    thread = threading.Thread(target=lambda: got.extend(one.seq for one in subscription))
    thread.start()
    bus.publish([event(2), event(3)])
    bus.publish([event(4)])
    bus.close()
    thread.join(10)
    assert not thread.is_alive()
    assert got == [2, 3, 4]
    with pytest.raises(BusError):
        bus.subscribe()


def test_a_closed_subscription_gets_nothing_more() -> None:
    bus = MemoryBus()
    with bus.subscribe() as left, bus.subscribe() as right:
        bus.publish([event(1)])
        left.close()
        bus.publish([event(2)])
        assert [one.seq for one in left] == [1]
        right.close()
        assert [one.seq for one in right] == [1, 2]


def test_a_slow_subscriber_misses_the_oldest_and_holds_nobody_up() -> None:
    bus = MemoryBus()
    with bus.subscribe() as slow:
        bus.publish([event(n) for n in range(1, 1004)])
        assert slow.missed == 3
        assert next(slow).seq == 4


def test_the_memory_bus_keeps_the_last_events_only() -> None:
    bus = MemoryBus(maxlen=2)
    bus.publish([event(1), event(2), event(3)])
    assert [one.seq for one in bus.recent()] == [2, 3]


# Redis.


def test_an_entry_of_the_stream_has_the_contract_s_fields(server: RedisServer, client: Any) -> None:
    made = event(7)
    RedisBus(server.url, "moodline").publish([made, status(8)])
    [(_, fields), (_, of_source)] = client.xrange("moodline:events")
    assert fields.pop("payload") == orjson.dumps(made.document).decode()
    assert fields == {
        "event_id": made.event_id, "type": "new", "source_id": "door", "track_uid": made.track_uid, "seq": "7",
    }  # fmt: skip
    assert of_source["track_uid"] == ""


def test_both_channels_carry_the_same_document(server: RedisServer, client: Any) -> None:
    with client.pubsub() as listener:
        listener.subscribe("moodline:events", "moodline:events:desk")
        for _ in range(2):
            assert listener.get_message(timeout=10)["type"] == "subscribe"
        RedisBus(server.url, "moodline").publish([event(1), event(2, source_id="desk")])
        got = [listener.get_message(timeout=10) for _ in range(3)]
    assert [(one["channel"], orjson.loads(one["data"])["seq"]) for one in got] == [
        ("moodline:events", 1), ("moodline:events", 2), ("moodline:events:desk", 2),
    ]  # fmt: skip


def test_the_stream_is_trimmed_to_about_maxlen(server: RedisServer, client: Any) -> None:
    bus = RedisBus(server.url, "moodline", maxlen=100)
    for first in range(1, 1001, 100):
        bus.publish([event(n) for n in range(first, first + 100)])
    assert 100 <= client.xlen("moodline:events") < 300
    assert seqs(client)[-1] == 1000


def test_the_heartbeat_is_forgotten_by_itself(server: RedisServer, client: Any) -> None:
    RedisBus(server.url, "lobby").heartbeat("run-1", {"run_id": "run-1"})
    assert orjson.loads(client.get("lobby:engine:run-1")) == {"run_id": "run-1"}
    assert 0 < client.ttl("lobby:engine:run-1") <= 15


def test_what_the_stream_already_has_is_not_sent_again_after_a_restart(server: RedisServer, client: Any) -> None:
    sent = [event(n) for n in range(1, 8)]
    RedisBus(server.url, "moodline").publish(sent[:5])
    after_the_crash = RedisBus(server.url, "moodline")
    after_the_crash.publish(sent[:2])  # smaller batches than before
    after_the_crash.publish(sent[2:4])
    after_the_crash.publish(sent[4:7])
    assert seqs(client) == [1, 2, 3, 4, 5, 6, 7]


def test_a_frozen_redis_costs_a_second_and_no_copy(server: RedisServer, client: Any) -> None:
    bus = RedisBus(server.url, "moodline")
    bus.publish([event(1)])
    server.freeze()
    began = time.monotonic()
    with pytest.raises(BusError, match="does not answer in time"):
        bus.publish([event(2), event(3)])
    assert time.monotonic() - began < 5  # one second, and room for a busy machine
    server.thaw()
    until(lambda: len(seqs(client)) == 3)  # the server has read it all the same
    bus.publish([event(2), event(3)])
    bus.publish([event(4)])
    assert seqs(client) == [1, 2, 3, 4]


def test_a_killed_redis_is_found_again(server: RedisServer) -> None:
    bus = RedisBus(server.url, "moodline")
    bus.publish([event(1)])
    server.kill()
    with pytest.raises(BusError, match="cannot be reached"):
        bus.publish([event(2)])
    server.start()
    bus.publish([event(2)])
    with redis.Redis.from_url(server.url, decode_responses=True) as client:
        assert seqs(client) == [1, 2]


def test_nothing_listening_is_told_at_once() -> None:
    bus = RedisBus(f"redis://user:{CANARY}@127.0.0.1:1/0", "moodline")
    with pytest.raises(BusError, match=r"bus redis://\*\*\*@127\.0\.0\.1:1/0: Redis cannot be reached") as caught:
        bus.publish([event(1)])
    assert CANARY not in str(caught.value)


def test_wrong_and_missing_credentials_are_told_apart_from_an_outage() -> None:
    with RedisServer(password="right") as server:
        wrong = RedisBus(server.url_with(CANARY), "moodline")
        missing = RedisBus(server.url.replace(":right@", ""), "moodline")
        for bus in (wrong, missing):
            with pytest.raises(BusError, match="Redis refuses the credentials; check user and password") as caught:
                bus.publish([event(1)])
            assert CANARY not in str(caught.value)


def test_a_full_redis_takes_nothing_of_a_batch() -> None:
    with RedisServer("--maxmemory", "1", "--maxmemory-policy", "noeviction") as server:
        bus = RedisBus(server.url, "moodline")
        with pytest.raises(BusError, match=r"Redis is out of memory; raise maxmemory or lower bus\.maxlen"):
            bus.publish([event(1), event(2)])
        with redis.Redis.from_url(server.url) as client:
            client.config_set("maxmemory", 0)
        bus.publish([event(1), event(2)])
        assert len(taken(bus)) == 2


def test_a_replica_is_named_as_such(server: RedisServer, client: Any) -> None:
    client.replicaof("127.0.0.1", 1)
    with pytest.raises(BusError, match=r"read-only replica; point bus\.url at the primary"):
        RedisBus(server.url, "moodline").publish([event(1)])


def test_a_key_of_another_kind_is_told(server: RedisServer, client: Any) -> None:
    client.set("moodline:events", "mine")
    with pytest.raises(BusError, match="Redis refuses: WRONGTYPE"):
        RedisBus(server.url, "moodline").publish([event(1)])


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (exceptions.BusyLoadingError("LOADING"), "Redis is still loading its data"),
        (exceptions.NoPermissionError("no"), "Redis does not let this user do that; check its ACL: no"),
        (exceptions.MaxConnectionsError("Too many"), "Redis has no connection left: Too many"),
        (exceptions.AuthorizationError(""), "Redis refuses the credentials"),
        (exceptions.ResponseError("MISCONF disk"), "Redis refuses: MISCONF disk"),
        (exceptions.RedisError(""), "Redis failed"),
        (OSError(f"redis://u:{CANARY}@h broke"), r"Redis cannot be reached: redis://\*\*\*@h broke"),
    ],
)
def test_each_error_of_redis_has_its_sentence(error: Exception, sentence: str) -> None:
    with pytest.raises(BusError, match=rf"^bus redis://h: {sentence}") as caught, one_sentence("redis://h"):
        raise error
    assert CANARY not in str(caught.value)


def test_ping_names_the_version_and_hides_the_password() -> None:
    with RedisServer(password=CANARY) as server:
        assert "answers, Redis " in ping(server.url)
        assert CANARY not in ping(server.url)
    for url in ("redis://127.0.0.1:1", "gopher://x"):
        with pytest.raises(BusError):
            ping(url)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("kafka://h", "unknown kind of bus; write one of redis://, rediss://, unix://, memory://"),
        ("localhost:6379", "unknown kind of bus"),
        (f"redis://u:{CANARY}@x@h", "write @ : / . # in a user or password as %40"),
        (f"redis://u:{CANARY}#@h", "write @ : / . # in a user or password as %40"),
        ("redis://h:port", "not a Redis URL"),
        ("redis://h/0?colour=red", "not a Redis URL"),
    ],
)
def test_a_url_that_cannot_work_is_refused_early(url: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        BusConfig(url=url)
    assert CANARY not in getattr(caught.value, "errors")()[0]["msg"]  # noqa: B009


@pytest.mark.parametrize("url", ["redis://h", "rediss://u:p%40%2F@h:6380/3", "unix:///run/r.sock?db=1", "memory://"])
def test_a_url_that_may_work_is_taken(url: str) -> None:
    config = BusConfig(url=url)
    assert url not in repr(config)
    open_bus(config).close()


# Following.


class Follower:
    """A thread that follows a stream."""

    def __init__(self, url: str, since: str) -> None:
        self.got: list[Entry] = []
        self.lost: list[str] = []
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(url, since))
        self.thread.start()

    def _run(self, url: str, since: str) -> None:
        for entry in follow(url, "moodline", since, self.stopped, self.lost.append):
            self.got.append(entry)

    def seqs(self) -> list[int]:
        return [orjson.loads(entry.payload)["seq"] for entry in self.got]


@pytest.fixture
def follower() -> Iterator[Callable[[str, str], Follower]]:
    made: list[Follower] = []

    def make(url: str, since: str) -> Follower:
        made.append(Follower(url, since))
        return made[-1]

    yield make
    for one in made:
        one.stopped.set()
        one.thread.join(10)
        assert not one.thread.is_alive()


def test_following_from_the_start_and_from_an_id(
    server: RedisServer, client: Any, follower: Callable[[str, str], Follower]
) -> None:
    bus = RedisBus(server.url, "moodline")
    bus.publish([event(1), event(2), event(3, source_id="desk")])
    everything = follower(server.url, OLDEST)
    some = follower(server.url, client.xrange("moodline:events")[1][0])
    until(lambda: everything.seqs() == [1, 2, 3])
    until(lambda: some.seqs() == [3])
    bus.publish([event(4)])
    until(lambda: everything.seqs() == [1, 2, 3, 4])
    until(lambda: some.seqs() == [3, 4])
    assert (some.got[0].source_id, some.got[0].type) == ("desk", "new")


def test_following_goes_on_after_an_outage_and_tells_it_once(
    server: RedisServer, follower: Callable[[str, str], Follower]
) -> None:
    bus = RedisBus(server.url, "moodline")
    bus.publish([event(1)])
    following = follower(server.url, NEWEST)
    sent: list[EmotionEvent] = []
    until(lambda: _send_until(bus, sent, following))
    server.kill()
    until(lambda: following.lost)
    server.start()
    before = len(sent)
    bus.publish([event(before + 2)])
    until(lambda: following.seqs()[-1:] == [before + 2])
    assert following.seqs() == list(range(following.seqs()[0], before + 3))
    assert len(following.lost) == 1
    assert "cannot be reached" in following.lost[0]


def _send_until(bus: Bus, sent: list[EmotionEvent], following: Follower) -> bool:
    """Send one more, as one cannot see from outside when a follower has begun."""
    sent.append(event(len(sent) + 2))
    bus.publish(sent[-1:])
    return bool(following.got)
