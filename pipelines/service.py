"""A whole run: history, bus, relay, API and the machine, opened in order and closed in reverse."""

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from threading import Lock

from engine import __version__, ids
from engine.api import ApiServer, Bell, create_app
from engine.api.protocol import CONNECTIONS
from engine.bus import open_bus
from engine.channel import ChannelStats
from engine.clock import Clock, SystemClock
from engine.descriptors import cameras_for, check, connections_for, raise_limit
from engine.errors import ConfigError, HistoryError
from engine.events import Emotion
from engine.history import History, Retention
from engine.items import FaceChip, Unseen
from engine.ledger import NO_FRAMES
from engine.preview import Shots, Thumbnails
from engine.preview.thumbnails import KEPT_S
from engine.relay import Relay
from engine.runner import Service as Beside
from engine.sources.browsers import BrowserCameras
from engine.sources.managed import ManagedSources
from engine.sources.rules import SourceRules
from engine.stages.capture import Capture
from engine.stages.publish import Publish
from engine.status import RunStatus, SinkSnapshot, SourceSnapshot
from pipelines import lanes
from pipelines.build import Builder, Machine, Onlookers
from pipelines.config import PipelineConfig

logger = logging.getLogger(__name__)


class Service:
    """One run of one configuration. Making it opens nothing; `run` does, and blocks."""

    def __init__(self, config: PipelineConfig, run_id: str | None = None, clock: Clock | None = None) -> None:
        self.config = config
        """As it runs now; `take_over` changes it."""
        self.run_id = run_id or ids.new_ulid()
        self.api_url: str | None = None
        self.last: RunStatus | None = None
        """The status at the end of the run; None before."""
        self._clock = clock or SystemClock()
        self._started_at = self._clock.utc()
        self._started_s = self._clock.monotonic()
        self._history = History(config.history.url)
        self._bus = open_bus(config.bus)
        self._relay = Relay(
            self._history, self._bus, self._clock, "bus", self._seen_sources, self._forget_track, _kept(config)
        )
        limit_mb = config.history.retention_mb
        self._retention = Retention(self._history, self._clock, config.retention_days, limit_mb)
        self._bell = Bell()
        self._shots = Shots()
        self._browsers: BrowserCameras | None = None
        self._thumbnails = self._open_thumbnails() if config.privacy.thumbnails else None
        self._publish = Publish(
            self._history, self._has_rows, self._clock, self._may_wait_for_history, self._queued_events
        )
        self._machine: Machine | None = None
        self._managed: ManagedSources | None = None
        self._stopped = False
        self._files = 0
        self._lock = Lock()

    def run(
        self,
        for_s: float | None = None,
        on_open: Callable[[], None] = lambda: None,
        beside: Sequence[tuple[str, Beside]] = (),
    ) -> None:
        """Open everything, run until the sources end, `stop`, or `for_s` seconds.

        `on_open` is called once, when all is open and the first camera is about to be. `beside` are services that
        begin and end with the run.

        Raises:
            ConfigError: the history or the API's port cannot be opened.
            MoodlineError: a model cannot be used, or a stage failed.
        """
        self._files = raise_limit()
        check(self._files, len(self.config.sources))
        with ExitStack() as stack:
            self._open_history(stack)
            stack.callback(self._bus.close)
            tidy = self._thumbnails.tidy if self._thumbnails else lambda: None
            onlookers = Onlookers(self._shots.on_faces, self._judged, tidy)
            builder = Builder(self.config, self.run_id, self._publish, self._clock, onlookers)
            machine = builder.build([("relay", self._relay), ("retention", self._retention), *beside])
            browsers = self._browsers = BrowserCameras(machine.fleet, lambda: self._known(machine))
            self._managed = self._manage(machine, browsers)
            self._open_api(stack, browsers)
            with self._lock:
                self._machine = machine
                if self._stopped:
                    machine.runner.stop()
            on_open()
            try:
                machine.runner.run(for_s)
            finally:
                if machine.runner.state == "failed":
                    machine.ledger.fail_in_flight()
                self.last = self.status()

    def take_over(self, config: PipelineConfig) -> None:
        """Run with the sources of `config` and those settings of its stages that can be taken over; any thread.

        What is the same goes on undisturbed. In a replay, and before the run has begun, nothing happens.
        """
        machine, managed = self._machine, self._managed
        if machine and managed:
            with machine.runner.changing():
                managed.reconfigure(config.sources)
            machine.knobs.turn(config.stages)
            self.config = config

    def stop(self) -> None:
        """Ask for an orderly end; any thread, also a signal handler, at any time."""
        with self._lock:
            self._stopped = True
            machine = self._machine
        if machine:
            machine.runner.stop()

    def abandoned(self) -> tuple[str, ...]:
        """Threads still blocked in a library after the end."""
        return self._machine.runner.abandoned if self._machine else ()

    def failures(self) -> list[str]:
        """One line for each file that could not be read to its end."""
        captures: tuple[Capture, ...] = self._machine.captures if self._machine else ()
        return [
            f"source {capture.snapshot().source_id!r}: {capture.failure}" for capture in captures if capture.failure
        ]

    def status(self) -> RunStatus:
        """One look at everything; any thread."""
        machine = self._machine
        state = machine.runner.state if machine else "starting"
        stuck = machine.runner.stuck if machine else ()
        return RunStatus(
            run_id=self.run_id,
            name=self.config.name,
            version=__version__,
            state=state,
            started_at=self._started_at,
            uptime_s=self._clock.monotonic() - self._started_s,
            ready=state == "running" and not stuck,
            stuck=stuck,
            sources=self._seen_sources(),
            models=machine.models if machine else (),
            channels=_channels(machine) if machine else {},
            events=self._publish.counts(),
            chips=_chips(machine) if machine else {},
            history=self._history_snapshot(),
            bus=self._relay.snapshot(),
            removed=machine.ledger.removed() if machine else NO_FRAMES,
            rejected_tracks=machine.knobs.smooth.rejected if machine else 0,
        )

    def _history_snapshot(self) -> SinkSnapshot:
        snapshot, waiting = self._history.snapshot(), self._publish.waiting
        if waiting is None:
            return snapshot
        return replace(snapshot, detail=f"{waiting}: {snapshot.detail}", pending=waiting.events)

    def _queued_events(self) -> tuple[int, int]:
        machine = self._machine
        depth = sum(channel.stats().depth for channel in machine.channels["events"]) if machine else 0
        return depth, lanes.EVENTS

    def _judged(self, seen: FaceChip | Unseen, emotion: Emotion | None) -> None:
        self._shots.on_emotion(seen, emotion)
        if self._thumbnails and isinstance(seen, FaceChip):
            self._thumbnails.on_emotion(seen, emotion)

    def _forget_track(self, fingerprint: str) -> None:
        if self._thumbnails:
            self._thumbnails.forget(fingerprint)

    def _open_thumbnails(self) -> Thumbnails:
        """Who lends the own camera was told that nothing of the picture is kept."""
        days = self.config.retention_days
        kept_s = KEPT_S if days is None else min(KEPT_S, days * 86_400)
        return Thumbnails(
            self._clock, lambda source: self._browsers is not None and self._browsers.lent(source), kept_s
        )

    def _has_rows(self) -> None:
        self._relay.notify()
        self._bell.ring()

    def _may_wait_for_history(self) -> bool:
        """A live run outlasts a full disk; the end does not wait for it, and neither does a replay."""
        machine = self._machine
        return self.config.mode == "live" and machine is not None and machine.runner.state in ("starting", "running")

    def _manage(self, machine: Machine, browsers: BrowserCameras) -> ManagedSources | None:
        if self.config.mode == "replay":
            return None
        store = self._history.source_store(self.config.name)
        allowed = self.config.api.sources
        rules = SourceRules(replace(allowed, max=min(allowed.max, cameras_for(self._files))))
        managed = ManagedSources(machine.fleet, store, rules, self.config.sources, browsers)
        managed.begin()
        return managed

    def _open_history(self, stack: ExitStack) -> None:
        try:
            self._history.open()
            stack.callback(self._history.close)
            self._history.begin_run(self.run_id, self.config.name, self._started_at)
            stack.callback(self._end_run)
        except HistoryError as error:
            raise ConfigError(f"history.url: {error}") from error

    def _end_run(self) -> None:
        try:
            self._history.end_run()
        except HistoryError as error:
            logger.warning("the next run will note the end of this one: %s", error)

    def _open_api(self, stack: ExitStack, browsers: BrowserCameras) -> None:
        if not self.config.api.enabled:
            return
        app = create_app(
            self,
            self._history,
            self.config.api,
            __version__,
            self._clock,
            self._bell,
            self.config.privacy,
            self._shots,
            self._managed,
            browsers if self._takes_browsers() else None,
            self._thumbnails,
            self._relay.erasing,
        )
        server = ApiServer(app, self.config.api, connections=connections_for(self._files, CONNECTIONS))
        server.start()
        stack.callback(server.stop)
        stack.callback(self._bell.close)
        if self._managed:
            stack.callback(self._managed.trials.close)
        stack.callback(self._shots.close)
        self.api_url = server.url
        logger.info("API at %s", server.url)

    def _takes_browsers(self) -> bool:
        """Not where they may not be sent, nor in a replay, which has its footage."""
        return self._managed is not None and self.config.api.takes_browser_cameras

    def _known(self, machine: Machine) -> dict[str, str]:
        """What is shown as the address of each source that is there, however it came."""
        wanted = {one.config.id: one.config.shown for one in self._managed.all()} if self._managed else {}
        return wanted | {one.source_id: one.uri for one in machine.fleet.snapshots()}

    def _seen_sources(self) -> tuple[SourceSnapshot, ...]:
        machine = self._machine
        return self._sources(machine) if machine else ()

    def _sources(self, machine: Machine) -> tuple[SourceSnapshot, ...]:
        return tuple(
            replace(snapshot, tracks=sum(track.active(snapshot.source_id) for track in machine.tracks))
            for snapshot in machine.fleet.snapshots()
        )


def _kept(config: PipelineConfig) -> timedelta | None:
    """How long the bus may keep events; a rule about privacy holds there, too."""
    days = config.privacy.retention_days
    return None if days is None else timedelta(days=days)


def _channels(machine: Machine) -> dict[str, ChannelStats]:
    return {
        f"{name}-{number}" if len(channels) > 1 else name: channel.stats()
        for name, channels in machine.channels.items()
        for number, channel in enumerate(channels)
    }


def _chips(machine: Machine) -> dict[str, int]:
    dropped = sum(channel.stats().dropped for channel in machine.channels["chips"])
    return {**machine.classify.counts(), "dropped_queue": dropped}
