"""The sources of one run: begun, ended and exchanged while it lasts."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from threading import Lock
from typing import Any

from engine.ledger import Ledger
from engine.runner import Runner
from engine.sources import reader
from engine.sources.config import SourceConfig
from engine.stages.capture import Capture
from engine.status import SourceSnapshot
from engine.worker import Outlet

OpenReader = Callable[[SourceConfig], reader.Reader]
NewCapture = Callable[[SourceConfig, Outlet[Any], OpenReader], Capture]
"""From a source, where its items go, and how it is opened."""

_PLACES_KEPT = 256


@dataclass(slots=True)
class _Listed:
    capture: Capture
    paused: bool = False


class RunningFleet:
    """A `Fleet` on a runner. Any thread may call any method; none waits for a camera.

    A source id has one thread at most: what is to begin under an id waits until the former capture has returned,
    which in a frozen camera takes its read timeout. An id that comes back soon goes to the outlet it had, where
    its last items may still wait, so that its items stay in order; a new one goes where the fewest are.
    """

    def __init__(self, runner: Runner, outlets: Sequence[Outlet[Any]], new_capture: NewCapture, ledger: Ledger) -> None:
        self._runner = runner
        self._outlets = outlets
        self._new_capture = new_capture
        self._ledger = ledger
        self._lock = Lock()
        self._listed: dict[str, _Listed] = {}
        self._busy: dict[str, Capture] = {}
        """Given to the runner and not back yet."""
        self._next: dict[str, Capture] = {}
        """Begins when the busy one of its id is gone."""
        self._places: OrderedDict[str, int] = OrderedDict()

    def start(self, config: SourceConfig, open_reader: OpenReader | None = None) -> None:
        """See `Fleet.start`."""
        with self._lock:
            capture = self._new_capture(config, self._outlet(config.id), open_reader or reader.open_reader)
            self._listed[config.id] = _Listed(capture)
            if former := self._busy.get(config.id):
                former.leave("changed")
                self._next[config.id] = capture
            else:
                self._begin(config.id, capture)

    def stop(self, source_id: str, paused: bool = False) -> None:
        """See `Fleet.stop`."""
        with self._lock:
            listed = self._listed.get(source_id)
            if listed is None:
                return
            self._next.pop(source_id, None)
            busy = self._busy.get(source_id)
            if busy:
                busy.leave("paused" if paused else "removed")
            listed.paused = paused
            if not paused:
                del self._listed[source_id]
                self._forget(source_id)

    def captures(self) -> tuple[Capture, ...]:
        """Of all listed sources, in the order in which they were added."""
        with self._lock:
            return tuple(listed.capture for listed in self._listed.values())

    def snapshots(self) -> tuple[SourceSnapshot, ...]:
        """How all listed sources are now; their `tracks` are left at 0."""
        with self._lock:
            listed = [(each.capture, each.paused) for each in self._listed.values()]
        return tuple(_paused(capture.snapshot()) if paused else capture.snapshot() for capture, paused in listed)

    def _begin(self, source_id: str, capture: Capture) -> None:
        self._busy[source_id] = capture
        outlet = self._outlets[self._places[source_id]]
        self._runner.add(source_id, capture, outlet, partial(self._gone, source_id))

    def _gone(self, source_id: str) -> None:
        """The capture of this id has returned. The supervisor calls it."""
        with self._lock:
            del self._busy[source_id]
            follower = self._next.pop(source_id, None)
            if follower:
                self._begin(source_id, follower)
            elif source_id not in self._listed:
                self._forget(source_id)

    def _forget(self, source_id: str) -> None:
        if source_id not in self._busy:
            self._ledger.remove(source_id)

    def _outlet(self, source_id: str) -> Outlet[Any]:
        place = self._places.pop(source_id, None)
        if place is None:
            taken = [self._places[other] for other in {*self._listed, *self._busy}]
            place = min(range(len(self._outlets)), key=taken.count)
        self._places[source_id] = place
        self._forget_places()
        return self._outlets[place]

    def _forget_places(self) -> None:
        """Of the sources that are gone the places of the last few are kept."""
        gone = [other for other in self._places if other not in self._listed and other not in self._busy]
        for other in gone[: -_PLACES_KEPT - 1]:
            del self._places[other]


def _paused(snapshot: SourceSnapshot) -> SourceSnapshot:
    return replace(snapshot, state="paused", cause=None, detail="", fps=0.0)
