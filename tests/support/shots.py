"""Frames with made-up faces, as they come out of the tracker."""

from datetime import UTC, datetime
from itertools import count
from threading import Event, Thread
from time import monotonic

import numpy as np

from engine.items import Box, Detection, Frame, Image, TrackedFace, TrackKey
from engine.preview import Shots
from engine.stages.track import TrackedFrame

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def noise(width: int = 320, height: int = 180) -> Image:
    """A picture that is nothing but fine detail."""
    return np.random.default_rng(7).integers(0, 256, (height, width, 3), np.uint8)


def tracked_face(box: Box, number: int = 1, seen_box: Box | None = None, confirmed: bool = True) -> TrackedFace:
    key = TrackKey("door", number if confirmed else 0)
    return TrackedFace(key, f"uid{number}", Detection(box, 0.9), 1.0, confirmed, seen_box is not None, seen_box)


def tracked_frame(
    index: int = 0,
    faces: tuple[TrackedFace, ...] = (),
    looked: bool = True,
    image: Image | None = None,
    source_id: str = "door",
    astray: tuple[Box, ...] = (),
) -> TrackedFrame:
    frame = Frame(source_id, index, index / 10, NOON, noise() if image is None else image)
    return TrackedFrame(frame, faces, looked, astray)


class Camera:
    """A thread that plays the detector's part: a frame every `every_s`, each `nth` of them looked at."""

    def __init__(self, shots: Shots, every_s: float = 0.005, nth: int = 1, image: Image | None = None) -> None:
        self._shots = shots
        self._every_s, self._nth = every_s, nth
        self._image = noise() if image is None else image
        self._numbers = count()
        self._stop = Event()

    def __enter__(self) -> "Camera":
        self._stop.clear()
        self._thread = Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join(10)

    def _run(self) -> None:
        faces = (
            tracked_face((100.0, 40.0, 140.0, 90.0), 1),
            tracked_face((200.0, 100.0, 220.0, 130.0), 2, confirmed=False),
        )
        while not self._stop.wait(self._every_s):
            number = next(self._numbers)
            self._shots.on_faces(tracked_frame(number, faces, number % self._nth == 0, self._image))


class Playing:
    """A thread that plays several cameras: in each period one frame of each, one face moving across it."""

    def __init__(
        self, shots: Shots, ids: tuple[str, ...], every_s: float, image: Image | None = None, step: int = 3
    ) -> None:
        self._shots, self._ids, self._every_s, self._step = shots, ids, every_s, step
        self._image = noise() if image is None else image
        self._stop = Event()
        self.played = 0

    def __enter__(self) -> "Playing":
        self._thread = Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join(10)

    def _run(self) -> None:
        for number in count():
            if self._stop.wait(self._every_s):
                return
            left = float(self._step * number % 200)
            for name in self._ids:
                key = TrackKey(name, 1)
                face = TrackedFace(
                    key, "01KAXW3E8MSVK5N1KX6RPRFX9Y", Detection((left, 40.0, left + 50, 100.0), 0.9), 1.0, True
                )
                now = datetime.now(UTC)
                frame = Frame(name, number, number * self._every_s, now, self._image, received_s=monotonic())
                self._shots.on_faces(TrackedFrame(frame, (face,), True))
            self.played = number
