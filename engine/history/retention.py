"""Retention: removes what is older than allowed, while the engine runs."""

import logging
from datetime import timedelta
from threading import Event

from engine.clock import Clock
from engine.errors import HistoryError
from engine.history.store import History

logger = logging.getLogger(__name__)

EVERY_S = 3600.0


class Retention:
    """A service: prunes at the start and once an hour. `run` is the body of one thread."""

    def __init__(self, history: History, clock: Clock, days: float | None) -> None:
        """With `days` None nothing is ever removed."""
        self._history = history
        self._clock = clock
        self._days = days
        self._stop = Event()

    def run(self) -> None:
        while self._days is not None and not self._stop.is_set():
            self._prune(self._days)
            self._clock.wait(self._stop, EVERY_S)

    def stop(self, drain_s: float) -> None:  # noqa: ARG002
        """Let `run` return; what is being removed is finished first."""
        self._stop.set()

    def _prune(self, days: float) -> None:
        try:
            removed = self._history.prune(self._clock.utc() - timedelta(days=days))
        except HistoryError as error:
            logger.warning("old events could not be removed: %s", error)
            return
        if removed:
            logger.info("removed %d events older than %g days", removed, days)
