"""The bus within one process."""

from collections import Counter, deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from threading import Lock
from types import TracebackType
from typing import Any

from engine.channel import Channel
from engine.errors import BusCause, BusError, ChannelClosed
from engine.ids import fingerprint
from engine.items import EmotionEvent

_WAITING = 1000
"""How many events may wait for one subscriber before it misses the oldest."""


class Subscription:
    """Events from the moment of subscribing, in order, until it or the bus is closed. For one thread."""

    def __init__(self, bus: "MemoryBus") -> None:
        self._bus = bus
        self._channel: Channel[EmotionEvent] = Channel(_WAITING, droppable=lambda _event: True)

    def put(self, event: EmotionEvent) -> None:
        self._channel.put(event)

    def __iter__(self) -> Iterator[EmotionEvent]:
        return self

    def __next__(self) -> EmotionEvent:
        try:
            return self._channel.get_batch(max_items=1)[0]
        except ChannelClosed:
            raise StopIteration from None

    @property
    def missed(self) -> int:
        """How many events came while too many were waiting."""
        return self._channel.stats().dropped

    def close(self) -> None:
        """What waits can still be taken. Any thread may close; closing twice does nothing."""
        self._bus.forget(self)
        self._channel.close()

    def __enter__(self) -> "Subscription":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class MemoryBus:
    """Keeps the last `maxlen` events and hands each to every subscriber. Any thread may call any method."""

    url = "memory://"
    keeps = 0
    note = ""

    def __init__(self, maxlen: int = 1_000) -> None:
        self._events: deque[EmotionEvent] = deque(maxlen=maxlen)
        self._subscriptions: set[Subscription] = set()
        self._closed = False
        self._lock = Lock()

    def publish(self, events: Sequence[EmotionEvent]) -> None:
        """Hand `events` to the subscribers; never waits for one.

        Raises:
            BusError: the bus is closed.
        """
        with self._lock:
            self._check_open()
            self._events.extend(events)
            for subscription in self._subscriptions:
                for event in events:
                    subscription.put(event)

    def resume(self, last: EmotionEvent) -> None:
        """Whoever subscribed to an earlier process is gone with it."""

    def sent(self, run_id: str) -> int:  # noqa: ARG002
        """It keeps no count."""
        return 0

    def heartbeat(self, run_id: str, payload: dict[str, Any], sources: Mapping[str, dict[str, Any]]) -> None:  # noqa: ARG002
        """Nobody outside this process could hear it; raises `BusError` when the bus is closed."""
        with self._lock:
            self._check_open()

    def erase(self, fingerprints: Collection[str]) -> Mapping[str, int]:
        """Forget the events of these tracks; what subscribers have is theirs."""
        with self._lock:
            whose = [fingerprint(event.track_uid or "") for event in self._events]
            kept = [event for event, one in zip(self._events, whose, strict=True) if one not in fingerprints]
            self._events = deque(kept, self._events.maxlen)
        return Counter(one for one in whose if one in fingerprints)

    def forget_older(self, than: datetime) -> None:
        """Forget events published before `than`."""
        with self._lock:
            kept = [one for one in self._events if datetime.fromisoformat(one.document["published_at"]) >= than]
            self._events = deque(kept, self._events.maxlen)

    def _check_open(self) -> None:
        if self._closed:
            raise BusError("bus memory:// is closed", BusCause.CLOSED)

    def recent(self) -> list[EmotionEvent]:
        """The last `maxlen` events, oldest first."""
        with self._lock:
            return list(self._events)

    def subscribe(self) -> Subscription:
        """Iterate it, in a thread of your own; close it when done.

        Raises:
            BusError: the bus is closed.
        """
        with self._lock:
            self._check_open()
            subscription = Subscription(self)
            self._subscriptions.add(subscription)
        return subscription

    def forget(self, subscription: Subscription) -> None:
        """Hand nothing more to `subscription`."""
        with self._lock:
            self._subscriptions.discard(subscription)

    def close(self) -> None:
        """End every subscription. Closing twice does nothing."""
        with self._lock:
            self._closed = True
            subscriptions, self._subscriptions = self._subscriptions, set()
        for subscription in subscriptions:
            subscription.close()
