"""The one queue: bounded, laned, and counted."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from threading import Condition
from typing import Generic, TypeVar

from engine.errors import ChannelClosed

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ChannelStats:
    """`put == taken + dropped + depth` in every snapshot."""

    put: int
    taken: int
    dropped: int
    depth: int
    lanes: int


def _one_lane(_item: object) -> Hashable:
    return None


def _never(_item: object) -> bool:
    return False


class Channel(Generic[T]):
    """A queue with a lane per camera or track, each lane bounded by `capacity`, a number or one per lane.

    When a lane is full, `put` evicts that lane's oldest droppable item; if it holds none, `put` waits
    for room. So live video forgets the oldest, files forget nothing, and a marker such as the end of a
    track is never lost, all in one channel. Lanes are served in turn: a busy one cannot starve another,
    and within a lane order is kept. An empty lane costs nothing. Any thread may call any method.

    >>> channel = Channel(capacity=8)
    >>> for number in range(4):
    ...     _ = channel.put(number)
    >>> channel.get_batch(max_items=3, max_wait_s=60)
    [0, 1, 2]
    """

    def __init__(
        self,
        capacity: int | Callable[[Hashable], int],
        lane_of: Callable[[T], Hashable] = _one_lane,
        droppable: Callable[[T], bool] = _never,
    ) -> None:
        if isinstance(capacity, int) and capacity < 1:
            raise ValueError(f"capacity must be at least 1, got {capacity}")
        self._capacity_of = capacity if callable(capacity) else lambda _lane: capacity
        self._lane_of = lane_of
        self._droppable = droppable
        self._lanes: OrderedDict[Hashable, deque[T]] = OrderedDict()
        self._changed = Condition()
        self._closed = False
        self._depth = self._put = self._taken = self._dropped = 0

    def put(self, item: T) -> T | None:
        """Append `item` to its lane and return the item evicted to make room, if any.

        Raises:
            ChannelClosed: the channel is closed, or was closed while waiting for room.
        """
        lane_id = self._lane_of(item)
        with self._changed:
            evicted = self._make_room(lane_id)
            self._lanes.setdefault(lane_id, deque()).append(item)
            self._put += 1
            self._depth += 1
            self._changed.notify_all()
        return evicted

    def _make_room(self, lane_id: Hashable) -> T | None:
        while not self._closed:
            lane = self._lanes.get(lane_id)
            if lane is None or len(lane) < self._capacity_of(lane_id):
                return None
            for position, item in enumerate(lane):
                if self._droppable(item):
                    del lane[position]
                    self._dropped += 1
                    self._depth -= 1
                    return item
            self._changed.wait()
        raise ChannelClosed

    def get_batch(self, max_items: int, max_wait_s: float = 0.0, per_lane: int | None = None) -> list[T]:
        """Wait for a first item, then up to `max_wait_s` longer for `max_items`; at least one item.

        `per_lane` bounds how many may come from one lane.

        Raises:
            ChannelClosed: the channel is closed and empty.
        """
        with self._changed:
            while not self._depth:
                if self._closed:
                    raise ChannelClosed
                self._changed.wait()
            deadline = time.monotonic() + max_wait_s
            while not self._closed and self._available(per_lane) < max_items:
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    break
                self._changed.wait(remaining)
            batch = self._take(max_items, per_lane)
            self._changed.notify_all()
        return batch

    def _available(self, per_lane: int | None) -> int:
        if per_lane is None:
            return self._depth
        return sum(min(len(lane), per_lane) for lane in self._lanes.values())

    def _take(self, max_items: int, per_lane: int | None) -> list[T]:
        """One item per lane in turn; a served lane goes to the back of the row."""
        batch: list[T] = []
        served: dict[Hashable, int] = {}
        while len(batch) < max_items:
            lane_id = next((key for key in self._lanes if served.get(key, 0) != per_lane), _NO_LANE)
            if lane_id is _NO_LANE:
                break
            lane = self._lanes[lane_id]
            batch.append(lane.popleft())
            served[lane_id] = served.get(lane_id, 0) + 1
            if lane:
                self._lanes.move_to_end(lane_id)
            else:
                del self._lanes[lane_id]
        self._taken += len(batch)
        self._depth -= len(batch)
        return batch

    def close(self) -> None:
        """Take nothing more; what is inside can still be taken. Closing twice does nothing."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def stats(self) -> ChannelStats:
        """One consistent snapshot of the counters."""
        with self._changed:
            return ChannelStats(self._put, self._taken, self._dropped, self._depth, len(self._lanes))


_NO_LANE = object()
