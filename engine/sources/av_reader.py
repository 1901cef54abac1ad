"""The only import of PyAV: network streams and recordings."""

import logging
import time
from collections.abc import Generator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from engine.errors import Cause, SourceError
from engine.items import Image
from engine.sources.config import SourceConfig
from engine.sources.picture import Picture, RateCap

logger = logging.getLogger(__name__)

_FILE_FORMATS = "mov,mp4,matroska,webm,avi,mpegts,mpeg,mpegvideo,h264,hevc,m4v,ivf,obu,flv,asf,ogg,mxf,gif,apng"
_HTTP_FORMATS = "hls,mpjpeg,mjpeg,aac,mp3," + _FILE_FORMATS
# Over HTTP these come faster than real time, or in bursts, and are played by their own clock.
_PLAYED_FORMATS = ("hls", "mov", "matroska", "avi", "asf", "ogg", "mxf", "gif")
_MAX_STEP_S = 5.0
# What PyAV raises, its own MemoryError from damaged files included; most specific first.
_ERRORS = (av.error.FFmpegError, OSError, ValueError, MemoryError)
_CAUSES: tuple[tuple[tuple[type[BaseException], ...], Cause, str], ...] = (
    (
        (av.error.HTTPUnauthorizedError, av.error.HTTPForbiddenError),
        Cause.AUTH,
        "user name or password refused; check them in uri",
    ),
    ((av.error.HTTPNotFoundError, FileNotFoundError), Cause.NOT_FOUND, "nothing there; check its path"),
    ((av.error.ExitError, TimeoutError), Cause.TIMEOUT, "no answer in time"),
    ((ConnectionRefusedError,), Cause.REFUSED, "connection refused; is the camera on, and the port right?"),
    ((av.error.HTTPError, OSError), Cause.REFUSED, "the server refused or cannot be reached"),
    ((EOFError,), Cause.ENDED, "the stream ended"),
)


def decoder_version() -> str:
    """PyAV and the FFmpeg library inside it, for people."""
    library = ".".join(str(part) for part in av.library_versions["libavcodec"])
    return f"PyAV {av.__version__}, libavcodec {library}"


def _classified(error: BaseException, shown: str) -> SourceError:
    """`error` as a typed cause; of its text only the reason is kept, as the rest repeats address and password."""
    reason = getattr(error, "strerror", None) or type(error).__name__
    for classes, cause, advice in _CAUSES:
        if isinstance(error, classes):
            return SourceError(cause, f"{shown}: {advice} ({reason})")
    return SourceError(Cause.CODEC, f"{shown}: cannot be decoded ({reason})")


def _open(config: SourceConfig, address: str, shown: str, options: dict[str, str]) -> Any:
    """An open container that has a video stream."""
    timeout = (config.open_timeout_s, config.read_timeout_s)
    options = {**options, "max_pixels": str(config.max_pixels)}
    started_s = time.monotonic()
    try:
        container = av.open(address, options=options, timeout=timeout, metadata_errors="replace")
    except _ERRORS as error:
        # A server that accepts and stays silent looks like invalid data once the time is over.
        late = config.kind != "file" and time.monotonic() - started_s > 0.9 * config.open_timeout_s
        raise _classified(TimeoutError("no answer") if late else error, shown) from None
    try:
        _check(container, config, shown)
    except SourceError:
        container.close()
        raise
    return container


def _check(container: Any, config: SourceConfig, shown: str) -> None:
    stream = container.streams.best("video")
    if stream is None:
        raise SourceError(Cause.CODEC, f"{shown}: holds no video")
    codec = stream.codec_context
    if codec is None:
        raise SourceError(Cause.CODEC, f"{shown}: no decoder for this video")
    if codec.width * codec.height > config.max_pixels:
        size = f"{codec.width}x{codec.height}"
        raise SourceError(Cause.CODEC, f"{shown}: {size} is more than max_pixels {config.max_pixels}")
    codec.options = {"max_pixels": str(config.max_pixels)}


