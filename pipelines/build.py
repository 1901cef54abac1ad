"""From a configuration to a machine: the only place that knows both."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from engine.channel import Channel
from engine.clock import Clock, SystemClock
from engine.detectors.base import TunableDetector
from engine.detectors.build import build_detector
from engine.detectors.parallel import Parallel
from engine.events import EventBuilder
from engine.items import EmotionEvent, Frame, SourceStatus
from engine.ledger import Ledger, Outcome
from engine.modelcard import Model, find_model, report_path
from engine.numbering import Numbering
from engine.runner import Runner, Service
from engine.sessions import open_session
from engine.sources.config import SourceConfig
from engine.sources.reach import answers
from engine.sources.rules import RuledOpener
from engine.stage import Chain, Stage
from engine.stages.capture import Capture
from engine.stages.chip import Chip
from engine.stages.classify import Classify, EmotionClassifier
from engine.stages.detect import Detect
from engine.stages.smooth import Observer, Smooth
from engine.stages.track import Track
from engine.status import ModelSnapshot
from engine.worker import Outlet, Worker
from pipelines import lanes
from pipelines.config import PipelineConfig
from pipelines.fleet import OpenReader, RunningFleet
from pipelines.knobs import Knobs
from pipelines.tap import FaceTap, Tap


@dataclass(frozen=True)
class Machine:
    """The parts of one run, connected but not started."""

    runner: Runner
    fleet: RunningFleet
    knobs: Knobs
    tracks: tuple[Track, ...]
    classify: Classify
    ledger: Ledger
    channels: dict[str, tuple[Channel[Any], ...]]
    models: tuple[ModelSnapshot, ...]

    @property
    def captures(self) -> tuple[Capture, ...]:
        """Of the sources as they are now."""
        return self.fleet.captures()


@dataclass(frozen=True)
class Onlookers:
    """Who watches a run from inside, on its threads: faces of every frame, emotion after every reading."""

    faces: FaceTap | None = None
    emotion: Observer | None = None
    housekeeping: Callable[[], None] = lambda: None


def cores() -> int:
    """CPU cores this process may use."""
    return len(os.sched_getaffinity(0))


class Builder:
    """Builds one machine. Opens the models; no camera is opened before `runner.run()`."""

    def __init__(
        self,
        config: PipelineConfig,
        run_id: str,
        sink: Stage[EmotionEvent, EmotionEvent],
        clock: Clock | None = None,
        onlookers: Onlookers | None = None,
    ) -> None:
        self._config = config
        self._run_id = run_id
        self._sink = sink
        self._clock = clock or SystemClock()
        self._onlookers = onlookers or Onlookers()
        self._ledger = Ledger()
        self._replay = config.mode == "replay"
        self._workers = _worker_count(config)
        # A lone file must not leave cores idle: its worker looks at several frames side by side.
        self._abreast = max(1, cores() // self._workers) if self._replay else 1
        self._frames = [lanes.frame_channel(self._abreast) for _ in range(self._workers)]
        self._chips = lanes.chip_channel()
        self._readings = lanes.reading_channel()
        self._events = lanes.event_channel()

    def build(self, services: Sequence[tuple[str, Service]] = (), paced: bool | None = None) -> Machine:
        """`paced` plays files in real time; by default in mode `live` only.

        Raises:
            ModelError: a model is missing, altered, does not fit or does not run on the device asked for.
        """
        classifier, judged_by = self._open_classifier()
        classify = Classify(classifier)
        rotate_s = self._config.privacy.rotate_track_ids
        stages, numbers = self._config.stages, Numbering(first=1)
        tracks = tuple(Track(stages.track, self._run_id, rotate_s, numbers) for _ in range(self._workers))
        detector, found_by = self._open_detector()
        detector.faint_score = self._config.privacy.blur_score
        detects = tuple(
            Detect(detector, stages.detect, self._ledger, self._clock, faint=True) for _ in range(self._workers)
        )
        chip = Chip(stages.chip)
        labeller, smooth = self._labeller(classify), self._smooth(classifier)
        outlets = self._frame_outlets()
        runner = Runner(
            sources=(),
            workers=[*self._finders(detects, tracks, chip), labeller, self._smoother(smooth), self._publisher()],
            services=services,
            clock=self._clock,
            housekeeping=self._onlookers.housekeeping,
            # A replay ends worker by worker, as its files do.
            holds=() if self._replay else outlets,
            lasting=self._config.takes_sources,
            stall_exit_s=self._config.stall_exit_s,
        )
        paced = not self._replay if paced is None else paced
        new_capture = partial(self._capture, Numbering(first=0), self._clock.monotonic(), paced)
        fleet = RunningFleet(runner, outlets, new_capture, self._ledger)
        for source in self._config.sources:
            fleet.start(source)
        channels = {
            "frames": tuple(self._frames),
            "chips": (self._chips,),
            "readings": (self._readings,),
            "events": (self._events,),
        }
        models = (found_by, judged_by)
        knobs = Knobs(detector, detects, tracks, chip, labeller, smooth)
        return Machine(runner, fleet, knobs, tracks, classify, self._ledger, channels, models)

    def _open_classifier(self) -> tuple[EmotionClassifier, ModelSnapshot]:
        config = self._config.stages.classify
        model = find_model(config.model, "emotion")
        session = open_session(model, config.device, _threads(config.threads, 2))
        classifier = EmotionClassifier(session, model.card, config.max_batch)
        return classifier, _snapshot("classify", model, classifier.device)

    def _finders(self, detects: Sequence[Detect], tracks: Sequence[Track], chip: Chip) -> list[Worker[Any, Any]]:
        """detect > track > chip, as several workers that share one detector, each with its own sources."""
        most = len(self._config.sources) if self._replay else lanes.CAMERAS
        outlet: Outlet[Any] = Outlet(self._chips, self._workers, self._chips.put)
        return [
            Worker(
                f"detect {number}",
                inbox,
                Chain(Chain(detect, track), Chain(Tap(self._onlookers.faces), chip)),
                outlet,
                max_items=most * self._abreast,
                per_lane=self._abreast,
            )
            for number, (inbox, detect, track) in enumerate(zip(self._frames, detects, tracks, strict=True))
        ]

    def _open_detector(self) -> tuple[TunableDetector, ModelSnapshot]:
        config = self._config.stages.detect
        threads = 1 if self._abreast > 1 else _threads(config.threads, self._workers)
        detector, snapshot = build_detector(config, threads)
        if self._abreast > 1 and snapshot.device == "cpu":
            return Parallel(detector, self._abreast), snapshot
        return detector, snapshot

    def _labeller(self, classify: Classify) -> Worker[Any, Any]:
        config = self._config.stages.classify
        wait_s = 0.0 if self._replay else config.max_wait_ms / 1000
        outlet: Outlet[Any] = Outlet(self._readings, 1, self._readings.put)
        return Worker("classify", self._chips, classify, outlet, max_items=config.max_batch, max_wait_s=wait_s)

    def _smooth(self, classifier: EmotionClassifier) -> Smooth:
        card = classifier.card
        events = EventBuilder(self._run_id, (card.name, card.sha256), self._clock, self._replay)
        return Smooth(self._config.stages.smooth, events, self._onlookers.emotion)

    def _smoother(self, smooth: Smooth) -> Worker[Any, Any]:
        outlet: Outlet[Any] = Outlet(self._events, 1, self._events.put)
        return Worker("smooth", self._readings, smooth, outlet, max_items=lanes.READINGS)

    def _publisher(self) -> Worker[Any, Any]:
        wait_s = 0.0 if self._replay else lanes.STORE_WITHIN_S
        return Worker("publish", self._events, self._sink, max_items=lanes.STORED_AT_ONCE, max_wait_s=wait_s)

    def _frame_outlets(self) -> list[Outlet[Any]]:
        def put_into(channel: Channel[Any]) -> Callable[[Frame | SourceStatus], None]:
            def put(item: Frame | SourceStatus) -> None:
                evicted = channel.put(item)
                if evicted is not None:
                    self._ledger.settle(evicted.source_id, Outcome.DROPPED_QUEUE)

            return put

        # The runner, where it holds them, is a producer from the start; each source is one when it begins.
        producers = 0 if self._replay else 1
        return [Outlet(channel, producers, put_into(channel)) for channel in self._frames]

    def _capture(
        self,
        indices: Numbering,
        epoch_s: float,
        paced: bool,
        source: SourceConfig,
        outlet: Outlet[Any],
        open_reader: OpenReader,
    ) -> Capture:
        return Capture(
            source,
            outlet.put,
            self._ledger,
            self._clock,
            paced=paced,
            wall_time=not self._replay,
            epoch_s=epoch_s,
            open_reader=open_reader,
            answers=open_reader.answers if isinstance(open_reader, RuledOpener) else answers,
            indices=indices,
        )


def _worker_count(config: PipelineConfig) -> int:
    wanted = config.stages.detect.workers
    limit = cores() if wanted == "auto" else wanted
    return limit if config.takes_sources else max(1, min(limit, len(config.sources)))


def _threads(wanted: int | None, workers: int) -> int:
    """Cores are for workers first; a lone worker on a large machine may spread one network over a few."""
    return wanted or max(1, min(4, (cores() - 1) // workers))


def _snapshot(stage: str, model: Model, device: str) -> ModelSnapshot:
    card = model.card
    return ModelSnapshot(stage, card.name, card.version, card.sha256, device, card, report_path(model.path))
