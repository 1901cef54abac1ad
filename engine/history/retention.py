"""Retention: removes what is older or more than allowed, while the engine runs."""

import logging
from datetime import timedelta
from threading import Event

from engine.clock import Clock
from engine.errors import HistoryError
from engine.history.store import History

logger = logging.getLogger(__name__)

EVERY_S = 60.0


class Retention:
    """A service: removes at the start and once a minute, oldest first. `run` is the body of one thread."""

    def __init__(self, history: History, clock: Clock, days: float | None, megabytes: float | None = None) -> None:
        """With `days` and `megabytes` (of a million bytes) None nothing is ever removed."""
        self._history = history
        self._clock = clock
        self._days = days
        self._megabytes = megabytes
        self._stop = Event()

    def run(self) -> None:
        while not (self._days is None and self._megabytes is None) and not self._stop.is_set():
            try:
                self._remove()
            except HistoryError as error:
                logger.warning("old events could not be removed: %s", error)
            self._clock.wait(self._stop, EVERY_S)

    def stop(self, drain_s: float) -> None:  # noqa: ARG002
        """Let `run` return; what is being removed is finished first."""
        self._stop.set()

    def _remove(self) -> None:
        unsent = self._history.dropped_unsent
        if self._days is not None:
            removed = self._history.prune(self._clock.utc() - timedelta(days=self._days))
            self._tell(removed, f"older than {self._days:g} days", unsent)
        unsent = self._history.dropped_unsent
        if self._megabytes is not None:
            removed = self._history.prune_to(int(self._megabytes * 1e6))
            self._tell(removed, f"to stay below {self._megabytes:g} MB", unsent)
        self._history.shrink()

    def _tell(self, removed: int, why: str, unsent_before: int) -> None:
        if removed:
            logger.info("removed %d events %s", removed, why)
        if unsent := self._history.dropped_unsent - unsent_before:
            logger.warning("%d of the removed events had not been broadcast yet", unsent)
