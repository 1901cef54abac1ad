"""A run's status as Prometheus metrics. The only import of prometheus_client."""

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from engine.status import RunStatus, SinkSnapshot


def render(status: RunStatus) -> tuple[bytes, str]:
    """The metrics page and its content type; nothing global is kept, so any thread may call it."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_StatusCollector(status))
    ProcessCollector(registry=registry)
    return generate_latest(registry), CONTENT_TYPE_PLAIN_0_0_4


class _StatusCollector(Collector):
    """The metrics of one snapshot, hence consistent with each other."""

    def __init__(self, status: RunStatus) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        yield from _run(self._status)
        yield from _frames(self._status)
        yield from _sources(self._status)
        yield from _results(self._status)
        yield _rejected(self._status)
        yield from _channels(self._status)
        yield from _sinks("history", "rows yet to be written", self._status.history)
        yield from _sinks("bus", "events yet to be broadcast", self._status.bus)
        lost = [((), self._status.bus.lost)]
        yield _counter("moodline_bus_lost", "Events gone from the history before they could be broadcast", lost)


def _run(status: RunStatus) -> Iterator[Metric]:
    run = InfoMetricFamily("moodline_run", "The run these metrics belong to")
    run.add_metric((), {"run_id": status.run_id, "name": status.name, "version": status.version})
    yield run
    yield _gauge("moodline_ready", "1 when the run is ready", [((), float(status.ready))])
    stuck = [((one.stage,), one.for_s) for one in status.stuck]
    yield _gauge("moodline_stage_stuck_seconds", "How long a stage's call has not returned", stuck, ("stage",))
    yield _gauge("moodline_uptime_seconds", "Time since the run began", [((), status.uptime_s)])
    models = InfoMetricFamily("moodline_model", "A model in use and the device it was proven to run on")
    for model in status.models:
        models.add_metric(
            (),
            {"stage": model.stage, "name": model.name, "sha256": model.sha256, "device": model.device},
        )
    yield models


def _frames(status: RunStatus) -> Iterator[Metric]:
    frames = [(source.source_id, source.frames) for source in status.sources]
    yield _counter(
        "moodline_frames_captured",
        "Frames whose outcome is known; the sum of moodline_frames_total",
        [((source,), count.captured) for source, count in frames],
        ("source",),
    )
    yield _counter(
        "moodline_frames",
        "Frames by what became of them",
        [((source, name), count) for source, counts in frames for name, count in counts.outcomes.items()],
        ("source", "outcome"),
    )
    removed = status.removed.outcomes.items()
    yield _counter(
        "moodline_removed_frames",
        "Frames of all sources that have been removed since the run began, by what became of them",
        [((name,), count) for name, count in removed],
        ("outcome",),
    )
    yield _gauge(
        "moodline_frames_in_flight",
        "Frames read whose outcome is not known yet",
        [((source,), count.in_flight) for source, count in frames],
        ("source",),
    )


def _sources(status: RunStatus) -> Iterator[Metric]:
    for name, text, values in (
        ("up", "1 while the source delivers", [float(s.state in ("online", "degraded")) for s in status.sources]),
        ("fps", "Frames per second the source delivers", [s.fps for s in status.sources]),
    ):
        pairs = [((s.source_id,), value) for s, value in zip(status.sources, values, strict=True)]
        yield _gauge(f"moodline_source_{name}", text, pairs, ("source",))
    yield _gauge(
        "moodline_source_last_frame_age_seconds",
        "Time since the source's last frame; absent before the first",
        [((s.source_id,), s.last_frame_age_s) for s in status.sources if s.last_frame_age_s is not None],
        ("source",),
    )
    yield _gauge(
        "moodline_source_lag_seconds",
        "How old the source's frames are when they arrive; absent where that is not known",
        [((s.source_id,), s.lag_s) for s in status.sources if s.lag_s is not None],
        ("source",),
    )
    yield _counter(
        "moodline_source_reconnects",
        "How often the source was opened again",
        [((s.source_id,), s.reconnects) for s in status.sources],
        ("source",),
    )
    yield _gauge(
        "moodline_tracks",
        "Faces tracked now",
        [((s.source_id,), s.tracks) for s in status.sources],
        ("source",),
    )


def _results(status: RunStatus) -> Iterator[Metric]:
    yield _counter(
        "moodline_events",
        "Events published by type",
        [((kind,), count) for kind, count in status.events.items()],
        ("type",),
    )
    yield _counter(
        "moodline_chips",
        "Face chips by what became of them",
        [((outcome,), count) for outcome, count in status.chips.items()],
        ("outcome",),
    )


def _rejected(status: RunStatus) -> Metric:
    text = "Tracks that were never told: nobody could read them, and their landmarks did not agree"
    return _counter("moodline_tracks_rejected", text, [((), status.rejected_tracks)])


def _channels(status: RunStatus) -> Iterator[Metric]:
    channels = status.channels.items()
    depths = [((name,), stats.depth) for name, stats in channels]
    yield _gauge("moodline_channel_depth", "Items waiting in a channel", depths, ("channel",))
    dropped = [((name,), stats.dropped) for name, stats in channels]
    yield _counter("moodline_channel_dropped", "Items a full channel let go", dropped, ("channel",))


def _sinks(name: str, waiting: str, sink: SinkSnapshot) -> Iterator[Metric]:
    up = float(sink.state == "ok")
    yield _gauge(f"moodline_{name}_up", f"1 while the {name} takes what is sent to it", [((), up)])
    yield _gauge(f"moodline_{name}_pending", f"The number of {waiting}", [((), sink.pending)])


_Samples = Iterable[tuple[tuple[str, ...], float]]


def _gauge(name: str, text: str, samples: _Samples, labels: tuple[str, ...] = ()) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family


def _counter(name: str, text: str, samples: _Samples, labels: tuple[str, ...] = ()) -> Metric:
    family = CounterMetricFamily(name, text, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family
