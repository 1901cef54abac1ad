"""Recordings: every picture of a video file, with its time, and a word when the file ends too early."""

import logging
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.errors import Cause, SourceError
from engine.sources.av_reader import Decoder
from engine.sources.config import SourceConfig
from engine.sources.picture import Losses, Picture, RateCap

logger = logging.getLogger(__name__)

FORMATS = "mov,mp4,matroska,webm,avi,mpegts,mpeg,mpegvideo,h264,hevc,m4v,ivf,obu,flv,asf,ogg,mxf,gif,apng"
"""What may be opened: formats that hold pictures themselves and cannot name other files."""
_STATE_THEIR_LENGTH = ("mov", "matroska", "avi")
_MAX_STEP_S = 5.0


class RecordingReader:
    """A file with video. Every picture is delivered; an end before the declared one is an error."""

    def __init__(self, decoder: Decoder, fps: float | None, path: Path) -> None:
        stream = decoder.stream
        self._decoder = decoder
        self.declared = decoder.declared
        self._path = path
        self._cap = RateCap(fps)
        self._rate = float(stream.average_rate or stream.guessed_rate or 25)
        # AVI has no presentation times: what FFmpeg makes up for them goes back and forth.
        self._stamp = "dts" if decoder.format == "avi" else "pts"
        self._media_s = self._stamp_s = self._tail_s = 0.0
        self._count = 0
        self._declared_s = _declared_s(decoder)
        self.duration_s = self._declared_s or (decoder.container.duration or 0) / 1e6 or None
        self.started_at: datetime | None = _started_at(decoder, path)
        self.frame_count = self._expected(stream.frames, fps)

    def _expected(self, declared: int, fps: float | None) -> int | None:
        if fps and fps < self._rate:
            return round(self.duration_s * fps) if self.duration_s else None
        return declared or (round(self.duration_s * self._rate) if self.duration_s else None)

    def read(self) -> Picture | None:
        try:
            frame = self._decoder.next_frame()
        except SourceError as error:
            raise self._ended(error) from None
        if frame is None:
            return None
        media_s = self._advance(frame)
        if not self._cap.wants(media_s):
            return None
        return Picture(self._decoder.pixels(frame), media_s)

    def _advance(self, frame: Any) -> float:
        """Seconds since the first picture. Time stamps count only as small steps forward; many are wrong."""
        nominal_s = 1 / self._rate
        tick_s = float(frame.time_base or 0)
        stamp = getattr(frame, self._stamp)
        stamp_s = self._stamp_s + nominal_s if stamp is None else stamp * tick_s
        if self._count:
            step_s = stamp_s - self._stamp_s
            self._media_s += step_s if 0 < step_s < _MAX_STEP_S else nominal_s
        self._count += 1
        self._stamp_s = stamp_s
        self._tail_s = (frame.duration or 0) * tick_s or nominal_s
        return self._media_s

    def _ended(self, error: SourceError) -> SourceError:
        """Why nothing more comes: the end, or damage before the declared end."""
        if not self._count:
            return SourceError(Cause.CODEC, f"{self._path}: holds no picture that can be decoded")
        if error.cause is not Cause.ENDED or self._is_short():
            at_s, of = self._media_s + self._tail_s, f" of {self._declared_s:.1f} s" if self._declared_s else ""
            return SourceError(Cause.CODEC, f"{self._path}: ended early at {at_s:.1f} s{of}; the file is damaged")
        if told := _told(self.losses, self._count):
            logger.warning("%s: %s", self._path, told)
        return error

    def _is_short(self) -> bool:
        """Whether clearly less came than was declared."""
        declared_s = self._declared_s or 0.0
        missing_s = declared_s - self._media_s - self._tail_s
        return self._count != self._decoder.stream.frames and missing_s > max(0.5, 0.02 * declared_s)

    @property
    def losses(self) -> Losses:
        return self._decoder.losses

    def close(self) -> None:
        self._decoder.close()


def _told(losses: Losses, read: int) -> str:
    """How much was unreadable, for people; empty when nothing was."""
    unread = losses.lost + losses.damaged
    if not unread:
        return ""
    share = f"{unread / (read + unread):.1%}".replace("%", " %")
    counts = f"{losses.lost} lost, {losses.damaged} damaged"
    return f"{unread} of {read + unread} frames could not be read ({share}: {counts}) and were left out"


def _declared_s(decoder: Decoder) -> float | None:
    """The video's length where the file states it; other formats are only estimated from their size."""
    container, stream = decoder.container, decoder.stream
    if not decoder.format.startswith(_STATE_THEIR_LENGTH):
        return None
    with suppress(KeyError, ValueError):
        hours, minutes, seconds = stream.metadata["DURATION"].split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    by_count = float(stream.frames / stream.average_rate) if stream.average_rate else 0.0
    if stream.duration:
        return max(float(stream.duration * stream.time_base), by_count)
    is_alone = len(container.streams) == 1 and container.duration
    return container.duration / 1e6 if is_alone else None


def _started_at(decoder: Decoder, path: Path) -> datetime:
    """When the recorder says it began, else when the file was last written."""
    with suppress(KeyError, ValueError):
        moment = datetime.fromisoformat(decoder.container.metadata["creation_time"])
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def open_recording(config: SourceConfig, path: Path) -> RecordingReader:
    """Open a video file; scripts that name other files are not opened.

    Raises:
        SourceError: `codec` when it is no video or larger than `max_pixels`.
    """
    options = {"protocol_whitelist": "file", "format_whitelist": FORMATS}
    decoder = Decoder(config, f"file:{path.absolute()}", str(path), options)
    return RecordingReader(decoder, config.fps, path)
