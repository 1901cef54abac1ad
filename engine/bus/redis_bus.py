"""The bus over Redis: a stream that keeps, and channels for whoever only listens."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from engine import jsontext
from engine.bus.link import connect, one_sentence
from engine.errors import BusError
from engine.items import EmotionEvent
from engine.redact import redact

HEARTBEAT_TTL_S = 15
_LOOK_BACK = 1000
"""How far back in the stream to look for events of which it is not known whether they arrived."""


def stream_name(prefix: str) -> str:
    """The stream, and the Pub/Sub channel of the same name."""
    return f"{prefix}:events"


class RedisBus:
    """Connects with the first `publish` or `heartbeat`, again after every failure; blocks about 1 s at most.

    One batch arrives whole or not at all. At the start, and after a failure that leaves in doubt whether it
    did, the end of the stream is asked which events it has, until it lacks one.
    """

    def __init__(self, url: str, prefix: str, maxlen: int = 100_000) -> None:
        self._address = url
        self._prefix = prefix
        self._stream = stream_name(prefix)
        self._maxlen = maxlen
        self._client = connect(url)
        self._in_doubt = True
        self._closed = False

    @property
    def url(self) -> str:
        return redact(self._address)

    def publish(self, events: Sequence[EmotionEvent]) -> None:
        """Add to the stream, then tell the channels, in one transaction."""
        with self._talk():
            missing = self._missing(events) if self._in_doubt else events
            if missing:
                self._in_doubt = True
                self._send(missing)
                self._in_doubt = False

    def _missing(self, events: Sequence[EmotionEvent]) -> list[EmotionEvent]:
        """The events that the end of the stream does not hold."""
        newest = self._client.xrevrange(self._stream, count=_LOOK_BACK)
        there = {fields.get("event_id") for _, fields in newest}
        return [event for event in events if event.event_id not in there]

    def _send(self, events: Sequence[EmotionEvent]) -> None:
        with self._client.pipeline(transaction=True) as commands:
            for event in events:
                payload = jsontext.dumps(event.document)
                commands.xadd(self._stream, _fields(event, payload), maxlen=self._maxlen, approximate=True)
                commands.publish(self._stream, payload)
                commands.publish(f"{self._stream}:{event.source_id}", payload)
            commands.execute()

    def heartbeat(self, run_id: str, payload: dict[str, Any]) -> None:
        """Set `<prefix>:engine:<run_id>`, which Redis forgets after `HEARTBEAT_TTL_S`."""
        with self._talk():
            self._client.set(f"{self._prefix}:engine:{run_id}", jsontext.dumps(payload), ex=HEARTBEAT_TTL_S)

    def close(self) -> None:
        self._closed = True
        self._client.close()

    @contextmanager
    def _talk(self) -> Iterator[None]:
        if self._closed:
            raise BusError(f"bus {self.url} is closed")
        with one_sentence(self._address):
            yield


def _fields(event: EmotionEvent, payload: bytes) -> dict[str, str | bytes | int]:
    return {
        "event_id": event.event_id,
        "type": event.type,
        "source_id": event.source_id,
        "track_uid": event.track_uid or "",
        "seq": event.seq,
        "payload": payload,
    }
