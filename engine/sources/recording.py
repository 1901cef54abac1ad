"""Recordings: every picture of a video file, with its time, and a word when the file ends too early."""

import logging
import math
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.errors import Cause, SourceError
from engine.sources.av_reader import Decoder
from engine.sources.config import SourceConfig
from engine.sources.formats import ROWS, VIDEO
from engine.sources.picture import Losses, Picture, RateCap
from engine.sources.wholeness import missing_bytes
from engine.words import printable

logger = logging.getLogger(__name__)

_STATE_THEIR_LENGTH = ("mov", "matroska", "avi", "flv", "asf", "mxf", "ivf")
# Behind damage these search for the next packet, to the end of the file, and call that the end of the video.
_SEARCHING = ("matroska", "avi", "flv", "asf")
_UNREAD_BYTES = 65_536
_MAX_CUT = 0.05
"""With more of its bytes missing a file that does not say how long it lasts has ended early; less may be its index."""
# The clock of MPEG streams turns over after 26.5 h; a larger step forward is one back.
_TURNING = ("mpegts", "mpeg")
_MAX_TURN_S = 2**33 / 90_000 / 2


class RecordingReader:
    """A file with video. Every picture is delivered; an end before the declared one is an error."""

    def __init__(self, decoder: Decoder, fps: float | None, path: Path) -> None:
        stream = decoder.stream
        self._decoder = decoder
        self.declared = decoder.declared
        self._path = path
        self._shown = printable(str(path))
        self._cap = RateCap(fps)
        self._rate = float(stream.average_rate or stream.guessed_rate or 25)
        # AVI has no presentation times: what FFmpeg makes up for them goes back and forth.
        self._stamp = "dts" if decoder.format == "avi" else "pts"
        self._media_s = self._stamp_s = self._tail_s = 0.0
        self._count = 0
        self._max_step_s = _MAX_TURN_S if decoder.format in _TURNING else math.inf
        self.duration_s = (decoder.container.duration or 0) / 1e6 or None
        self.started_at: datetime | None = _started_at(decoder, path)
        self._declared_frames: int = stream.frames
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
        """Seconds since the first picture, by the container's clock; steps back are none.

        A step forward of any length is believed: recorders that wait for motion leave holes.
        """
        nominal_s = 1 / self._rate
        tick_s = float(frame.time_base or 0)
        stamp = getattr(frame, self._stamp)
        stamp_s = self._stamp_s + nominal_s if stamp is None else stamp * tick_s
        if self._count:
            step_s = stamp_s - self._stamp_s
            self._media_s += step_s if 0 < step_s < self._max_step_s else nominal_s
        self._count += 1
        self._stamp_s = stamp_s
        self._tail_s = (frame.duration or 0) * tick_s or nominal_s
        return self._media_s

    def _ended(self, error: SourceError) -> SourceError:
        """Why nothing more comes: the end, or damage before the declared end. What is in doubt is only a warning."""
        losses = self.losses
        if not self._count:
            broken = f"all of its {losses.lost + losses.damaged} frames are damaged" if losses.damaged else ""
            return SourceError(Cause.CODEC, f"{self._shown}: {broken or 'holds no frame that can be decoded'}")
        if told := _told(losses, self._count):
            logger.warning("%s: %s", self._shown, told)
        of = f" of {self.duration_s:.1f} s" if self.duration_s else ""
        at_s = self._media_s + self._tail_s
        early = SourceError(Cause.CODEC, f"{self._shown}: ended early at {at_s:.1f} s{of}; the file is damaged")
        if error.cause is not Cause.ENDED:
            return early
        cut = self._cut_share()
        if cut and (self._missing_s(from_start=True) or (cut > _MAX_CUT and not self._states_length)):
            return early
        if cut:
            logger.warning("%s: its last bytes are missing; it was cut, or is still being written", self._shown)
        elif self._missing_s(from_start=False) and self._count + losses.lost + losses.damaged != self._declared_frames:
            logger.warning("%s: is said to last %.1f s, but what is in it ends earlier", self._shown, self.duration_s)
        return error

    @property
    def _states_length(self) -> bool:
        """Whether the file itself says how long it lasts; of other formats it is estimated."""
        return bool(self.duration_s) and self._decoder.format.startswith(_STATE_THEIR_LENGTH)

    def _missing_s(self, from_start: bool) -> float:
        """How much clearly less than the declared length was read, of all streams; 0 where there is no saying.

        Some files declare how long they last, others when they end: `from_start` takes the first for granted.
        """
        if not self.duration_s or not self._states_length:
            return 0.0
        start_s = (self._decoder.container.start_time or 0) / 1e6
        reached_s = self._decoder.reached_s - (start_s if from_start else min(start_s, 0.0))
        # Of an AVI without its index FFmpeg guesses how long it lasts; the number of frames is still there.
        by_count_s = self._declared_frames / self._rate if self._decoder.format == "avi" else 0.0
        declared_s = max(self.duration_s, by_count_s)
        missing_s = declared_s - reached_s
        return missing_s if missing_s > max(0.5, 0.02 * declared_s) else 0.0

    def _cut_share(self) -> float:
        """Which share of the file's bytes is missing at its end, or was read without finding anything; 0 for none."""
        try:
            size, missing = self._path.stat().st_size, missing_bytes(self._path)
        except OSError:
            return 0.0
        unread = size - self._decoder.read_to
        is_lost = self._decoder.format.startswith(_SEARCHING) and unread > max(_UNREAD_BYTES, size // 20)
        return (missing + (unread if is_lost else 0)) / (size + missing)

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
    options = {"protocol_whitelist": "file", "format_whitelist": f"{VIDEO},{ROWS}"}
    with ExitStack() as stack:
        name = str(path.absolute())
        if name != printable(name):  # FFmpeg takes no name that is not UTF-8, but any open file by its number
            name = f"/proc/self/fd/{stack.enter_context(path.open('rb')).fileno()}"
        decoder = Decoder(config, f"file:{name}", printable(str(path)), options)
    return RecordingReader(decoder, config.fps, path)
