"""One thread of work: batches from a channel go through a stage, and what comes out goes into the next channel."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Generic, TypeVar

from engine.channel import Channel
from engine.errors import ChannelClosed
from engine.progress import Progress
from engine.stage import Chain, Stage

logger = logging.getLogger(__name__)

A = TypeVar("A")
B = TypeVar("B")


class Outlet(Generic[B]):
    """The end of a channel that producers share: closed when the last of them has closed it, and then for good."""

    def __init__(self, channel: Channel[B], producers: int, put: Callable[[B], None]) -> None:
        self.channel = channel
        self.put = put
        self._open = producers
        self._lock = Lock()

    def open(self) -> None:
        """There is one producer more, who will close it as well."""
        with self._lock:
            self._open += 1

    def close(self) -> None:
        with self._lock:
            self._open -= 1
            last = self._open <= 0
        if last:
            self.channel.close()


@dataclass(eq=False)
class Worker(Generic[A, B]):
    """One thread: batches from `inbox` go through `stage`, and what comes out goes into `outlet`.

    `max_wait_s` may be set while it runs; any thread.
    """

    name: str
    inbox: Channel[A]
    stage: Stage[A, B]
    outlet: Outlet[B] | None = None
    max_items: int = 1
    max_wait_s: float = 0.0
    per_lane: int | None = None
    progress: Progress = field(default_factory=Progress, init=False)

    @property
    def where(self) -> str:
        """The name of the stage it is in; any thread."""
        return self.stage.current if isinstance(self.stage, Chain) else self.name

    def run(self) -> None:
        """Until the inbox is closed and empty; then flushes the stage and closes both."""
        try:
            while True:
                items = self.inbox.get_batch(self.max_items, self.max_wait_s, self.per_lane)
                self.progress.begin()
                out = self.stage.process(items)
                self.progress.end()
                self._emit(out)
        except ChannelClosed:
            pass
        try:
            self.progress.begin()
            out = self.stage.flush()
            self.progress.end()
            self._emit(out)
        except ChannelClosed:
            logger.debug("worker %s: the next channel is closed already", self.name)
        self.stage.close()
        if self.outlet:
            self.outlet.close()

    def _emit(self, items: Sequence[B]) -> None:
        if self.outlet:
            for item in items:
                self.outlet.put(item)
