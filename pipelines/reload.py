"""The configuration read again while it runs: on SIGHUP, and when its file changes."""

import hashlib
import logging
import stat
from dataclasses import replace
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Protocol

from engine.clock import Clock, SystemClock
from engine.errors import ConfigError
from pipelines.changes import changed_keys, source_changes
from pipelines.checking import load_checked
from pipelines.config import PipelineConfig
from pipelines.knobs import turned

logger = logging.getLogger(__name__)

LOOK_S = 0.5
SETTLED_S = 1.0
"""A file must have stayed the same for so long: who writes it may not have finished."""
_MAX_BYTES = 1_000_000


class Reloadable(Protocol):
    """A run that takes over what can be taken over."""

    @property
    def config(self) -> PipelineConfig:
        """As it runs now."""

    def take_over(self, config: PipelineConfig) -> None:
        """Run like this from now on; it differs in sources and in settings of `pipelines.knobs` only."""


class FileWatch:
    """Tells new content of a file. Whether it is written in place, replaced or a link that is changed is the same.

    Its beginning is what the file held when this object was made. One thread.
    """

    def __init__(self, path: Path, clock: Clock, settled_s: float = SETTLED_S) -> None:
        self._path = path
        self._clock = clock
        self._settled_s = settled_s
        self._known = self._seen = fingerprint(path)
        self._since_s = clock.monotonic()

    def has_news(self) -> bool:
        """Whether the content is not the one known, and has been like this for a moment. It is known then."""
        now_s, seen = self._clock.monotonic(), fingerprint(self._path)
        if seen != self._seen:
            self._seen, self._since_s = seen, now_s
        if seen == self._known or now_s - self._since_s < self._settled_s:
            return False
        self._known = seen
        return True

    def know(self) -> None:
        """The content of this moment is no news."""
        self._known = self._seen = fingerprint(self._path)


def fingerprint(path: Path) -> str:
    """Tells contents apart; also a file that cannot be read has one. What is no regular file never changes."""
    try:
        info = path.stat()
        if not stat.S_ISREG(info.st_mode):
            return "no file"
        if info.st_size > _MAX_BYTES:
            return f"{info.st_size} bytes of {info.st_mtime_ns}"
        return hashlib.blake2b(path.read_bytes()).hexdigest()
    except OSError as error:
        return f"error {error.errno}"


class Reload:
    """A service: takes over what of a changed configuration can be, and says what has to wait for the next start.

    A configuration with mistakes changes nothing; each is logged as one line. `ask` may be called from a signal
    handler, `run` is the body of one thread.
    """

    def __init__(self, path: Path, clock: Clock | None = None, look_s: float = LOOK_S) -> None:
        """Made before the file is read for the first time, so that no change is missed."""
        self._path = path
        self._watch = FileWatch(path, clock or SystemClock())
        self._look_s = look_s
        self._run: Reloadable | None = None
        self._asked: SimpleQueue[bool] = SimpleQueue()
        """False asks for the end. This queue needs no lock that an interrupted thread might hold."""

    def of(self, running: Reloadable) -> "Reload":
        """The run whose configuration this is."""
        self._run = running
        return self

    def ask(self) -> None:
        """Read the file again, whether it has changed or not; any thread, also a signal handler."""
        self._asked.put(True)

    def stop(self, drain_s: float) -> None:  # noqa: ARG002
        """Let `run` return."""
        self._asked.put(False)

    def run(self) -> None:
        """Until `stop`."""
        while True:
            asked = self._wait()
            if False in asked:
                return
            if asked:
                self._watch.know()
                self.read_again()
            elif self._watch.has_news():
                self.read_again()

    def read_again(self) -> None:
        """Once, now."""
        assert self._run is not None
        running = self._run.config
        if running.mode == "replay":
            logger.warning("%s is not read again: a replay keeps its settings to the end", self._path)
            return
        if fingerprint(self._path) == "no file":
            logger.warning("%s is no regular file; it is not read again", self._path)
            return
        try:
            wanted = load_checked(self._path)
        except ConfigError as error:
            for problem in error.problems:
                logger.error("%s", problem)
            logger.error("%s: the configuration stays as it was", self._path)
            return
        self._apply(self._run, running, wanted)

    def _apply(self, run: Reloadable, running: PipelineConfig, wanted: PipelineConfig) -> None:
        # Without any source a run ends, unless it may be given some.
        sources = wanted.sources if wanted.sources or running.takes_sources else running.sources
        possible = replace(running, sources=sources, stages=turned(running.stages, wanted.stages))
        done = source_changes(running.sources, sources)
        turned_keys = changed_keys(running, possible)
        run.take_over(possible)
        if done:
            logger.info("sources: %s", ", ".join(done))
        for key, (before, now) in turned_keys.items():
            logger.info("%s: %s instead of %s", key, now, before)
        waiting = [*changed_keys(possible, wanted), *(["sources"] if sources != wanted.sources else [])]
        for key in waiting:
            logger.warning("%s: changed; takes effect at the next start", key)
        if not (done or turned_keys or waiting):
            logger.info("%s: read again, nothing has changed", self._path)

    def _wait(self) -> list[bool]:
        """What was asked for within `look_s`, all of it at once."""
        asked: list[bool] = []
        try:
            asked.append(self._asked.get(timeout=self._look_s))
            while True:
                asked.append(self._asked.get_nowait())
        except Empty:
            return asked