class _Decoder:
    """The video frames of one container, undamaged or not, and their pixels."""

    def __init__(self, container: Any, shown: str, threads: str) -> None:
        self._container = container
        self._shown = shown
        self.stream = container.streams.best("video")
        self.stream.thread_type = threads
        self._frames = self._decode()
        self._reformatter = VideoReformatter()
        self.damaged = 0

    def next_frame(self) -> Any:
        """The next frame, or None for a packet that gave none.

        Raises:
            SourceError: `ended` when the demuxer has nothing more; its own cause when it fails.
        """
        try:
            return next(self._frames)
        except StopIteration:
            raise SourceError(Cause.ENDED, f"{self._shown}: the footage ended") from None
        except _ERRORS as error:
            raise _classified(error, self._shown) from None

    def _decode(self) -> Generator[Any, None, None]:
        for packet in self._container.demux(self.stream):
            try:
                frames = packet.decode()
            except av.error.MemoryError:
                raise
            except av.error.FFmpegError:
                self.damaged += 1
                frames = [None]
            yield from frames or [None]

    def pixels(self, frame: Any) -> Image:
        """uint8 `(H, W, 3)` BGR, turned the way the recorder says it is to be seen."""
        try:
            bgr = self._reformatter.reformat(frame, format="bgr24", interpolation=Interpolation.FAST_BILINEAR)
            image: Image = bgr.to_ndarray().astype(np.uint8, copy=False)
        except _ERRORS as error:
            raise _classified(error, self._shown) from None
        turns = round(frame.rotation / 90) % 4
        return np.ascontiguousarray(np.rot90(image, turns)) if turns else image

    def close(self) -> None:
        self._frames.close()
        self._container.close()


class LiveReader:
    """A network stream. Pictures flagged as damaged are left out."""

    duration_s: float | None = None
    started_at: datetime | None = None
    frame_count: int | None = None

    def __init__(self, decoder: _Decoder, config: SourceConfig, playout: "Playout | None") -> None:
        self._decoder = decoder
        self._config = config
        self._playout = playout
        self._cap = RateCap(config.fps)
        self._held: Any = None

    def read(self) -> Picture | None:
        frame = self._held or self._undamaged()
        self._held = None
        if self._playout and (wait_s := self._playout.wait_s(frame.time, time.monotonic())) > 0:
            time.sleep(min(wait_s, 0.2))
            if wait_s > 0.2:
                self._held = frame
                return None
        if not self._cap.wants(time.monotonic()):
            return None
        return Picture(self._decoder.pixels(frame), None)

    def _undamaged(self) -> Any:
        deadline_s = time.monotonic() + self._config.read_timeout_s
        while True:
            frame = self._decoder.next_frame()
            if frame is not None and not frame.is_corrupt:
                return frame
            if time.monotonic() > deadline_s:
                seconds = f"{self._config.read_timeout_s:g} s"
                raise SourceError(Cause.CODEC, f"{self._config.shown}: no undamaged picture for {seconds}")

    def close(self) -> None:
        self._held = None
        self._decoder.close()


class Playout:
    """When the pictures of a stream that arrives in bursts are due, by its own clock."""

    def __init__(self) -> None:
        self._offset_s: float | None = None
        self._last_s = 0.0

    def wait_s(self, media_s: float | None, now_s: float) -> float:
        """Seconds until the picture is due. Time starts anew at a jump, and when data came too late."""
        if media_s is None:
            return 0.0
        jumped = not 0 <= media_s - self._last_s < _MAX_STEP_S
        self._last_s = media_s
        if self._offset_s is None or jumped or self._offset_s + media_s < now_s - 0.5:
            self._offset_s = now_s - media_s
        return self._offset_s + media_s - now_s


