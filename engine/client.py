"""Follow the events of a running engine from another program.

    from engine.client import subscribe

    with subscribe("redis://localhost:6379/0", group="alarms") as events:
        for message in events:
            print(message.event["type"], message.event["source_id"])

Imports neither OpenCV nor ONNX Runtime nor a database.
"""

import logging
import socket
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event as Flag
from types import TracebackType
from typing import Any, cast

from engine import jsontext
from engine.bus.reader import NEWEST, OLDEST, Entry, GroupReader, Reader, StreamReader
from engine.documents import Message
from engine.errors import BusError, ConfigError
from engine.place import Place

__all__ = ["NEWEST", "OLDEST", "Received", "Subscription", "subscribe"]

logger = logging.getLogger(__name__)

_FIRST_RETRY_S = 0.2
_LAST_RETRY_S = 2.0
_SAVE_S = 0.5
"""How long what the caller is done with may wait before Redis, or the file, is told."""


@dataclass(frozen=True, slots=True)
class Received:
    """One event. `event` is the document exactly as it was sent; `stream_id` is where to resume after it."""

    stream_id: str
    event: Message


def subscribe(
    url: str = "redis://localhost:6379/0",
    *,
    prefix: str = "moodline",
    since: str = NEWEST,
    group: str | None = None,
    consumer: str | None = None,
    idle_s: float = 60.0,
    place: str | Path | None = None,
    types: Collection[str] = (),
    sources: Collection[str] = (),
    remember: int = 100_000,
    on_lost: Callable[[str], None] | None = None,
) -> "Subscription":
    """A subscription to iterate; it connects when iterated, and again after every outage.

    `since` is a stream id, a time in ms since 1970, `OLDEST`, or `NEWEST` for what is yet to come. `types` and
    `sources` let only those through; empty lets all. With `place`, a small file, reading goes on after the last
    event the caller was done with, whatever `since` says.

    With `group`, Redis keeps the place: the consumers of a group share the work, and what one of them has not
    been done with for `idle_s` goes to another, so `idle_s` must be longer than dealing with fifty events takes.
    `consumer` must be unique within the group and should stay the same when started again; by default it is the
    name of the machine.

    Events come at least once; repeats of the last `remember` are dropped. `on_lost` hears of each outage, once,
    instead of the log.

    Raises:
        ConfigError: `url` is no address of a Redis, or `group` and `place` are both given.
    """
    if group is not None and place is not None:
        raise ConfigError("subscribe: give a group, whose place Redis keeps, or a place of your own, not both")
    kept = Place(Path(place)) if place is not None else None
    start = (kept.load() if kept else None) or since
    try:
        reader: Reader = (
            StreamReader(url, prefix, start)
            if group is None
            else GroupReader(url, prefix, group, consumer or socket.gethostname(), start, idle_s)
        )
    except ValueError as error:
        raise ConfigError(f"subscribe: {error}") from error
    return Subscription(reader, kept, frozenset(types), frozenset(sources), remember, on_lost)


class Subscription:
    """Iterate it in one thread; any thread may `stop` it. An event counts as dealt with when the next is asked for.

    After an exception, or a `break`, the last event does not: it comes again to whoever resumes.
    """

    def __init__(
        self,
        reader: Reader,
        place: Place | None,
        types: frozenset[str],
        sources: frozenset[str],
        remember: int,
        on_lost: Callable[[str], None] | None,
    ) -> None:
        self._reader = reader
        self._place = place
        self._types = types
        self._sources = sources
        self._seen = _Seen(remember)
        self._on_lost = on_lost or _log
        self._stopping = Flag()
        self._lost = False
        self._done: list[Entry] = []
        self._saved_s = time.monotonic()
        self.repeats = 0
        """How many repeats were dropped."""
        self.foreign = 0
        """How many entries were skipped because they are no events."""

    def __iter__(self) -> Iterator[Received]:
        retry_s = _FIRST_RETRY_S
        while not self._stopping.is_set():
            try:
                entries = self._reader.read()
                self._save()
            except BusError as error:
                self._fell(error)
                self._stopping.wait(retry_s)
                retry_s = min(2 * retry_s, _LAST_RETRY_S)
                continue
            self._lost, retry_s = False, _FIRST_RETRY_S
            yield from self._through(entries)

    def stop(self) -> None:
        """Let the iteration end within about a second; what was read and not yet dealt with comes again."""
        self._stopping.set()

    def close(self) -> None:
        """Note what was dealt with, as far as Redis answers, and let go of the connection. Twice does nothing."""
        self.stop()
        try:
            self._save(now=True)
        except BusError as error:
            logger.warning("the last events may come again: %s", error)
        self._reader.close()

    def __enter__(self) -> "Subscription":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _through(self, entries: list[Entry]) -> Iterator[Received]:
        """Those of `entries` that the caller wants, each noted as done once the next is asked for."""
        for entry in entries:
            if self._stopping.is_set():
                return
            document = self._wanted(entry)
            if document is not None:
                yield Received(entry.stream_id, cast(Message, document))
                self._seen.add(entry.event_id)
            self._done.append(entry)
            self._save_when_it_answers()

    def _wanted(self, entry: Entry) -> dict[str, Any] | None:
        if entry.event_id in self._seen:
            self.repeats += 1
            return None
        try:
            document = jsontext.loads(entry.payload)
        except ValueError:
            document = None
        if not isinstance(document, dict) or not entry.event_id:
            self.foreign += 1
            return None
        unwanted = (self._types and entry.type not in self._types) or (
            self._sources and entry.source_id not in self._sources and entry.type != "gap"
        )
        return None if unwanted else document

    def _save_when_it_answers(self) -> None:
        try:
            self._save()
        except BusError as error:
            self._fell(error)

    def _save(self, now: bool = False) -> None:
        """Tell Redis, or the file, what the caller is done with."""
        at = time.monotonic()
        if not self._done or not (now or at - self._saved_s >= _SAVE_S):
            return
        self._saved_s = at
        self._reader.done(self._done)
        if self._place:
            self._place.save(self._done[-1].stream_id)
        self._done = []

    def _fell(self, error: BusError) -> None:
        if not self._lost:
            self._on_lost(str(error))
        self._lost = True


class _Seen:
    """The ids of the last `size` events."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._ids: dict[str, None] = {}

    def __contains__(self, event_id: str) -> bool:
        return event_id in self._ids

    def add(self, event_id: str) -> None:
        self._ids[event_id] = None
        if len(self._ids) > self._size:
            del self._ids[next(iter(self._ids))]


def _log(trouble: str) -> None:
    logger.warning("no events for now: %s", trouble)
