"""Fakes that ship: small, real implementations of the engine's protocols for tests."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from threading import Event, Lock

import numpy as np

from engine.errors import Cause, SourceError
from engine.items import Floats, Image
from engine.sources.config import SourceConfig
from engine.sources.picture import NO_LOSSES, Declared, Losses, Picture, Reader


class FakeClock:
    """Time that passes only by `advance` and `wait`. `waits` lists what was waited for, in order."""

    def __init__(self, start_s: float = 1000.0) -> None:
        self._lock = Lock()
        self._now_s = start_s
        self.waits: list[float] = []

    def monotonic(self) -> float:
        with self._lock:
            return self._now_s

    def utc(self) -> datetime:
        """1 January 2026 plus the monotonic seconds."""
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.monotonic())

    def wait(self, event: Event, timeout_s: float) -> bool:
        """Returns at once; the time has passed unless the event is set."""
        if not event.is_set():
            with self._lock:
                self._now_s += timeout_s
                self.waits.append(timeout_s)
        return event.is_set()

    def advance(self, seconds: float) -> None:
        with self._lock:
            self._now_s += seconds


Step = Image | Picture | SourceError | Losses | Callable[[], object] | None
"""What one step of a `ScriptedSource` does: an image, or a picture as it stands, is read, an error raised, a function
called on the way to the next step, losses are counted, and None is a picture that was not wanted."""


class ScriptedSource:
    """A `Reader` that plays a list: images come at `fps`, and after the last step the footage ends."""

    def __init__(self, script: Iterable[Step], fps: float = 10.0, started_at: datetime | None = None) -> None:
        self._steps = list(script)
        self._position = self._pictures = 0
        self._fps = fps
        self.declared = Declared("script", fps)
        self.started_at = started_at or datetime(2026, 1, 1, tzinfo=UTC)
        self.frame_count: int | None = sum(not callable(s) and hasattr(s, "shape") for s in self._steps)
        self.duration_s: float | None = self.frame_count / fps
        self.losses = NO_LOSSES
        self.closed = False

    def read(self) -> Picture | None:
        while self._position < len(self._steps):
            step = self._steps[self._position]
            self._position += 1
            if isinstance(step, SourceError):
                raise step
            if isinstance(step, Losses):
                lost, damaged = self.losses.lost + step.lost, self.losses.damaged + step.damaged
                self.losses = Losses(lost, damaged, self.losses.stale + step.stale)
                return None
            if step is None or isinstance(step, Picture):
                return step
            if not callable(step):
                self._pictures += 1
                return Picture(step, (self._pictures - 1) / self._fps)
            step()
        raise SourceError(Cause.ENDED, "the script ended")

    def close(self) -> None:
        self.closed = True


def opening(*readers: Reader | SourceError) -> Callable[[SourceConfig], Reader]:
    """An `open_reader` that gives these in turn, an error by raising it; the last one again and again."""
    left = list(readers)

    def open_next(_config: SourceConfig) -> Reader:
        reader = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(reader, SourceError):
            raise reader
        return reader

    return open_next


class FakeSession:
    """A `Session` without a network: logits come from `score`, called with one input `(C, H, W)` at a time.

    `batches` lists the batch sizes it was run with. Safe to share between threads.
    """

    def __init__(
        self, score: Callable[[Floats], list[float]], shape: tuple[int | None, ...] = (None, 1, 48, 48)
    ) -> None:
        self._score = score
        self._lock = Lock()
        self.device = "cpu"
        self.input_shape = shape
        self.output_shapes: tuple[tuple[int | None, ...], ...] = ((None, None),)
        self.batches: list[int] = []

    def run(self, batch: Floats) -> list[Floats]:
        with self._lock:
            self.batches.append(len(batch))
        return [np.array([self._score(item) for item in batch], np.float32)]


class FakeFleet:
    """A `Fleet` that reads nothing. `running` are the sources that would be read, `openers` what would open them,
    `paused` the ids that wait, and `done` everything that was asked, in order. Any thread."""

    def __init__(self, configured: Iterable[SourceConfig] = ()) -> None:
        self._lock = Lock()
        self.running: dict[str, SourceConfig] = {config.id: config for config in configured}
        self.openers: dict[str, Callable[[SourceConfig], Reader] | None] = dict.fromkeys(self.running)
        self.paused: set[str] = set()
        self.done: list[str] = []

    def start(self, config: SourceConfig, open_reader: Callable[[SourceConfig], Reader] | None = None) -> None:
        with self._lock:
            self.running[config.id] = config
            self.openers[config.id] = open_reader
            self.paused.discard(config.id)
            self.done.append(f"start {config.id}")

    def stop(self, source_id: str, paused: bool = False) -> None:
        with self._lock:
            known = self.running.pop(source_id, None) is not None or source_id in self.paused
            self.openers.pop(source_id, None)
            self.paused.discard(source_id)
            if known and paused:
                self.paused.add(source_id)
            self.done.append(f"{'pause' if paused else 'stop'} {source_id}")
