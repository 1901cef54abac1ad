"""Trying a source that nobody reads yet: opened, looked at once and closed again, within a bounded time."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Event, Lock, Thread

from engine.errors import Cause, SourceError
from engine.items import Image
from engine.sources.config import SourceConfig
from engine.sources.picture import Declared, Reader
from engine.sources.rules import NO_ANSWER

logger = logging.getLogger(__name__)

MAX_TRIALS = 2
WITHIN_S = 8.0


class TooManyTrials(Exception):
    """As many as may run at a time are running, or the engine ends."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """The first picture of a source, uint8 `(H, W, 3)` BGR, and what the source says of itself."""

    image: Image
    declared: Declared


class Trial:
    """One source, tried on a thread of its own, which ends by itself: nothing can interrupt a decoder.

    `outcome` is there when `on_done` has been called, on any thread; None where the engine ends, or by our mistake.
    """

    def __init__(
        self,
        config: SourceConfig,
        open_reader: Callable[[SourceConfig], Reader],
        within_s: float,
        on_done: Callable[[], None],
        tells_all: bool = False,
    ) -> None:
        """`tells_all`: whether a host that stays silent may sound different from one that is closed or forbidden."""
        self.outcome: Seen | SourceError | None = None
        self._config = replace(
            config,
            open_timeout_s=min(config.open_timeout_s, within_s / 2),
            read_timeout_s=min(config.read_timeout_s, within_s / 2),
        )
        self._open_reader = open_reader
        self._within_s = within_s
        self.on_done = on_done
        self._tells_all = tells_all
        self._opened = False
        self._over = Event()

    def run(self) -> None:
        """The body of the thread; never raises `SourceError`."""
        try:
            self.outcome = self._look()
        except SourceError as error:
            self.outcome = error
            logger.info("tested, %s: %s", error.cause, error)
        else:
            logger.info("tested %s: %dx%d", self._config.shown, *self.outcome.image.shape[1::-1])

    def give_up(self) -> None:
        """Nobody waits any more: the thread ends at the next opportunity. Any thread; doing it twice does nothing."""
        self._over.set()

    def late(self) -> SourceError:
        """What to say when time is over and there is no outcome."""
        if not (self._opened or self._tells_all) and self._config.kind in ("rtsp", "http"):
            # The words for a host that is closed or forbidden, so that a silent one does not sound different.
            return SourceError(Cause.REFUSED, f"{self._config.shown}: {NO_ANSWER}")
        what = "picture" if self._opened else "answer"
        return SourceError(Cause.TIMEOUT, f"{self._config.shown}: no {what} within {self._within_s:g} s")

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
        self.closed = False
        self._running: set[Trial] = set()
        self._lock = Lock()

    def begin(
        self,
        config: SourceConfig,
        open_reader: Callable[[SourceConfig], Reader],
        on_done: Callable[[], None],
        tells_all: bool = False,
    ) -> Trial:
        """Raises `TooManyTrials`."""
        trial = Trial(config, open_reader, self.within_s, on_done, tells_all)
        with self._lock:
            if self.closed or len(self._running) >= self.limit:
                raise TooManyTrials
            self._running.add(trial)
        try:
            Thread(target=self._run, args=(trial,), name="source test", daemon=True).start()
        except RuntimeError as error:  # the system has no thread for it
            self._leave(trial)
            raise TooManyTrials from error
        return trial

    def close(self) -> None:
        """Begin no more, and let nobody wait for those that run; their threads end by themselves."""
        with self._lock:
            self.closed = True
            running = tuple(self._running)
        for trial in running:
            trial.give_up()
            trial.on_done()

    def _run(self, trial: Trial) -> None:
        try:
            trial.run()
        finally:
            self._leave(trial)
            trial.on_done()

    def _leave(self, trial: Trial) -> None:
        with self._lock:
            self._running.discard(trial)
