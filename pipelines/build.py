"""From a configuration to a running engine: the only place that knows both."""

import logging
import os
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from engine.detectors.build import build_detector
from engine.stages.capture import Capture
from engine.stages.chip import Chip
from engine.stages.detect import Detect

from engine import ids
from engine.channel import Channel
from engine.clock import Clock, SystemClock
from engine.events import EventBuilder
from engine.items import EmotionEvent, FaceChip, Frame, Reading, SourceStatus, TrackEnded
from engine.ledger import Ledger, Outcome
from engine.modelcard import find_model
from engine.runner import Outlet, Runner, Service, Worker
from engine.sessions import open_session
from engine.stage import Chain, Stage
from engine.stages.classify import Classify, EmotionClassifier
from engine.stages.smooth import Observer, Smooth
from engine.stages.track import Track
from engine.status import ModelSnapshot
from pipelines.config import PipelineConfig
from pipelines.tap import FaceTap, Tap

logger = logging.getLogger(__name__)

_FRAMES_PER_SOURCE = 2
_CHIPS_PER_LIVE_TRACK = 1
_CHIPS_PER_FILE = 32
_READINGS = 256


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


def cores() -> int:
    """CPU cores this process may use."""
    return len(os.sched_getaffinity(0))


def build_machine(
    config: PipelineConfig,
    run_id: str,
    sink: Stage[EmotionEvent, EmotionEvent],
    services: Sequence[tuple[str, Service]] = (),
    *,
    clock: Clock | None = None,
    on_faces: FaceTap | None = None,
    on_emotion: Observer | None = None,
    housekeeping: Any = lambda: None,
    paced: bool | None = None,
) -> Machine:
    """Open the models and connect all parts; no camera is opened before `runner.run()`.

    `paced` plays files in real time; by default in mode `live` only.

    Raises:
        ModelError: a model is missing, altered, does not fit or does not run on the device asked for.
    """
    clock = clock or SystemClock()
    stages, replay = config.stages, config.mode == "replay"
    workers = _worker_count(config)
    detector, detector_model = build_detector(stages.detect, threads=_threads(stages.detect.threads, workers))
    classifier = _open_classifier(config)
    ledger = Ledger()

    frames: list[Channel[Any]] = [
        Channel(_FRAMES_PER_SOURCE, _frame_lane, _frame_droppable) for _ in range(workers)
    ]
    chips: Channel[Any] = Channel(_chip_capacity, _chip_lane, _chip_droppable)
    readings: Channel[Any] = Channel(_READINGS)

    tracks = tuple(Track(stages.track, run_id) for _ in range(workers))
    to_chips: Outlet[Any] = Outlet(chips, workers, lambda item: _ignore(chips.put(item)))
    finders = [
        Worker(
            f"detect {number}",
            frames[number],
            Chain(
                Detect(detector, stages.detect, ledger, clock),
                Chain(tracks[number], Chain(Tap(on_faces), Chip(stages.chip))),
            ),
            to_chips,
            max_items=max(1, len(config.sources)),
            per_lane=1,
        )
        for number in range(workers)
    ]
    classify = Classify(classifier)
    builder = EventBuilder(run_id, (classifier.card.name, classifier.card.sha256), clock, replay)
    labeller: Worker[Any, Any] = Worker(
        "classify",
        chips,
        classify,
        Outlet(readings, 1, lambda item: _ignore(readings.put(item))),
        max_items=stages.classify.max_batch,
        max_wait_s=0.0 if replay else stages.classify.max_wait_ms / 1000,
    )
    publisher: Worker[Any, Any] = Worker(
        "publish",
        readings,
        Chain(Smooth(stages.smooth, builder, on_emotion), sink),
        max_items=_READINGS,
    )
    outlets = [
        Outlet(channel, _share(config, workers, number), _frame_put(channel, ledger))
        for number, channel in enumerate(frames)
    ]
    epoch_s = clock.monotonic()
    captures = tuple(
        Capture(
            source,
            outlets[place % workers].put,
            ledger,
            clock,
            paced=not replay if paced is None else paced,
            epoch_s=epoch_s,
        )
        for place, source in enumerate(config.sources)
    )
    runner = Runner(
        sources=[
            (source.id, capture, outlets[place % workers])
            for place, (source, capture) in enumerate(zip(config.sources, captures, strict=True))
        ],
        workers=[*finders, labeller, publisher],
        services=services,
        clock=clock,
        housekeeping=housekeeping,
    )
    return Machine(
        runner,
        captures,
        tracks,
        classify,
        ledger,
        {"frames": tuple(frames), "chips": (chips,), "readings": (readings,)},
        (detector_model, _snapshot("classify", classifier)),
    )


def _worker_count(config: PipelineConfig) -> int:
    wanted = config.stages.detect.workers
    limit = cores() if wanted == "auto" else wanted
    return max(1, min(limit, len(config.sources)))


def _threads(wanted: int | None, workers: int) -> int:
    """Cores are for workers first; a lone worker on a large machine may spread one network over a few."""
    return wanted or max(1, min(4, (cores() - 1) // workers))


def _share(config: PipelineConfig, workers: int, number: int) -> int:
    return len(range(number, len(config.sources), workers))


def _open_classifier(config: PipelineConfig) -> EmotionClassifier:
    settings = config.stages.classify
    model = find_model(settings.model)
    session = open_session(model, settings.device, _threads(settings.threads, 2))
    return EmotionClassifier(session, model.card, settings.max_batch)


def _snapshot(stage: str, classifier: EmotionClassifier) -> ModelSnapshot:
    card = classifier.card
    return ModelSnapshot(stage, card.name, card.version, card.sha256, classifier.device)


def new_run_id() -> str:
    return ids.new_ulid()


def _frame_lane(item: Frame | SourceStatus) -> Hashable:
    return item.source_id


def _frame_droppable(item: Frame | SourceStatus) -> bool:
    return isinstance(item, Frame) and not item.lossless


def _frame_put(channel: Channel[Any], ledger: Ledger) -> Any:
    def put(item: Frame | SourceStatus) -> None:
        evicted = channel.put(item)
        if evicted is not None:
            ledger.settle(evicted.source_id, Outcome.DROPPED_QUEUE)

    return put


Chipped = FaceChip | TrackEnded | SourceStatus


def _chip_lane(item: Chipped) -> Hashable:
    """Files keep all chips of a source in order; live tracks keep their newest, independently."""
    source_id = item.source_id if isinstance(item, SourceStatus) else item.key.source_id
    if item.lossless or isinstance(item, SourceStatus):
        return source_id
    return item.key


def _chip_capacity(lane: Hashable) -> int:
    return _CHIPS_PER_LIVE_TRACK if isinstance(lane, tuple) else _CHIPS_PER_FILE


def _chip_droppable(item: Chipped) -> bool:
    return isinstance(item, FaceChip) and not item.lossless


def _ignore(_evicted: Reading | Chipped | None) -> None:
    """Chips that made room are counted by their channel."""
