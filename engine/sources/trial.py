"""Trying a source that nobody reads yet: opened, looked at once and closed again, within a bounded time."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import BoundedSemaphore, Event, Thread

from engine.errors import Cause, SourceError
from engine.items import Image
from engine.sources.config import SourceConfig
from engine.sources.picture import Declared, Reader
from engine.sources.rules import NO_ANSWER

logger = logging.getLogger(__name__)

MAX_TRIALS = 2
WITHIN_S = 8.0


class TooManyTrials(Exception):
    """As many as may run at a time are running."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """The first picture of a source, uint8 `(H, W, 3)` BGR, and what the source says of itself."""

    image: Image
    declared: Declared


class Trial:
    """One source, tried on a thread of its own, which ends by itself: nothing can interrupt a decoder.

    `outcome` is there when `on_done` has been called, on that thread; it stays None after a mistake of ours.
    """

    def __init__(
        self,
        config: SourceConfig,
        open_reader: Callable[[SourceConfig], Reader],
        within_s: float,
        on_done: Callable[[], None],
    ) -> None:
        self.outcome: Seen | SourceError | None = None
        self._config = replace(
            config,
            open_timeout_s=min(config.open_timeout_s, within_s / 2),
            read_timeout_s=min(config.read_timeout_s, within_s / 2),
        )
        self._open_reader = open_reader
        self._within_s = within_s
        self._on_done = on_done
        self._opened = False
        self._over = Event()

    def run(self) -> None:
        """The body of the thread."""
        try:
            self.outcome = self._look()
            logger.info("tested %s: %dx%d", self._config.shown, *self.outcome.image.shape[1::-1])
        except SourceError as error:
            self.outcome = error
            logger.info("tested, %s: %s", error.cause, error)
        finally:
            self._on_done()

    def give_up(self) -> None:
        """Nobody waits any more: the thread ends at the next opportunity. Any thread; doing it twice does nothing."""
        self._over.set()

    def late(self) -> SourceError:
        """What to say when time is over and there is no outcome."""
        if not self._opened and self._config.kind in ("rtsp", "http"):
            # The words for a host that is closed or forbidden, so that a silent one does not sound different.
            return SourceError(Cause.REFUSED, f"{self._config.shown}: {NO_ANSWER}")
        return SourceError(Cause.TIMEOUT, f"{self._config.shown}: no picture within {self._within_s:g} s")

    def _look(self) -> Seen:
        until_s = time.monotonic() + self._within_s
        reader = self._open_reader(self._config)
        self._opened = True
        try:
            while time.monotonic() < until_s and not self._over.is_set():
                if picture := reader.read():
                    return Seen(picture.image, reader.declared)
        finally:
            reader.close()
        raise self.late()


class Trials:
    """At most `limit` at a time, each of `within_s` seconds. Any thread.

    A thread that outlasts its time, in a resolver or a driver, keeps its place until it is back.
    """

    def __init__(self, limit: int = MAX_TRIALS, within_s: float = WITHIN_S) -> None:
        self.limit = limit
        self.within_s = within_s
        self._free = BoundedSemaphore(limit)

    def begin(
        self, config: SourceConfig, open_reader: Callable[[SourceConfig], Reader], on_done: Callable[[], None]
    ) -> Trial:
        """Raises `TooManyTrials`."""
        if not self._free.acquire(blocking=False):
            raise TooManyTrials

        def done() -> None:
            self._free.release()
            on_done()

        trial = Trial(config, open_reader, self.within_s, done)
        try:
            Thread(target=trial.run, name="source test", daemon=True).start()
        except RuntimeError as error:  # the system has no thread for it
            self._free.release()
            raise TooManyTrials from error
        return trial
