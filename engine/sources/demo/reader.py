"""Built-in footage for a machine without camera or network: a virtual camera over a group photo that comes alive."""

import importlib.util
import logging
import math
from datetime import datetime
from pathlib import Path
from threading import Event

import cv2
import numpy as np

from engine.clock import Clock, SystemClock
from engine.errors import Cause, SourceError
from engine.items import Image
from engine.sources.config import SourceConfig
from engine.sources.demo.cast import ACTS, CYCLE_S, SIZE, Cast
from engine.sources.picture import NO_LOSSES, Declared, Picture

logger = logging.getLogger(__name__)

WIDTH, HEIGHT, FPS = 1280, 720, 15.0
_PHOTO = Path("data", "images", "t1.jpg")
# The camera's path in units of the photo: it stays over the band of faces and returns when the cast begins again.
_ZOOM = (1.0, 1.7)
_FACES_Y = 0.34


class DemoReader:
    """Endless, paced in real time by `clock`; the picture of one moment is always the same."""

    duration_s: float | None = None
    started_at: datetime | None = None
    frame_count: int | None = None
    losses = NO_LOSSES

    def __init__(self, cast: Cast, fps: float, clock: Clock) -> None:
        self._cast = cast
        self._fps = fps
        self.declared = Declared(fps=fps)
        self._clock = clock
        self._opened_s = clock.monotonic()
        self._number = 0
        self._never = Event()

    def read(self) -> Picture | None:
        """The picture due next; when reading falls behind, those missed are left out."""
        now_s = self._clock.monotonic() - self._opened_s
        self._number = max(self._number, math.floor(now_s * self._fps))
        wait_s = self._number / self._fps - now_s
        if wait_s > 0.2:
            self._clock.wait(self._never, 0.2)
            return None
        if wait_s > 0:
            self._clock.wait(self._never, wait_s)
        time_s = self._number / self._fps
        image = view(self._cast.at(time_s), time_s)
        self._number += 1
        return Picture(image, None)

    def close(self) -> None:
        """Nothing is open."""


def view(photo: Image, time_s: float) -> Image:
    """The frame of the virtual camera at `time_s`: uint8 `(720, 1280, 3)`."""
    height, width = photo.shape[:2]
    turn = 2 * math.pi * time_s / CYCLE_S
    low, high = _ZOOM
    zoom = low + (high - low) * (0.5 - 0.5 * math.cos(2 * turn))
    scale = zoom * max(WIDTH / width, HEIGHT / height)
    half_w, half_h = WIDTH / scale / 2, HEIGHT / scale / 2
    x = half_w + (width - 2 * half_w) * (0.5 + 0.5 * math.sin(turn))
    y = min(max(_FACES_Y * height, half_h), height - half_h)
    move = np.array([[scale, 0, WIDTH / 2 - scale * x], [0, scale, HEIGHT / 2 - scale * y]])
    # The border is replicated: rounding may ask for a hair more than the photo holds.
    seen: Image = cv2.warpAffine(photo, move, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
    return seen


def open_demo(config: SourceConfig, clock: Clock | None = None) -> DemoReader:
    """The built-in footage at `config.fps`, or 15 pictures per second.

    Raises:
        SourceError: `not_found` when the package that carries the photo is missing.
    """
    package = importlib.util.find_spec("insightface")
    folders = package.submodule_search_locations if package else None
    photo = cv2.imread(str(Path(folders[0]) / _PHOTO)) if folders else None
    if photo is None:
        needs = (
            "demo footage needs a picture of the insightface package; make setup installs it, "
            "or: pip install --no-deps insightface"
        )
        raise SourceError(Cause.NOT_FOUND, needs)
    known = photo.shape[1::-1] == SIZE
    if not known:
        logger.warning("the demo's photo is %dx%d, not %dx%d: its faces stay still", *photo.shape[1::-1], *SIZE)
    return DemoReader(Cast(photo, ACTS if known else ()), config.fps or FPS, clock or SystemClock())
