"""The bus over Redis: a stream that keeps, and channels for whoever only listens.

Every event reaches the stream once, in order, however connections break. For each run Redis keeps a *mark*: the
number of the last event it took. One script compares the mark with what the sender believes, adds the batch,
tells the channels and moves the mark; Redis runs it whole or not at all. So a batch of which it is not known
whether it arrived can be sent again: had it arrived, or does it arrive late, out of a dead connection's buffer, the
mark no longer fits and nothing is added. A mark lower than believed means that Redis has lost data. The mark also names
the entry, so that a stream which was evicted and made anew by somebody else is not taken for the one it was.

Explicit entry ids `<seq>-0` would give the same for one run, but all runs and all shards of a prefix share one
stream, whose ids must grow: a second run would begin at 1 again and be refused. Ids made by Redis also carry the
time, which `--since` and readers rely on, and go on growing after Redis was wiped, so that a reader that resumes from
an id misses nothing of what is sent again.

Mark and stream lie in one slot of a cluster; PUBLISH has no slot, a cluster's nodes pass it on.
"""

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from redis import exceptions

from engine import jsontext
from engine.bus.erasing import erase_entries
from engine.bus.link import Link
from engine.bus.meanings import one_sentence
from engine.bus.script import APPEND, MARK
from engine.errors import BusCause, BusError, BusForgot
from engine.items import EmotionEvent
from engine.redact import shown

logger = logging.getLogger(__name__)

ALIVE_TTL_S = 15
MARK_TTL_S = 30 * 86_400
KEPT = 100_000
"""At most so many events are sent again to a Redis that has lost them."""
_PAGE = 1000
_RUNS = 10


def stream_name(prefix: str) -> str:
    """The stream, and the Pub/Sub channel of the same name."""
    return f"{prefix}:events"


def mark_name(prefix: str, run_id: str) -> str:
    """The key that holds the number of the run's last event; braces put it into the stream's slot of a cluster."""
    return f"{prefix}:sent:{{{stream_name(prefix)}}}:{run_id}"


