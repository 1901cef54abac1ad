import threading
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
import redis

from engine.bus import Bus, BusConfig, MemoryBus, RedisBus, open_bus
from engine.errors import BusError
from tests.support.documents import event, status
from tests.support.redis_server import RedisServer

CANARY = "hunter2-S3cr3t"


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
    bus.heartbeat("run", {"run_id": "run"}, {})
    bus.close()
    bus.close()
    for refused in (lambda: bus.publish([event(1)]), lambda: bus.heartbeat("run", {}, {})):
        with pytest.raises(BusError, match="is closed"):
            refused()


def test_making_a_bus_connects_to_nothing() -> None:
    bus = open_bus(BusConfig(url="redis://127.0.0.1:1/0"))
    assert bus.url == "redis://127.0.0.1:1/0"
    bus.close()


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


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("kafka://h", "unknown kind of bus; write one of redis://, rediss://, unix://, .*, memory://"),
        ("localhost:6379", "unknown kind of bus"),
        (f"redis://u:{CANARY}@x@h", "write @ : / . # % in a user or password as %40"),
        (f"redis://u:{CANARY}#@h", "write @ : / . # % in a user or password as %40"),
        (f"redis://:{CANARY}/x@h:6379/0", "as %40 %3A %2F"),
        (f"redis://:12/{CANARY}@h", "as %40 %3A %2F"),
        (f"redis://:12?{CANARY}@h", "as %40 %3A %2F"),
        (f"redis+sentinel://:12/{CANARY}@h,i/main", "as %40 %3A %2F"),
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


def test_the_embedded_bus_keeps_a_bounded_number_of_events():
    """The history keeps them all; a hundred thousand would be half a gigabyte here."""
    bus = open_bus(BusConfig(url="memory://"))
    bus.publish([event(number + 1) for number in range(1_500)])
    assert len(bus.recent()) == 1_000
