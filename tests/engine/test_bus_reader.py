import threading
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest

from engine.bus import Bus, RedisBus
from engine.bus.reader import NEWEST, OLDEST, Entry, follow
from engine.items import EmotionEvent
from tests.support.documents import event
from tests.support.redis_server import RedisServer, until

CANARY = "hunter2-S3cr3t"


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
