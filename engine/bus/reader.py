"""Follow the events of a Redis stream, across its outages."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Event
from typing import Any

from engine.bus.link import Link
from engine.bus.meanings import one_sentence
from engine.bus.redis_bus import stream_name
from engine.errors import BusError

NEWEST = "$"
OLDEST = "0-0"
_BLOCK_S = 1.0
_RETRY_S = 1.0
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the stream. `payload` is the event's JSON document as it was sent."""

    stream_id: str
    type: str
    source_id: str
    payload: str


def follow(url: str, prefix: str, since: str, stopped: Event, on_lost: Callable[[str], None]) -> Iterator[Entry]:
    """Every entry after the stream id `since` (or `OLDEST`, or `NEWEST`: only what is yet to come).

    Goes on until `stopped` is set. When Redis does not answer, `on_lost` hears why, once per outage, and
    reading goes on where it stopped once Redis is back.
    """
    reader = _Reader(url, stream_name(prefix), since)
    lost = False
    try:
        while not stopped.is_set():
            try:
                entries = reader.read()
            except BusError as error:
                if not lost:
                    on_lost(str(error))
                lost = True
                stopped.wait(_RETRY_S)
                continue
            lost = False
            yield from entries
    finally:
        reader.close()


class _Reader:
    """Remembers how far it has read."""

    def __init__(self, url: str, stream: str, since: str) -> None:
        self._url = url
        self._stream = stream
        self._since = since
        # Longer than Redis is asked to wait, or silence would look like an outage.
        self._link = Link(url, timeout_s=_BLOCK_S + 2)

    def read(self) -> list[Entry]:
        """What has come since; waits up to a second for something."""
        with one_sentence(self._url):
            client: Any = self._link.client(self._stream)
            if self._since == NEWEST:
                # "$" means the moment of each command: what comes between two would be lost.
                newest = client.xrevrange(self._stream, count=1)
                self._since = newest[0][0] if newest else OLDEST
            answer = client.xread({self._stream: self._since}, count=_AT_ONCE, block=int(_BLOCK_S * 1000))
        rows = answer[0][1] if answer else []
        if rows:
            self._since = rows[-1][0]
        return [_entry(stream_id, fields) for stream_id, fields in rows]

    def close(self) -> None:
        self._link.close()


def _entry(stream_id: str, fields: dict[str, str]) -> Entry:
    return Entry(stream_id, fields.get("type", ""), fields.get("source_id", ""), fields.get("payload", "{}"))