class RecordingReader:
    """A file with video. Every picture is delivered; an end before the declared one is an error."""

    def __init__(self, container: Any, decoder: _Decoder, config: SourceConfig, path: Path) -> None:
        stream = decoder.stream
        self._decoder = decoder
        self._path = path
        self._cap = RateCap(config.fps)
        self._rate = float(stream.average_rate or stream.guessed_rate or 25)
        self._media_s = self._last_pts_s = self._tail_s = 0.0
        self._count = 0
        self._declared_s = _declared_s(container, stream)
        self.duration_s = self._declared_s or (container.duration or 0) / 1e6 or None
        self.started_at: datetime | None = _started_at(container, path)
        self.frame_count = self._expected(stream.frames, config.fps)

    def _expected(self, declared: int, fps: float | None) -> int | None:
        if fps and fps < self._rate:
            return round(self.duration_s * fps) if self.duration_s else None
        return declared or (round(self.duration_s * self._rate) if self.duration_s else None)

    def read(self) -> Picture | None:
        try:
            frame = self._decoder.next_frame()
        except SourceError as error:
            raise self._ended(error) from error.__cause__
        if frame is None:
            return None
        media_s = self._advance(frame)
        if not self._cap.wants(media_s):
            return None
        return Picture(self._decoder.pixels(frame), media_s)

    def _advance(self, frame: Any) -> float:
        """Seconds since the first picture. PTS count only as small steps forward; many are wrong."""
        nominal_s = 1 / self._rate
        pts_s = frame.time if frame.time is not None else self._last_pts_s + nominal_s
        if self._count:
            step_s = pts_s - self._last_pts_s
            self._media_s += step_s if 0 < step_s < _MAX_STEP_S else nominal_s
        self._count += 1
        self._last_pts_s = pts_s
        self._tail_s = float((frame.duration or 0) * (frame.time_base or 0)) or nominal_s
        return self._media_s

    def _ended(self, error: SourceError) -> SourceError:
        """Why nothing more comes: the end, or damage before the declared end."""
        if not self._count:
            return SourceError(Cause.CODEC, f"{self._path}: holds no picture that can be decoded")
        if error.cause is not Cause.ENDED or self._is_short():
            of = f" of {self._declared_s:.1f} s" if self._declared_s else ""
            at = f"{self._media_s + self._tail_s:.1f} s"
            return SourceError(Cause.CODEC, f"{self._path}: ended early at {at}{of}; the file is damaged")
        if self._decoder.damaged:
            logger.warning("%s: %d damaged packets left out", self._path, self._decoder.damaged)
        return error

    def _is_short(self) -> bool:
        """Whether clearly less came than was declared."""
        declared_s = self._declared_s or 0.0
        missing_s = declared_s - self._media_s - self._tail_s
        return self._count != self.frame_count and missing_s > max(0.5, 0.02 * declared_s)

    def close(self) -> None:
        self._decoder.close()


def _declared_s(container: Any, stream: Any) -> float | None:
    """The video's length where the file states it; other formats only estimate it from their size."""
    if not container.format.name.startswith(("mov", "matroska", "avi")):
        return None
    if "DURATION" in stream.metadata:
        with suppress(ValueError):
            hours, minutes, seconds = stream.metadata["DURATION"].split(":")
            return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    by_count = float(stream.frames / stream.average_rate) if stream.average_rate else 0.0
    if stream.duration:
        return max(float(stream.duration * stream.time_base), by_count)
    alone = len(container.streams) == 1 and container.duration
    return container.duration / 1e6 if alone else None


def _started_at(container: Any, path: Path) -> datetime:
    """When the recorder says it began, else when the file was last written."""
    with suppress(ValueError, KeyError):
        moment = datetime.fromisoformat(container.metadata["creation_time"])
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def open_recording(config: SourceConfig, path: Path) -> RecordingReader:
    """Open a video file; scripts that name other files are not opened.

    Raises:
        SourceError: `codec` when it is no video or larger than `max_pixels`.
    """
    options = {"protocol_whitelist": "file", "format_whitelist": _FILE_FORMATS}
    container = _open(config, f"file:{path.absolute()}", str(path), options)
    return RecordingReader(container, _Decoder(container, str(path), "SLICE"), config, path)


def open_rtsp(config: SourceConfig) -> LiveReader:
    """Open a camera over RTSP.

    Raises:
        SourceError: with the cause the server or the network gave.
    """
    options = {
        "rtsp_transport": config.transport,
        "allowed_media_types": "video",
        "protocol_whitelist": "rtsp,rtsps,rtp,tls,tcp,udp",
        "analyzeduration": "200000",
        "probesize": "50000",
        "buffer_size": "4000000",
    }
    container = _open(config, config.uri, config.shown, options)
    return LiveReader(_Decoder(container, config.shown, "SLICE"), config, None)


def open_http(config: SourceConfig) -> LiveReader:
    """Open a stream over HTTP: HLS, MJPEG, MPEG-TS, or a recording, which is then played in real time.

    Raises:
        SourceError: with the cause the server or the network gave.
    """
    options = {
        "protocol_whitelist": "http,https,tls,tcp",
        "format_whitelist": _HTTP_FORMATS,
        "max_redirects": "0",
    }
    container = _open(config, config.uri, config.shown, options)
    playout = Playout() if container.format.name.startswith(_PLAYED_FORMATS) else None
    return LiveReader(_Decoder(container, config.shown, "SLICE"), config, playout)
