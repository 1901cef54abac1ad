"""A relay at work: events go into a history at a steady rate and out to a bus, as in a run."""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

import redis

from engine.bus import Bus
from engine.clock import SystemClock
from engine.history import History
from engine.relay import Relay
from engine.stages.publish import Publish
from engine.status import SinkSnapshot
from tests.support.documents import event


class Relaying:
    """The relay in its thread and, with `rate`, a thread that publishes so many events a second, ten at a time.

    Leaving the block stops both; `append` adds events by hand.
    """

    def __init__(
        self,
        history: History,
        bus: Bus,
        rate: int = 0,
        drain_s: float = 5.0,
        run_id: str = "run-1",
        forget: Callable[[str], None] = lambda _fingerprint: None,
    ) -> None:
        self.relay = Relay(history, bus, SystemClock(), forget=forget)
        self.appended = 0
        self.slowest_append_s = 0.0
        self._publish = Publish(history, self.relay.notify)
        self._run_id = run_id
        self._rate = rate
        self._drain_s = drain_s
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self.relay.run, name="relay")]
        if rate:
            self._threads.append(threading.Thread(target=self._feed, name="feed"))

    @property
    def status(self) -> SinkSnapshot:
        return self.relay.snapshot()

    def append(self, count: int) -> None:
        first = self.appended + 1
        began = time.monotonic()
        self._publish.process([event(seq, run_id=self._run_id) for seq in range(first, first + count)])
        self.slowest_append_s = max(self.slowest_append_s, time.monotonic() - began)
        self.appended += count

    def stop_feeding(self) -> None:
        self._stopping.set()
        if len(self._threads) > 1:
            self._threads[1].join(10)

    def _feed(self) -> None:
        due = time.monotonic()
        while not self._stopping.wait(max(0.0, due - time.monotonic())):
            self.append(10)
            due += 10 / self._rate

    def __enter__(self) -> "Relaying":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop_feeding()
        self.relay.stop(self._drain_s)
        self._threads[0].join(self._drain_s + 10)
        assert not self._threads[0].is_alive()


def entries(url: str, prefix: str = "moodline") -> list[dict[str, Any]]:
    """The fields of every entry of the stream."""
    with redis.Redis.from_url(url, decode_responses=True) as client:
        return [fields for _, fields in client.xrange(f"{prefix}:events")]


def seqs(url: str) -> list[int]:
    """The number of every entry of the stream."""
    return [int(fields["seq"]) for fields in entries(url)]
