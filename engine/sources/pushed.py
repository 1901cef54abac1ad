"""A source that is fed from outside: whoever has pictures puts them here, the capture loop reads the newest."""

import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from threading import Condition
from typing import Literal

import cv2
import numpy as np

from engine.errors import Cause, SourceError
from engine.fields import settings
from engine.items import Image
from engine.sources.config import Kind, SourceConfig
from engine.sources.headers import picture_size
from engine.sources.picture import NO_LOSSES, Declared, Picture

MAX_PIXELS = 1280 * 720
_HEAD_BYTES = 16 * 2**10
"""The size of a picture stands within so many bytes; more are not looked at."""
_MAX_SCANS = 32
"""A progressive picture has about ten. Each takes as long to decode as a whole picture, however short it is."""
_REMEMBERED = 32
_MAX_SPOILED = 10
"""So many pictures in a row that cannot be decoded end it: nothing will come of this camera."""


@settings
class BrowserSource(SourceConfig):
    """A browser's camera. Only the page that feeds it can make one; no configuration names it."""

    uri: Literal["browser:"] = "browser:"
    max_pixels: int = MAX_PIXELS

    @property
    def kind(self) -> Kind:
        return "browser"

    __repr__ = SourceConfig.__repr__


def check_jpeg(data: bytes, max_pixels: int = MAX_PIXELS) -> None:
    """Quick, and decodes nothing.

    Raises:
        ValueError: this is no whole JPEG, or one that would be costly to decode; says which.
    """
    if not data.startswith(b"\xff\xd8\xff"):
        raise ValueError("this is no JPEG")
    if not data.endswith(b"\xff\xd9"):
        raise ValueError("the JPEG has no end")
    width, height = picture_size(data[:_HEAD_BYTES]) or (0, 0)
    if not width or not height:
        raise ValueError("the JPEG does not tell its size")
    if width * height > max_pixels:
        raise ValueError(f"the picture of {width}x{height} has more than {max_pixels} pixels")
    if data.count(b"\xff\xda") > _MAX_SCANS:
        raise ValueError(f"the JPEG has more than {_MAX_SCANS} scans")


@dataclass(frozen=True, slots=True)
class _Sent:
    sequence: int
    jpeg: bytes


class PushedPictures:
    """The newest picture of one source, until it is read. Holds one at most; any thread.

    `on_taken` is called on the reading thread whenever there is room again, or `refusal` was set, and by `dismiss`.
    """

    def __init__(self, source_id: str, on_taken: Callable[[], None] = lambda: None) -> None:
        self.config = BrowserSource(id=source_id)
        self.taken = 0
        """Sequence number of the last picture that was read."""
        self.spoiled = 0
        """Sequence number of the last picture that could not be decoded."""
        self.refusal: str | None = None
        """Why no more pictures are wanted from whoever sends them."""
        self.dismissal: str | None = None
        """Why the source was ended from elsewhere."""
        self.on_taken = on_taken
        self._waiting: _Sent | None = None
        self._missed = 0
        self._spoiled = 0
        """Pictures in a row that could not be decoded."""
        self._closed = False
        self._changed = Condition()
        # Which picture became which image, without keeping the images.
        self._images: deque[tuple[weakref.ref[Image], int]] = deque(maxlen=_REMEMBERED)

    def put(self, sequence: int, jpeg: bytes) -> None:
        """A picture that has passed `check_jpeg`. One that still waits gives way to it and is counted as dropped."""
        with self._changed:
            self._missed += self._waiting is not None
            self._waiting = _Sent(sequence, jpeg)
            self._changed.notify()

    def close(self) -> None:
        """Nothing more will come; whoever reads stops waiting."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def dismiss(self, why: str) -> None:
        """Close, and tell whoever sends that the source was ended, and why."""
        self.dismissal = why
        self.close()
        self.on_taken()

    def open(self, config: SourceConfig) -> "PushedReader":
        """What the fleet takes as `open_reader`."""
        return PushedReader(self, config)

    def sequence_of(self, image: Image) -> int | None:
        """The number under which the picture came that was decoded to this very `image`; None for an old one."""
        return next((sequence for known, sequence in tuple(self._images) if known() is image), None)

    def take(self, timeout_s: float) -> Picture | None:
        """The next picture, decoded; None when it could not be, or when all is over.

        Raises:
            SourceError: none came in time.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._closed or self._waiting is not None, timeout_s):
                raise SourceError(Cause.TIMEOUT, f"{self.config.uri}: no picture for {timeout_s:g} s")
            sent, self._waiting = self._waiting, None
            missed, self._missed = self._missed, 0
        if sent is None or self._closed:
            return None
        return self._decoded(sent, missed)

    def _decoded(self, sent: _Sent, missed: int) -> Picture | None:
        image = _decode(sent.jpeg)
        if image is None:
            self._spoil(sent.sequence, missed)
            picture = None
        else:
            self._images.append((weakref.ref(image), sent.sequence))
            picture = Picture(image, None, missed, self._spoiled)
            self._spoiled = 0
        self.taken = sent.sequence
        self.on_taken()
        return picture

    def _spoil(self, sequence: int, missed: int) -> None:
        with self._changed:
            self._missed += missed
        self.spoiled = sequence
        self._spoiled += 1
        if self._spoiled >= _MAX_SPOILED:
            self.refusal = f"{self._spoiled} JPEGs in a row cannot be decoded"


class PushedReader:
    """Reads from `PushedPictures`; there is nothing to open or close."""

    declared = Declared("mjpeg")
    duration_s: float | None = None
    started_at: datetime | None = None
    frame_count: int | None = None
    losses = NO_LOSSES

    def __init__(self, pictures: PushedPictures, config: SourceConfig) -> None:
        self._pictures = pictures
        self._config = config

    def read(self) -> Picture | None:
        return self._pictures.take(self._config.read_timeout_s)

    def close(self) -> None:
        """Nothing is open."""


def _decode(jpeg: bytes) -> Image | None:
    try:
        flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
        image: Image | None = cv2.imdecode(np.frombuffer(jpeg, np.uint8), flags)
    except (cv2.error, MemoryError):
        return None
    return image
