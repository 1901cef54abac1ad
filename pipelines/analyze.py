"""Offline analysis: one file through the whole line, losslessly and reproducibly."""

import bisect
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from engine import jsontext
from engine.errors import Cause, OutputError, SourceError
from engine.events import Emotion
from engine.items import EmotionEvent, FaceChip, Unseen
from engine.ledger import Outcome
from engine.sources.av_writer import VideoWriter
from engine.sources.config import SourceConfig
from engine.sources.picture import Losses
from engine.sources.reader import Picture, Reader, open_reader
from engine.stages.track import TrackedFrame
from pipelines.annotate import FaceMark, annotate, fitted
from pipelines.build import Builder, Machine, Onlookers
from pipelines.config import PipelineConfig

Progress = Callable[[int], None]


class EventSink:
    """A stage at the end of the line: writes events as JSON lines, if asked to, and sums tracks up."""

    def __init__(self, lines: IO[str] | None = None) -> None:
        self._lines = lines
        self.counts: dict[str, int] = defaultdict(int)
        self.tracks: dict[int, TrackSummary] = {}

    def process(self, items: Sequence[EmotionEvent]) -> Sequence[EmotionEvent]:
        for event in items:
            self.counts[event.type] += 1
            if self._lines:
                self._write(self._lines, event)
            if event.track_uid:
                self._sum_up(event)
        return items

    def flush(self) -> Sequence[EmotionEvent]:
        return ()

    def close(self) -> None:
        """Nothing to free: the file belongs to whoever opened it."""

    def _write(self, lines: IO[str], event: EmotionEvent) -> None:
        try:
            lines.write(jsontext.dumps(event.document).decode() + "\n")
        except OSError as error:
            raise OutputError(f"{lines.name}: cannot be written: {error.strerror or error}") from error

    def _sum_up(self, event: EmotionEvent) -> None:
        document = event.document
        start_s = document["time_s"] - document["age_s"]
        track = self.tracks.setdefault(document["track_id"], TrackSummary(document["track_id"], start_s))
        track.take(document)


@dataclass
class TrackSummary:
    """One track: when it was there, and for how long it showed what."""

    track_id: int
    start_s: float
    end_s: float = 0.0
    changes: int = 0
    label: str | None = None
    """What it showed last."""
    dwell_s: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def take(self, document: dict[str, Any]) -> None:
        self.end_s = max(self.end_s, self.start_s + document["age_s"])
        before = document["before"]
        self.label = ((document["after"] or before) or {}).get("label", self.label)
        if document["type"] == "emotion_changed" and document["after"]["label"]:
            self.changes += 1
        if before and before["label"] and document["type"] in {"emotion_changed", "end"}:
            self.dwell_s[before["label"]] += before["dwell_s"]


@dataclass(frozen=True, slots=True)
class _Seen:
    track_id: int
    box: tuple[float, float, float, float]
    predicted: bool


class Onlooker:
    """Remembers which face was where and what it showed, so that a second pass can draw it."""

    def __init__(self) -> None:
        self.frames: dict[int, tuple[_Seen, ...]] = {}
        self.count = 0
        """How many frames were looked at."""
        self.size = (0, 0)
        """Of the frame that all fit into, `(width, height)`."""
        self._times: dict[int, list[float]] = defaultdict(list)
        self._emotions: dict[int, list[tuple[Emotion | None, tuple[str, ...]]]] = defaultdict(list)

    def on_faces(self, tracked: TrackedFrame) -> None:
        seen = tuple(
            _Seen(face.key.track_id, face.detection.box, face.predicted) for face in tracked.faces if face.confirmed
        )
        if seen:
            self.frames[tracked.frame.index] = seen
        self.count += 1
        width, height = tracked.frame.size
        self.size = (max(self.size[0], width), max(self.size[1], height))

    def on_emotion(self, seen: FaceChip | Unseen, emotion: Emotion | None) -> None:
        gated = seen.quality.gated if isinstance(seen, FaceChip) else ()
        self._times[seen.key.track_id].append(seen.time_s)
        self._emotions[seen.key.track_id].append((emotion, gated))

    def marks(self, index: int, time_s: float) -> tuple[FaceMark, ...]:
        """What is drawn on a frame. Tracks that were never told, since they are no faces, are left out."""
        return tuple(self._mark(seen, time_s) for seen in self.frames.get(index, ()) if self._times.get(seen.track_id))

    def _mark(self, seen: _Seen, time_s: float) -> FaceMark:
        place = bisect.bisect_right(self._times[seen.track_id], time_s + 1e-6) - 1
        emotion, gated = self._emotions[seen.track_id][place] if place >= 0 else (None, ())
        return FaceMark(seen.track_id, seen.box, seen.predicted, emotion, gated)