class RedisBus:
    """Connects with the first use, again after every failure; each answer is waited for 1 s at most.

    For one thread, but for `close`, `url` and `note`.
    """

    def __init__(self, url: str, prefix: str, maxlen: int = 100_000) -> None:
        self._address = url
        self._prefix = prefix
        self._stream = stream_name(prefix)
        self._maxlen = maxlen
        self._link = Link(url)
        self._believed: dict[str, int] = {}
        self._greeted = False
        self._closed = False
        self._note = ""

    @property
    def url(self) -> str:
        return shown(self._address)

    @property
    def keeps(self) -> int:
        """How many of the newest events Redis should get again when it has lost them."""
        return min(self._maxlen, KEPT)

    @property
    def note(self) -> str:
        """What is dangerous in how this Redis is set up, as far as it tells; else empty."""
        return self._note

    def resume(self, last: EmotionEvent) -> None:
        """`last` and all before it was taken once.

        Raises:
            BusForgot: Redis no longer has it.
            BusError: Redis cannot be asked.
        """
        with self._talk() as client:
            self._believed = {last.run_id: last.seq}
            mark = self._mark(client, last.run_id)
            if mark < last.seq and not mark and self._finds(client, last.event_id):
                # The mark is older than its time to live, or than marks.
                mark = last.seq
                client.set(mark_name(self._prefix, last.run_id), mark, ex=MARK_TTL_S)
            if mark < last.seq:
                raise self._forgot(last.run_id, mark)

    def sent(self, run_id: str) -> int:
        """The number of the last event of the run that Redis has taken; 0 when it knows of none.

        Raises:
            BusError: Redis cannot be asked.
        """
        with self._talk() as client:
            return self._mark(client, run_id)

    def publish(self, events: Sequence[EmotionEvent]) -> None:
        """Add `events`, all of one run and in order, to the stream and tell the channels, whole or not at all.

        Raises:
            BusForgot: Redis no longer has what it had; nothing was added.
        """
        if events:
            with self._talk() as client:
                self._append(client, events)

    def heartbeat(self, run_id: str, payload: dict[str, Any], sources: Mapping[str, dict[str, Any]]) -> None:
        """Set `<prefix>:engine:<run_id>` and `<prefix>:source:<id>`, which Redis forgets after `ALIVE_TTL_S`.

        Raises:
            BusForgot: Redis no longer has the run's events.
        """
        values = {f"{self._prefix}:engine:{run_id}": jsontext.dumps(payload)}
        values.update((f"{self._prefix}:source:{name}", jsontext.dumps(told)) for name, told in sources.items())
        with self._talk() as client:
            self._check(client)
            self._link.set_all(values, ALIVE_TTL_S)

    def erase(self, fingerprints: Collection[str]) -> Mapping[str, int]:
        """Delete the entries of these tracks from the stream; how many of each there were.

        Raises:
            BusError: Redis does not answer, or its ACL allows no XRANGE or XDEL; part of them may be gone.
        """
        with self._talk() as client:
            return erase_entries(client, self._stream, fingerprints)

    def forget_older(self, than: datetime) -> None:
        """Delete the entries of the stream from before `than`, whichever run they are of.

        Raises:
            BusError: Redis does not answer.
        """
        with self._talk() as client:
            client.xtrim(self._stream, minid=int(than.timestamp() * 1000), approximate=False)

    def close(self) -> None:
        self._closed = True
        self._link.close()

    def _append(self, client: Any, events: Sequence[EmotionEvent]) -> None:
        run_id = events[0].run_id
        if run_id not in self._believed:
            self._check(client)
            self._believed[run_id] = self._mark(client, run_id) or self._marked_by(client, events)
        while events := [event for event in events if event.seq > self._believed[run_id]]:
            added, mark = self._call(client, run_id, events)
            believed = self._believed[run_id]
            if not added and mark < believed:
                raise self._forgot(run_id, mark)
            self._believed[run_id] = mark

    def _check(self, client: Any) -> None:
        """See that Redis still has what it had of the runs sent lately: one run's mark tells nothing of another's."""
        while len(self._believed) > _RUNS:
            del self._believed[next(iter(self._believed))]
        for run_id, believed in list(self._believed.items()):
            mark = self._mark(client, run_id)
            if mark < believed:
                raise self._forgot(run_id, mark)

    def _call(self, client: Any, run_id: str, events: Sequence[EmotionEvent]) -> tuple[int, int]:
        believed = self._believed[run_id]
        keys = (self._stream, mark_name(self._prefix, run_id))
        arguments: list[Any] = [believed, MARK_TTL_S, self._maxlen]
        for event in events:
            arguments += _fields(event)
        try:
            added, mark = client.eval(APPEND, len(keys), *keys, *arguments)
        except exceptions.OutOfMemoryError:
            # Even an XADD that would trim is refused; XTRIM is not, and frees what a longer MAXLEN once let in.
            if not client.xtrim(self._stream, maxlen=self._maxlen, approximate=False):
                raise
            added, mark = client.eval(APPEND, len(keys), *keys, *arguments)
        return added, mark

    def _mark(self, client: Any, run_id: str) -> int:
        return int(client.eval(MARK, 2, self._stream, mark_name(self._prefix, run_id)))

    def _marked_by(self, client: Any, events: Sequence[EmotionEvent]) -> int:
        """Without a mark, the end of the stream tells how many of `events` it has; then it is the mark."""
        newest = client.xrevrange(self._stream, count=_PAGE)
        there = {fields.get("event_id") for _, fields in newest}
        mark = max((event.seq for event in events if event.event_id in there), default=0)
        if mark:
            client.set(mark_name(self._prefix, events[0].run_id), mark, ex=MARK_TTL_S)
        return mark

    def _finds(self, client: Any, event_id: str) -> bool:
        """Whether the event is among the newest `keeps` of the stream."""
        end, seen = "+", 0
        while seen < self.keeps:
            rows = client.xrevrange(self._stream, max=end, count=_PAGE)
            if any(fields.get("event_id") == event_id for _, fields in rows):
                return True
            if len(rows) < _PAGE:
                return False
            seen, end = seen + len(rows), f"({rows[-1][0]}"
        return False

    def _forgot(self, run_id: str, mark: int) -> BusForgot:
        believed = self._believed[run_id]
        self._believed.clear()
        return BusForgot(
            f"bus {self.url}: Redis has lost events: it had {believed} of run {run_id} and knows {mark}",
            run_id, believed, mark,
        )  # fmt: skip

    @contextmanager
    def _talk(self) -> Iterator[Any]:
        if self._closed:
            raise BusError(f"bus {self.url} is closed", BusCause.CLOSED)
        try:
            with one_sentence(self._address):
                client = self._link.client(self._stream)
                if not self._greeted:
                    self._greet(client)
                yield client
        except BusForgot:
            raise
        except BusError:
            self._greeted = False
            self._link.renew()
            raise

    def _greet(self, client: Any) -> None:
        """At the beginning and after every failure, see whether this Redis may throw the stream away."""
        try:
            memory = client.info("memory")
        except exceptions.NoPermissionError:
            memory = {}
        policy = str(memory.get("maxmemory_policy", ""))
        note = ""
        if memory.get("maxmemory") and policy.startswith("allkeys"):
            note = f"Redis may throw events away: its maxmemory-policy is {policy}; set noeviction or a volatile one"
        if note and note != self._note:
            logger.warning("bus %s: %s", self.url, note)
        self._note = note
        self._greeted = True


def _fields(event: EmotionEvent) -> tuple[str | int | bytes, ...]:
    return (
        event.event_id, event.type, event.source_id, event.track_uid or "", event.seq, jsontext.dumps(event.document),
    )  # fmt: skip
