"""From a configuration to a machine: the only place that knows both."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from engine.channel import Channel
from engine.clock import Clock, SystemClock
from engine.detectors.base import Detector
from engine.detectors.build import build_detector
from engine.detectors.parallel import Parallel
from engine.events import EventBuilder
from engine.items import EmotionEvent, Frame, SourceStatus
from engine.ledger import Ledger, Outcome
from engine.modelcard import find_model
from engine.runner import Outlet, Runner, Service, Worker
from engine.sessions import open_session
from engine.stage import Chain, Stage
from engine.stages.capture import Capture
from engine.stages.chip import Chip
from engine.stages.classify import Classify, EmotionClassifier
from engine.stages.detect import Detect
from engine.stages.smooth import Observer, Smooth
from engine.stages.track import Track
from engine.status import ModelSnapshot
from pipelines import lanes
from pipelines.config import PipelineConfig
from pipelines.tap import FaceTap, Tap


@dataclass(frozen=True)
class Machine:
    """The parts of one run, connected but not started."""

    runner: Runner
    captures: tuple[Capture, ...]
    tracks: tuple[Track, ...]
    classify: Classify
    ledger: Ledger
    channels: dict[str, tuple[Channel[Any], ...]]
    models: tuple[ModelSnapshot, ...]


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
        classifier = self._open_classifier()
        classify = Classify(classifier)
        rotate_s = self._config.privacy.rotate_track_ids
        tracks = tuple(Track(self._config.stages.track, self._run_id, rotate_s) for _ in range(self._workers))
        finders, detector = self._finders(tracks)
        outlets = self._frame_outlets()
        captures = self._captures(outlets, not self._replay if paced is None else paced)
        runner = Runner(
            sources=[
                (source.id, capture, outlets[place % self._workers])
                for place, (source, capture) in enumerate(zip(self._config.sources, captures, strict=True))
            ],
            workers=[*finders, self._labeller(classify), self._smoother(classifier), self._publisher()],
            services=services,
            clock=self._clock,
            housekeeping=self._onlookers.housekeeping,
        )
        channels = {
            "frames": tuple(self._frames),
            "chips": (self._chips,),
            "readings": (self._readings,),
            "events": (self._events,),
        }
        models = (detector, _snapshot("classify", classifier))
        return Machine(runner, captures, tracks, classify, self._ledger, channels, models)

    def _open_classifier(self) -> EmotionClassifier:
        config = self._config.stages.classify
        model = find_model(config.model, "emotion")
        session = open_session(model, config.device, _threads(config.threads, 2))
        return EmotionClassifier(session, model.card, config.max_batch)

    def _finders(self, tracks: Sequence[Track]) -> tuple[list[Worker[Any, Any]], ModelSnapshot]:
        """detect > track > chip, as several workers that share one detector, each with its own sources."""
        stages = self._config.stages
        detector, snapshot = self._open_detector()
        outlet: Outlet[Any] = Outlet(self._chips, self._workers, self._chips.put)
        return [
            Worker(
                f"detect {number}",
                inbox,
                Chain(
                    Chain(Detect(detector, stages.detect, self._ledger, self._clock), track),
                    Chain(Tap(self._onlookers.faces), Chip(stages.chip)),
                ),
                outlet,
                max_items=len(self._config.sources) * self._abreast,
                per_lane=self._abreast,
            )
            for number, (inbox, track) in enumerate(zip(self._frames, tracks, strict=True))
        ], snapshot

    def _open_detector(self) -> tuple[Detector, ModelSnapshot]:
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

    def _smoother(self, classifier: EmotionClassifier) -> Worker[Any, Any]:
        card = classifier.card
        events = EventBuilder(self._run_id, (card.name, card.sha256), self._clock, self._replay)
        smooth = Smooth(self._config.stages.smooth, events, self._onlookers.emotion)
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

        return [
            Outlet(channel, len(self._config.sources[number :: self._workers]), put_into(channel))
            for number, channel in enumerate(self._frames)
        ]

    def _captures(self, outlets: Sequence[Outlet[Any]], paced: bool) -> tuple[Capture, ...]:
        epoch_s = self._clock.monotonic()
        return tuple(
            Capture(
                source,
                outlets[place % self._workers].put,
                self._ledger,
                self._clock,
                paced=paced,
                wall_time=not self._replay,
                epoch_s=epoch_s,
            )
            for place, source in enumerate(self._config.sources)
        )


def _worker_count(config: PipelineConfig) -> int:
    wanted = config.stages.detect.workers
    limit = cores() if wanted == "auto" else wanted
    return max(1, min(limit, len(config.sources)))


def _threads(wanted: int | None, workers: int) -> int:
    """Cores are for workers first; a lone worker on a large machine may spread one network over a few."""
    return wanted or max(1, min(4, (cores() - 1) // workers))


def _snapshot(stage: str, classifier: EmotionClassifier) -> ModelSnapshot:
    card = classifier.card
    return ModelSnapshot(stage, card.name, card.version, card.sha256, classifier.device, card)
