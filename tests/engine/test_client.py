"""Following events from another program: alone, in a group, across outages, without a repeat."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.bus import RedisBus
from engine.client import NEWEST, OLDEST, Received, Subscription, subscribe
from engine.errors import ConfigError, OutputError
from tests.support.documents import event, status
from tests.support.redis_server import RedisServer, until


class Following:
    """A subscription iterated in a thread of its own."""

    def __init__(self, url: str, **arguments: Any) -> None:
        self.got: list[Received] = []
        self.lost: list[str] = []
        self.subscription = subscribe(url, on_lost=self.lost.append, **{"since": OLDEST, **arguments})
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        with self.subscription as messages:
            for message in messages:
                self.got.append(message)

    def seqs(self) -> list[int]:
        return [message.event["seq"] for message in self.got]

    def stop(self) -> None:
        self.subscription.stop()
        self.thread.join(10)
        assert not self.thread.is_alive()


@pytest.fixture
def following() -> Iterator[Callable[..., Following]]:
    made: list[Following] = []

    def make(*arguments: Any, **named: Any) -> Following:
        made.append(Following(*arguments, **named))
        return made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.fixture
def bus(server: RedisServer) -> Iterator[RedisBus]:
    opened = RedisBus(server.url, "moodline")
    yield opened
    opened.close()


def take(subscription: Subscription, count: int) -> list[int]:
    """The numbers of the next `count` events, the last of which is dealt with when the next is asked for."""
    messages = iter(subscription)
    return [next(messages).event["seq"] for _ in range(count)]


def test_following_from_the_start_from_an_id_and_from_now_on(
    server: RedisServer, client: Any, bus: RedisBus, following: Callable[..., Following]
) -> None:
    sent = [event(1), event(2), status(3, source_id="desk")]
    bus.publish(sent)
    everything = following(server.url)
    some = following(server.url, since=client.xrange("moodline:events")[1][0])
    new = following(server.url, since=NEWEST)
    until(lambda: everything.seqs() == [1, 2, 3] and some.seqs() == [3])
    seq = 3
    while not new.got:  # as one cannot see from outside when it has begun
        seq += 1
        bus.publish([event(seq)])
    until(lambda: everything.seqs() == list(range(1, seq + 1)))
    assert min(new.seqs()) > 3
    assert [message.event for message in everything.got[:3]] == [one.document for one in sent]
    assert everything.got[1].stream_id == client.xrange("moodline:events")[1][0]


def test_only_the_types_and_sources_that_are_wanted(
    server: RedisServer, bus: RedisBus, following: Callable[..., Following]
) -> None:
    bus.publish([event(1), status(2), event(3, source_id="desk"), event(4, "end"), event(5, "end", source_id="desk")])
    desk = following(server.url, sources=["desk"], types=["end", "new"])
    until(lambda: desk.seqs() == [3, 5])


def test_it_goes_on_after_an_outage_and_tells_it_once(
    server: RedisServer, bus: RedisBus, following: Callable[..., Following]
) -> None:
    bus.publish([event(1)])
    one = following(server.url)
    until(lambda: one.seqs() == [1])
    server.kill()
    until(lambda: one.lost)
    server.start()
    bus.publish([event(2)])
    until(lambda: one.seqs() == [1, 2])
    assert len(one.lost) == 1
    assert "cannot be reached" in one.lost[0]


def test_what_is_sent_again_to_a_wiped_redis_is_not_told_again(
    server: RedisServer, bus: RedisBus, following: Callable[..., Following]
) -> None:
    sent = [event(n) for n in range(1, 6)]
    bus.publish(sent)
    alone, member = following(server.url), following(server.url, group="g", consumer="a")
    until(lambda: alone.seqs() == member.seqs() == [1, 2, 3, 4, 5])
    server.wipe()
    RedisBus(server.url, "moodline").publish([*sent, event(6)])
    until(lambda: alone.seqs() == member.seqs() == [1, 2, 3, 4, 5, 6])
    assert alone.subscription.repeats == 5


def test_only_so_many_are_remembered(
    server: RedisServer, client: Any, bus: RedisBus, following: Callable[..., Following]
) -> None:
    bus.publish([event(n) for n in range(1, 21)])
    one = following(server.url, remember=5)
    until(lambda: len(one.got) == 20)
    for n in (20, 3):
        [(_, fields)] = client.xrange("moodline:events", count=1)
        client.xadd("moodline:events", {**fields, "event_id": event(n).event_id})
    until(lambda: len(one.got) == 21)
    assert one.subscription.repeats == 1


def test_entries_of_others_are_skipped_and_counted(
    server: RedisServer, client: Any, bus: RedisBus, following: Callable[..., Following]
) -> None:
    client.xadd("moodline:events", {b"\xff": b"\xfe no text"})
    client.xadd("moodline:events", {"event_id": "x", "payload": "no json"})
    client.xadd("moodline:events", {"event_id": "y", "payload": "[1]"})
    bus.publish([event(1)])
    for one in (following(server.url), following(server.url, group="g", consumer="a")):
        until(lambda one=one: one.seqs() == [1])  # type: ignore[misc]
        assert one.subscription.foreign == 3
    until(lambda: not client.xpending("moodline:events", "g")["pending"])


def test_a_place_in_a_file_is_gone_on_from_and_what_was_not_dealt_with_comes_again(
    server: RedisServer, bus: RedisBus, tmp_path: Path
) -> None:
    bus.publish([event(n) for n in range(1, 6)])
    place = tmp_path / "place"
    with subscribe(server.url, since=OLDEST, place=place) as first:
        assert take(first, 3) == [1, 2, 3]
    with subscribe(server.url, since=OLDEST, place=place) as second:  # the third was not dealt with
        assert take(second, 2) == [3, 4]


@pytest.mark.parametrize("content", ["half of an", "12-", ""])
def test_a_place_that_is_none_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "place").write_text(content)
    with pytest.raises(ConfigError, match="holds no stream id; remove it"):
        subscribe("redis://h", place=tmp_path / "place")


def test_a_place_that_cannot_be_kept_is_told(server: RedisServer, bus: RedisBus, tmp_path: Path) -> None:
    bus.publish([event(1), event(2)])
    messages = subscribe(server.url, since=OLDEST, place=tmp_path / "missing" / "place")
    take(messages, 2)
    with pytest.raises(OutputError, match="cannot be written: No such file"):
        messages.close()


def test_the_consumers_of_a_group_share_the_work(
    server: RedisServer, bus: RedisBus, client: Any, following: Callable[..., Following]
) -> None:
    members = [following(server.url, group="g", consumer=name) for name in "ab"]
    other = following(server.url, group="other", consumer="a")
    for seq in range(1, 201):
        bus.publish([event(seq)])
    until(lambda: sum(len(member.got) for member in members) == 200)
    assert sorted(members[0].seqs() + members[1].seqs()) == list(range(1, 201))
    until(lambda: other.seqs() == list(range(1, 201)))
    until(lambda: not client.xpending("moodline:events", "g")["pending"])


def test_a_consumer_that_comes_back_gets_first_what_it_was_not_done_with(server: RedisServer, bus: RedisBus) -> None:
    bus.publish([event(n) for n in range(1, 6)])
    with subscribe(server.url, group="g", consumer="a", since=OLDEST) as crashed:
        assert take(crashed, 3) == [1, 2, 3]
    bus.publish([event(6)])
    with subscribe(server.url, group="g", consumer="a") as again:
        assert take(again, 4) == [3, 4, 5, 6]


def test_what_a_dead_consumer_left_goes_to_another(
    server: RedisServer, bus: RedisBus, following: Callable[..., Following]
) -> None:
    bus.publish([event(n) for n in range(1, 6)])
    with subscribe(server.url, group="g", consumer="dead", since=OLDEST) as dead:
        assert take(dead, 2) == [1, 2]
    alive = following(server.url, group="g", consumer="alive", idle_s=0.3)
    until(lambda: alive.seqs() == [2, 3, 4, 5])


def test_what_was_trimmed_before_it_was_dealt_with_does_not_stop_a_group(
    server: RedisServer, bus: RedisBus, client: Any
) -> None:
    bus.publish([event(n) for n in range(1, 6)])
    with subscribe(server.url, group="g", consumer="a", since=OLDEST) as one:
        assert take(one, 1) == [1]
    client.xtrim("moodline:events", maxlen=1, approximate=False)
    with subscribe(server.url, group="g", consumer="a") as again:
        assert take(again, 1) == [5]


def test_stopping_takes_about_a_second_also_while_redis_is_frozen(
    server: RedisServer, bus: RedisBus, following: Callable[..., Following]
) -> None:
    bus.publish([event(1)])
    one = following(server.url)
    until(lambda: one.seqs() == [1])
    server.freeze()
    one.stop()
    server.thaw()


def test_a_group_and_a_place_are_one_too_many_and_a_url_must_be_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not both"):
        subscribe("redis://h", group="g", place=tmp_path / "p")
    with pytest.raises(ConfigError, match="not a Redis URL"):
        subscribe("http://user:hunter2@h")


def test_it_is_imported_without_what_only_the_engine_needs() -> None:
    heavy = "cv2 onnxruntime av norfair sqlalchemy fastapi uvicorn torch"
    code = f"import sys, engine.client; print([name for name in '{heavy}'.split() if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert answer.stdout.strip() == "[]"
