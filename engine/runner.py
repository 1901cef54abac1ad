"""The runner: threads around sources and stages, one orderly end, one place that catches everything."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from typing import Any, Generic, Protocol, TypeVar

from engine.channel import Channel
from engine.clock import Clock
from engine.errors import ChannelClosed, StageFailed
from engine.stage import Stage

logger = logging.getLogger(__name__)

A = TypeVar("A")
B = TypeVar("B")

DRAIN_S = 4.0
"""All of the end, from the request to the last thread; the process, with its API, must be gone after five."""
_SOURCE_GRACE_S = 1.0
_LOOK_S = 0.25


class SourceLoop(Protocol):
    """A source: `run` is the body of its thread; the other methods may be called from any thread."""

    def run(self) -> None: ...

    def stop(self) -> None: ...

    def check(self) -> None: ...


class Service(Protocol):
    """Something that runs beside the stages, such as the relay; ends after them."""

    def run(self) -> None: ...

    def stop(self, drain_s: float) -> None:
        """Let `run` return, within about `drain_s`."""


class Outlet(Generic[B]):
    """The end of a channel that producers share: closed when the last of them has closed it."""

    def __init__(self, channel: Channel[B], producers: int, put: Callable[[B], None]) -> None:
        self.channel = channel
        self.put = put
        self._open = producers
        self._lock = Lock()

    def close(self) -> None:
        with self._lock:
            self._open -= 1
            last = self._open <= 0
        if last:
            self.channel.close()


@dataclass(frozen=True)
class Worker(Generic[A, B]):
    """One thread: batches from `inbox` go through `stage`, and what comes out goes into `outlet`."""

    name: str
    inbox: Channel[A]
    stage: Stage[A, B]
    outlet: Outlet[B] | None = None
    max_items: int = 1
    max_wait_s: float = 0.0
    per_lane: int | None = None

    def run(self) -> None:
        """Until the inbox is closed and empty; then flushes the stage and closes both."""
        try:
            while True:
                self._emit(self.stage.process(self.inbox.get_batch(self.max_items, self.max_wait_s, self.per_lane)))
        except ChannelClosed:
            pass
        try:
            self._emit(self.stage.flush())
        except ChannelClosed:
            logger.debug("worker %s: the next channel is closed already", self.name)
        self.stage.close()
        if self.outlet:
            self.outlet.close()

    def _emit(self, items: Sequence[B]) -> None:
        if self.outlet:
            for item in items:
                self.outlet.put(item)


@dataclass
class Runner:
    """Runs sources and workers until the sources end, `stop` is asked for, or a stage fails.

    `workers` stand in the order in which items pass through them.
    """

    sources: Sequence[tuple[str, SourceLoop, Outlet[Any]]]
    workers: Sequence[Worker[Any, Any]]
    services: Sequence[tuple[str, Service]]
    clock: Clock
    housekeeping: Callable[[], None] = lambda: None
    """Called about four times a second while the run lasts."""
    state: str = field(default="starting", init=False)
    abandoned: tuple[str, ...] = field(default=(), init=False)
    """Threads still blocked in a library at the end; they are daemons and die with the process."""
    _asked: Event = field(default_factory=Event, init=False)
    _news: Event = field(default_factory=Event, init=False)
    """A stop was asked for or a source has ended: the supervisor looks at once."""
    _reading: int = field(default=0, init=False)
    _failure: StageFailed | None = field(default=None, init=False)
    _lock: Lock = field(default_factory=Lock, init=False)

    def run(self, for_s: float | None = None) -> None:
        """Block until the end; with `for_s`, stop after that many seconds.

        Raises:
            StageFailed: a stage, source loop or service raised; everything has been stopped.
        """
        services = [self._thread(name, service.run) for name, service in self.services]
        workers = [self._thread(worker.name, worker.run) for worker in self.workers]
        self._reading = len(self.sources)
        sources = [
            self._thread(f"capture {name}", self._source_body(loop, outlet)) for name, loop, outlet in self.sources
        ]
        self.state = "running"
        self._supervise(for_s)
        self._end(sources, workers, services)
        if self._failure:
            self.state = "failed"
            raise self._failure
        self.state = "stopped"

    def stop(self) -> None:
        """Ask for an orderly end; any thread."""
        self._asked.set()
        self._news.set()

    def _thread(self, name: str, body: Callable[[], None]) -> Thread:
        thread = Thread(target=self._guarded, args=(name, body), name=name, daemon=True)
        thread.start()
        return thread

    def _guarded(self, name: str, body: Callable[[], None]) -> None:
        try:
            body()
        except Exception as error:  # noqa: BLE001 - the one place: what a stage raises ends the run
            self._fail(name, error)

    def _source_body(self, loop: SourceLoop, outlet: Outlet[Any]) -> Callable[[], None]:
        def body() -> None:
            loop.run()
            outlet.close()
            with self._lock:
                self._reading -= 1
            self._news.set()

        return body

    def _fail(self, name: str, error: Exception) -> None:
        with self._lock:
            first = self._failure is None
            if first:
                self._failure = StageFailed(name, error)
                self._failure.__cause__ = error
        logger.error("%s failed: %s: %s", name, type(error).__name__, error, exc_info=not first)
        self._close_all()
        self.stop()

    def _close_all(self) -> None:
        for worker in self.workers:
            worker.inbox.close()

    def _supervise(self, for_s: float | None) -> None:
        until_s = None if for_s is None else self.clock.monotonic() + for_s
        while self._reading:
            if self.clock.wait(self._news, _LOOK_S):
                self._news.clear()
            if self._asked.is_set() or (until_s is not None and self.clock.monotonic() >= until_s):
                return
            for _, loop, _ in self.sources:
                loop.check()
            self.housekeeping()

    def _end(self, sources: Sequence[Thread], workers: Sequence[Thread], services: Sequence[Thread]) -> None:
        self.state = "draining"
        for _, loop, _ in self.sources:
            loop.stop()
        if not self._reading:
            self._wait_for_last_items(workers)
        deadline_s = self.clock.monotonic() + DRAIN_S
        self._join(sources, self.clock.monotonic() + _SOURCE_GRACE_S)
        for _, _, outlet in self.sources:
            outlet.channel.close()
        self._join(workers, deadline_s - 1.5)
        self._close_all()
        for _, service in self.services:
            service.stop(max(0.2, deadline_s - 0.5 - self.clock.monotonic()))
        self._join(services, deadline_s)
        threads = (*sources, *workers, *services)
        self.abandoned = tuple(thread.name for thread in threads if thread.is_alive())
        if self.abandoned:
            logger.warning("still blocked at the end: %s", ", ".join(self.abandoned))

    def _wait_for_last_items(self, workers: Sequence[Thread]) -> None:
        """What was read from files to their end is worked off, however long that takes."""
        for thread in workers:
            while thread.is_alive() and not self._asked.is_set():
                thread.join(0.05)
                self.housekeeping()

    def _join(self, threads: Sequence[Thread], deadline_s: float) -> None:
        for thread in threads:
            thread.join(max(0.0, deadline_s - self.clock.monotonic()))
