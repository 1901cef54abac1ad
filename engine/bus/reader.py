"""Read the stream of events: alone from a place on, or sharing the work in a consumer group."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from redis import exceptions

from engine.bus.link import Link
from engine.bus.meanings import one_sentence
from engine.bus.redis_bus import stream_name
from engine.clock import Clock, SystemClock
from engine.errors import BusError

NEWEST = "$"
OLDEST = "0-0"
BLOCK_S = 1.0
"""How long one `read` waits for something to come."""
_AT_ONCE = 500
_AT_ONCE_IN_GROUP = 50


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the stream. `payload` is the event's JSON document as it was sent; empty in a foreign entry."""

    stream_id: str
    event_id: str
    type: str
    source_id: str
    payload: str


class Reader(Protocol):
    """For one thread. `read` and `done` raise `BusError` when Redis does not answer; both can be tried again."""

    def read(self) -> list[Entry]:
        """What is next; waits up to `BLOCK_S` for something."""

    def done(self, entries: Sequence[Entry]) -> None:
        """Whoever reads is done with these."""

    def close(self) -> None: ...


class StreamReader:
    """Every entry after `since`: a stream id, `OLDEST`, or `NEWEST` for only what is yet to come."""

    def __init__(self, url: str, prefix: str, since: str) -> None:
        self._url = url
        self._stream = stream_name(prefix)
        self._since = since
        # Longer than Redis is asked to wait, or silence would look like an outage.
        self._link = Link(url, timeout_s=BLOCK_S + 2)

    def read(self) -> list[Entry]:
        with _talk(self._url, self._link):
            client: Any = self._link.client(self._stream)
            if self._since == NEWEST:
                # "$" means the moment of each command: what comes between two would be lost.
                newest = client.xrevrange(self._stream, count=1)
                self._since = newest[0][0] if newest else OLDEST
            answer = client.xread({self._stream: self._since}, count=_AT_ONCE, block=int(BLOCK_S * 1000))
        entries = _entries(answer[0][1] if answer else [])
        if entries:
            self._since = entries[-1].stream_id
        return entries

    def done(self, entries: Sequence[Entry]) -> None:
        """A reader on its own has nobody to tell."""

    def close(self) -> None:
        self._link.close()


class GroupReader:
    """This consumer's share of a group's entries.

    First come those that it was given earlier and is not done with, then, again and again, those that another
    consumer has not been done with for `idle_s`, then new ones. A group that does not exist is made, to begin
    at `since`; one that is gone with a wiped Redis, to begin with what that Redis gets again.
    """

    def __init__(
        self, url: str, prefix: str, group: str, consumer: str, since: str, idle_s: float, clock: Clock | None = None
    ) -> None:
        self._url = url
        self._stream = stream_name(prefix)
        self._group = group
        self._consumer = consumer
        self._idle_s = idle_s
        self._clock = clock or SystemClock()
        self._begin = "0" if since == OLDEST else since
        self._own: str | None = "0"
        self._claim = "0-0"
        self._claims_at_s = self._clock.monotonic()
        self._link = Link(url, timeout_s=BLOCK_S + 2)

    def read(self) -> list[Entry]:
        with _talk(self._url, self._link):
            client: Any = self._link.client(self._stream)
            try:
                return self._left_over(client) or self._claimed(client) or self._new(client)
            except exceptions.ResponseError as error:
                if not str(error).startswith("NOGROUP"):
                    raise
                self._make(client)
                return []

    def done(self, entries: Sequence[Entry]) -> None:
        if entries:
            with _talk(self._url, self._link):
                ids = [entry.stream_id for entry in entries]
                self._link.client(self._stream).xack(self._stream, self._group, *ids)

    def close(self) -> None:
        self._link.close()

    def _make(self, client: Any) -> None:
        try:
            client.xgroup_create(self._stream, self._group, id=self._begin, mkstream=True)
        except exceptions.ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise
        self._begin = "0"

    def _left_over(self, client: Any) -> list[Entry]:
        """What this consumer was given before it was started anew."""
        if self._own is None:
            return []
        entries = self._given(client, self._own, block=None)
        self._own = entries[-1].stream_id if entries else None
        return entries

    def _claimed(self, client: Any) -> list[Entry]:
        """What other consumers have had for too long; looked for as often as that."""
        now_s = self._clock.monotonic()
        if self._claim == "0-0" and now_s < self._claims_at_s:
            return []
        idle_ms = int(self._idle_s * 1000)
        self._claim, rows, *_ = client.xautoclaim(
            self._stream, self._group, self._consumer, idle_ms, self._claim, count=_AT_ONCE_IN_GROUP
        )
        if self._claim == "0-0":
            self._claims_at_s = now_s + max(self._idle_s / 2, 0.1)
        return _entries(rows)

    def _new(self, client: Any) -> list[Entry]:
        return self._given(client, ">", block=int(BLOCK_S * 1000))

    def _given(self, client: Any, since: str, block: int | None) -> list[Entry]:
        answer = client.xreadgroup(
            self._group, self._consumer, {self._stream: since}, count=_AT_ONCE_IN_GROUP, block=block
        )
        return _entries(answer[0][1] if answer else [])


@contextmanager
def _talk(url: str, link: Link) -> Iterator[None]:
    try:
        with one_sentence(url):
            yield
    except BusError:
        link.renew()
        raise


def _entries(rows: Sequence[tuple[str, dict[str, str] | None]]) -> list[Entry]:
    """A row without fields was trimmed away while somebody still had to deal with it."""
    return [_entry(stream_id, fields or {}) for stream_id, fields in rows]


def _entry(stream_id: str, fields: dict[str, str]) -> Entry:
    wanted = (fields.get(name, "") for name in ("event_id", "type", "source_id", "payload"))
    return Entry(stream_id, *wanted)
