"""OpenCV's part: webcams over V4L2 and pictures in files."""

import logging
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from engine.errors import Cause, SourceError
from engine.items import Image
from engine.sources.config import SourceConfig
from engine.sources.headers import picture_size
from engine.sources.picture import NO_LOSSES, Declared, Losses, Picture, RateCap

logger = logging.getLogger(__name__)

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})
_PICTURES_FPS = 10.0


class PicturesReader:
    """A row of picture files, played at `fps`. One that cannot be read is left out with a warning, counted as lost."""

    def __init__(self, paths: list[Path], fps: float, max_pixels: int) -> None:
        self._paths = paths
        self._fps = fps
        self._max_pixels = max_pixels
        self._number = 0
        self._readable = self._lost = 0
        self._problem = ""
        self.declared = Declared()
        self.duration_s: float | None = len(paths) / fps
        self.frame_count: int | None = len(paths)
        self.started_at: datetime | None = datetime.fromtimestamp(paths[0].stat().st_mtime, UTC)

    def read(self) -> Picture | None:
        if self._number == len(self._paths):
            raise self._ended()
        number, self._number = self._number, self._number + 1
        path = self._paths[number]
        try:
            image = read_picture(path, self._max_pixels)
        except SourceError as error:
            self._problem = str(error)
            self._lost += 1
            if len(self._paths) > 1:
                logger.warning("picture left out: %s", error)
            return None
        self._readable += 1
        return Picture(image, number / self._fps)

    def _ended(self) -> SourceError:
        if self._readable:
            return SourceError(Cause.ENDED, f"{self._paths[-1]}: the last picture")
        return SourceError(Cause.CODEC, self._problem)

    @property
    def losses(self) -> Losses:
        return Losses(self._lost)

    def close(self) -> None:
        """Nothing is open between pictures."""


def read_picture(path: Path, max_pixels: int) -> Image:
    """A picture of any depth, grey or with alpha, as uint8 `(H, W, 3)` BGR, upright as its EXIF says.

    Raises:
        SourceError: `codec` when it is no picture or larger than `max_pixels`.
    """
    try:
        data = path.read_bytes()
        width, height = picture_size(data) or (0, 0)
        if width * height > max_pixels:
            raise SourceError(Cause.CODEC, f"{path}: {width}x{height} is more than max_pixels {max_pixels}")
        image: Image | None = None
        if width and height:
            image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except OSError as error:
        raise SourceError(Cause.REFUSED, f"{path}: {error.strerror or error}") from error
    except (cv2.error, MemoryError) as error:
        raise SourceError(Cause.CODEC, f"{path}: cannot be decoded as a picture") from error
    if image is None:
        raise SourceError(Cause.CODEC, f"{path}: cannot be decoded as a picture")
    return image


def open_pictures(config: SourceConfig, path: Path) -> PicturesReader:
    """One picture, or all pictures of a folder in natural order (`2.jpg` before `10.jpg`).

    Raises:
        SourceError: `not_found` when the folder holds none.
    """
    paths = [path]
    if path.is_dir():
        found = (item for item in path.iterdir() if item.suffix.lower() in PICTURE_SUFFIXES)
        paths = sorted(found, key=_natural)
    if not paths:
        suffixes = " ".join(sorted(PICTURE_SUFFIXES))
        raise SourceError(Cause.NOT_FOUND, f"{path}: the folder holds no pictures ({suffixes})")
    return PicturesReader(paths, config.fps or _PICTURES_FPS, config.max_pixels)


def _natural(path: Path) -> list[tuple[int, str]]:
    parts = re.findall(r"[0-9]+|[^0-9]+", path.name.lower())
    return [(int(part), "") if part[0] in "0123456789" else (-1, part) for part in parts]


class WebcamReader:
    """A V4L2 camera; pictures that are not wanted are taken but not converted."""

    declared = Declared()
    duration_s: float | None = None
    started_at: datetime | None = None
    frame_count: int | None = None
    losses = NO_LOSSES

    def __init__(self, device: Any, config: SourceConfig) -> None:
        self._device = device
        self._config = config
        self._cap = RateCap(config.fps)

    def read(self) -> Picture | None:
        started_s = time.monotonic()
        try:
            if not self._device.grab():
                raise self._lost(time.monotonic() - started_s)
            if not self._cap.wants(time.monotonic()):
                return None
            taken, image = self._device.retrieve()
        except cv2.error as error:
            raise SourceError(Cause.CODEC, f"{self._config.uri}: {error.err}") from error
        if not taken or image is None:
            return None
        return Picture(image if image.ndim == 3 else cv2.cvtColor(image, cv2.COLOR_GRAY2BGR), None)

    def _lost(self, waited_s: float) -> SourceError:
        if waited_s > 0.9 * self._config.read_timeout_s:
            return SourceError(Cause.TIMEOUT, f"{self._config.uri}: no picture for {waited_s:.0f} s")
        return SourceError(Cause.ENDED, f"{self._config.uri}: the camera is gone; is it plugged in?")

    def close(self) -> None:
        self._device.release()


def open_webcam(
    config: SourceConfig,
    capture: Callable[[int, int], Any] = cv2.VideoCapture,
    devices: Path = Path("/dev"),
) -> WebcamReader:
    """Open webcam N, that is `/dev/videoN`.

    Raises:
        SourceError: `not_found` without such a device, `refused` when it does not open.
    """
    number = int(config.uri.partition(":")[2])
    node = devices / f"video{number}"
    if not node.exists():
        raise SourceError(Cause.NOT_FOUND, f"{config.uri}: there is no {node}; is the camera plugged in?")
    device = capture(number, cv2.CAP_V4L2)
    if not device.isOpened():
        device.release()
        raise SourceError(
            Cause.REFUSED, f"{config.uri}: {node} does not open; is it in use, or are you not in group video?"
        )
    device.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    return WebcamReader(device, config)
