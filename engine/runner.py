"""The runner: threads around sources and stages, one orderly end, one place that catches everything."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from typing import Any, Protocol

from engine.clock import Clock
from engine.errors import StageFailed, StageStuck
from engine.progress import StuckStage, Watch
from engine.worker import Outlet, Worker

logger = logging.getLogger(__name__)

DRAIN_S = 3.5
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


@dataclass(eq=False)
class _Feed:
    """A source of a runner. The supervisor begins its thread and joins it."""

    name: str
    loop: SourceLoop
    outlet: Outlet[Any]
    when_gone: Callable[[], None]
    thread: Thread | None = None
    finished: bool = False
    waits: bool = False
    """The system had no thread for it so far."""


@dataclass
class Runner:
    """Runs sources and workers until the sources end, `stop` is asked for, or a stage fails.

    `workers` stand in the order in which items pass through them. Sources may be added at any time; `holds` are
    the outlets that stay open meanwhile, also without any source. Nobody removes a source: it ends when its
    loop returns.
    """

    sources: Sequence[tuple[str, SourceLoop, Outlet[Any]]]
    """Those of the beginning, each counted among its outlet's producers already."""
    workers: Sequence[Worker[Any, Any]]
    services: Sequence[tuple[str, Service]]
    clock: Clock
    housekeeping: Callable[[], None] = lambda: None
    """Called about four times a second while the run lasts."""
    holds: Sequence[Outlet[Any]] = ()
    """The runner is one of the producers of each."""
    lasting: bool = False
    """Go on when the last source has ended, until `stop`: others may come."""
    stall_exit_s: float | None = None
    """Give up when a stage's call has not returned for so long; None never does."""
    state: str = field(default="starting", init=False)
    abandoned: tuple[str, ...] = field(default=(), init=False)
    """Threads still blocked in a library at the end; they are daemons and die with the process."""
    _asked: Event = field(default_factory=Event, init=False)
    _news: Event = field(default_factory=Event, init=False)
    """A stop was asked for, a source has ended or one was added: the supervisor looks at once."""
    _feeds: list[_Feed] = field(default_factory=list, init=False)
    _outlets: list[Outlet[Any]] = field(default_factory=list, init=False)
    _changing: int = field(default=0, init=False)
    _failure: StageFailed | None = field(default=None, init=False)
    _lock: Lock = field(default_factory=Lock, init=False)
    _watch: Watch = field(init=False)

    def __post_init__(self) -> None:
        self._watch = Watch(self.clock)
        for worker in self.workers:
            self._watch.add(lambda worker=worker: worker.where, worker.progress)  # type: ignore[misc]
        self._feeds += [_Feed(*source, when_gone=lambda: None) for source in self.sources]
        self._outlets += [*self.holds, *(outlet for _, _, outlet in self.sources)]

    def add(
        self, name: str, loop: SourceLoop, outlet: Outlet[Any], when_gone: Callable[[], None] = lambda: None
    ) -> None:
        """Begin to run `loop` on a thread of its own, as one more producer of `outlet`; any thread, returns at once.

        `when_gone` is called by the supervisor once that thread has ended; it may add another source. At the end
        of the run nothing is added any more.
        """
        with self._lock:
            if self.state in ("starting", "running"):
                outlet.open()
                self._feeds.append(_Feed(name, loop, outlet, when_gone))
                if outlet not in self._outlets:
                    self._outlets.append(outlet)
        self._news.set()

    @property
    def stuck(self) -> tuple[StuckStage, ...]:
        """Stages whose call does not return; any thread."""
        return self._watch.stuck

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Meanwhile the run does not end because no source is left: others are about to be added."""
        with self._lock:
            self._changing += 1
        try:
            yield
        finally:
            with self._lock:
                self._changing -= 1
            self._news.set()

    def run(self, for_s: float | None = None) -> None:
        """Block until the end; with `for_s`, stop after that many seconds.

        Raises:
            StageFailed: a stage, source loop or service raised; everything has been stopped.
            StageStuck: a stage did not return for `stall_exit_s`; its thread is left behind.
        """
        services = [self._thread(name, service.run) for name, service in self.services]
        workers = [self._thread(worker.name, worker.run) for worker in self.workers]
        self._begin_new()
        self.state = "running"
        self._supervise(for_s)
        self._end(workers, services)
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

    def _body(self, feed: _Feed) -> Callable[[], None]:
        def body() -> None:
            feed.loop.run()
            feed.outlet.close()
            feed.finished = True
            self._news.set()

        return body

    def _fail(self, name: str, error: Exception) -> None:
        if self.state in ("failed", "stopped"):
            # A thread that was left behind came back, and finds that everything has been put away.
            logger.debug("%s failed after the end: %s: %s", name, type(error).__name__, error)
            return
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

    def _current(self) -> list[_Feed]:
        with self._lock:
            return list(self._feeds)

    def _begin_new(self) -> None:
        for feed in self._current():
            if feed.thread is None:
                try:
                    feed.thread = self._thread(f"capture {feed.name}", self._body(feed))
                except RuntimeError as error:
                    if not feed.waits:
                        logger.error("source %s waits: %s", feed.name, error)
                    feed.waits = True

    def _reap(self) -> None:
        """Join the threads of sources that have ended."""
        for feed in self._current():
            if feed.finished and feed.thread:
                feed.thread.join()
                with self._lock:
                    self._feeds.remove(feed)
                feed.when_gone()

    def _goes_on(self) -> bool:
        with self._lock:
            return self.lasting or bool(self._feeds) or self._changing > 0

    def _supervise(self, for_s: float | None) -> None:
        until_s = None if for_s is None else self.clock.monotonic() + for_s
        while self._goes_on():
            if self.clock.wait(self._news, _LOOK_S):
                self._news.clear()
            if self._asked.is_set() or (until_s is not None and self.clock.monotonic() >= until_s):
                return
            if self._is_given_up():
                return
            self._reap()
            self._begin_new()
            for feed in self._current():
                feed.loop.check()
            self.housekeeping()

    def _end(self, workers: Sequence[Thread], services: Sequence[Thread]) -> None:
        with self._lock:
            self.state = "draining"
            feeds = list(self._feeds)
        for feed in feeds:
            feed.loop.stop()
        for outlet in self.holds:
            outlet.close()
        if all(feed.finished for feed in feeds):
            self._wait_for_last_items(workers)
        deadline_s = self.clock.monotonic() + DRAIN_S
        sources = [feed.thread for feed in feeds if feed.thread]
        self._join(sources, self.clock.monotonic() + _SOURCE_GRACE_S)
        for outlet in self._outlets:
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
            while thread.is_alive() and not self._asked.is_set() and not self._is_given_up():
                thread.join(0.05)
                self.housekeeping()

    def _is_given_up(self) -> bool:
        """Look after the workers; whether the run ends since one of them does not come back."""
        for stuck in self._watch.look():
            if self.stall_exit_s is not None and stuck.for_s >= self.stall_exit_s:
                with self._lock:
                    self._failure = self._failure or StageStuck(stuck.stage, stuck.for_s)
                logger.error("%s", self._failure)
                return True
        return False

    def _join(self, threads: Sequence[Thread], deadline_s: float) -> None:
        for thread in threads:
            thread.join(max(0.0, deadline_s - self.clock.monotonic()))