@dataclass(frozen=True)
class Analysis:
    """What came out. `failure` says why the file could not be read to its end."""

    sink: EventSink
    frames: int
    """Those that were lost or damaged included."""
    losses: Losses
    failure: SourceError | None
    interrupted: bool
    rejected: int = 0
    """Tracks that are no faces."""


class Analyzer:
    """One file, described; `run` reads it, `draw` makes the annotated video."""

    def __init__(self, config: PipelineConfig, run_id: str, lines: IO[str] | None, paced: bool) -> None:
        """Raises `ModelError` when a model cannot be used. The configuration has one source, in replay."""
        self._source: SourceConfig = config.sources[0]
        self._sink = EventSink(lines)
        self._onlooker = Onlooker()
        self._progress: Progress = lambda _frames: None
        self._interrupted = False
        onlookers = Onlookers(self._onlooker.on_faces, self._onlooker.on_emotion, self._tick)
        self._machine: Machine = Builder(config, run_id, self._sink, onlookers=onlookers).build(paced=paced)

    def run(self, progress: Progress) -> Analysis:
        """Read the file to its end, or until `stop`. `progress` gets the number of frames done."""
        self._progress = progress
        self._machine.runner.run()
        self._tick()
        failure, rejected = self._machine.captures[0].failure, self._machine.knobs.smooth.rejected
        outcomes = self._machine.ledger.snapshot()[self._source.id].outcomes
        losses = Losses(outcomes[Outcome.LOST], outcomes[Outcome.DAMAGED])
        return Analysis(self._sink, self._frames(), losses, failure, self._interrupted, rejected)

    def stop(self) -> None:
        """End early, keeping what has been found; any thread."""
        self._interrupted = True
        self._machine.runner.stop()

    def draw(self, path: Path, progress: Progress) -> None:
        """Write the annotated video, in one size that all frames fit into. What could not be read is missing in it.

        Raises:
            OutputError: `path` cannot be written.
        """
        if not self._onlooker.count:
            return
        width, height = self._onlooker.size
        with closing(open_reader(self._source)) as reader, VideoWriter(path, width, height, _fps(reader)) as writer:
            for index in range(self._onlooker.count):
                try:
                    picture = _next_picture(reader)
                except SourceError as error:
                    if error.cause not in {Cause.ENDED, Cause.CODEC}:
                        raise
                    return
                time_s = picture.media_s or 0.0
                drawn = annotate(picture.image, self._onlooker.marks(index, time_s))
                writer.write(fitted(drawn, width, height), time_s)
                progress(index + 1)

    def _frames(self) -> int:
        return self._machine.ledger.snapshot()[self._source.id].captured

    def _tick(self) -> None:
        self._progress(self._frames())


def _next_picture(reader: Reader) -> Picture:
    while (picture := reader.read()) is None:
        pass
    return picture


def _fps(reader: Reader) -> float:
    if reader.frame_count and reader.duration_s:
        return min(max(reader.frame_count / reader.duration_s, 1.0), 240.0)
    return 25.0
