"""Reading with PyAV: opens streams and recordings, decodes them, and says in our words what went wrong."""

import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.codec.context import Flags
from av.video.reformatter import VideoReformatter

from engine.errors import Cause, SourceError
from engine.items import Image
from engine.sources.config import SourceConfig
from engine.sources.damage import DamageWatch
from engine.sources.formats import complaint, head_of
from engine.sources.geometry import square_size, upright
from engine.sources.picture import Declared, Losses

# What PyAV raises, MemoryError from damaged files included.
_ERRORS = (av.error.FFmpegError, OSError, ValueError, MemoryError)
_CAUSES: tuple[tuple[tuple[type[BaseException], ...], Cause, str], ...] = (
    (
        (av.error.HTTPUnauthorizedError, av.error.HTTPForbiddenError),
        Cause.AUTH,
        "user name or password refused; check them in uri",
    ),
    ((av.error.HTTPServerError,), Cause.SERVER_ERROR, "its server has an error of its own; is it still starting?"),
    ((av.error.HTTPTooManyRequestsError,), Cause.BUSY, "takes no more viewers at present"),
    ((av.error.HTTPNotFoundError, FileNotFoundError), Cause.NOT_FOUND, "nothing there; check the path"),
    ((av.error.ExitError, TimeoutError), Cause.TIMEOUT, "no answer in time"),
    ((ConnectionRefusedError,), Cause.REFUSED, "connection refused; is the camera on, and the port right?"),
    ((EOFError,), Cause.ENDED, "the stream ended"),
    ((MemoryError,), Cause.CODEC, "damaged"),
    (
        (av.error.HTTPClientError, av.error.HTTPError, av.error.ProtocolNotFoundError, OSError),
        Cause.REFUSED,
        "refused or not reachable",
    ),
)
# FFmpeg's words where they say nothing to a reader; 93 is EPROTONOSUPPORT, its answer to 461.
_REASONS = {"Immediate exit requested": "", "Invalid argument": "unknown or forbidden format"}
_MAX_FPS = 240
"""Streams that declare more do not know."""
_NO_STREAM = (
    "not a video stream that is supported; MJPEG, HLS, MPEG-TS and MP4 are, "
    "a page, a single picture or an encrypted stream is not"
)
_UNDECODED = {"codec_whitelist": "none", "probesize": "32768", "analyzeduration": "0"}
"""Options that keep FFmpeg from decoding when it opens: all it knows then is what the container says."""
_TRANSPORT_REFUSED = "Protocol not supported"


def decoder_version() -> str:
    """PyAV and the FFmpeg library inside it, for people."""
    library = ".".join(str(part) for part in av.library_versions["libavcodec"])
    return f"PyAV {av.__version__}, libavcodec {library}"


def _classified(error: BaseException, shown: str, was_open: bool = False) -> SourceError:
    """`error` as a typed cause; of its text only the reason is kept, as the rest repeats address and password.

    `was_open`: it ended a stream from the network that had been delivering.
    """
    reason = getattr(error, "strerror", None) or ""
    reason = f" ({reason})" if (reason := _REASONS.get(reason, reason)) else ""
    for classes, cause, advice in _CAUSES:
        if isinstance(error, classes):
            if was_open and cause is Cause.REFUSED:
                return SourceError(Cause.LOST, f"{shown}: the connection was cut{reason}")
            return SourceError(cause, f"{shown}: {advice}{reason}")
    return SourceError(Cause.CODEC, f"{shown}: not a video, or damaged{reason}")


class Decoder:
    """The frames of one video stream and their pixels. Used and closed by the thread that opened it."""

    def __init__(self, config: SourceConfig, address: str, shown: str, options: dict[str, str]) -> None:
        """Open `address`; `options` are FFmpeg's. Pictures above `max_pixels` are refused undecoded.

        Raises:
            SourceError: with the cause that server, network or file gave.
        """
        self._shown = shown
        self._config = config
        options = {**options, "max_pixels": str(config.max_pixels)}
        if config.kind == "file":
            self._look_ahead(address, options)
        self.container = self._open(address, options)
        try:
            self.stream = self._checked_stream()
        except SourceError:
            self.container.close()
            raise
        # Measured with two 720p files on two cores: every choice costs the same per picture (2.5 ms), and
        # frame threads would add delay. More threads would only add up over many cameras.
        self.stream.thread_type = "SLICE"
        self.stream.codec_context.thread_count = 2
        self.stream.codec_context.flags |= Flags.copy_opaque
        self._watch = DamageWatch(self.format, patient=config.kind == "file")
        self._frames = self._decode()
        self._reformatter = VideoReformatter()
        self.keys = 0
        """Key frames that have arrived."""
        self.reached_s = 0.0
        """Where the last packet of any stream that was read ends, on the container's clock."""
        self.read_to = 0
        """The end of the last packet that was read, in bytes from the file's beginning."""

    def _open(self, address: str, options: dict[str, str]) -> Any:
        timeout = (self._config.open_timeout_s, self._config.read_timeout_s)
        started_s = time.monotonic()
        try:
            return av.open(address, options=options, timeout=timeout, metadata_errors="replace")
        except _ERRORS as error:
            # A server that accepts and stays silent looks like invalid data once the time is over.
            waited_s = time.monotonic() - started_s
            if self._config.kind != "file" and waited_s > 0.9 * self._config.open_timeout_s:
                raise SourceError(Cause.TIMEOUT, f"{self._shown}: no answer in {waited_s:.1f} s") from None
            if getattr(error, "strerror", None) == _TRANSPORT_REFUSED:
                other = {"tcp": "udp", "udp": "tcp"}[self._config.transport]
                text = f"{self._shown}: refuses {self._config.transport} (461); set transport: {other}"
                raise SourceError(Cause.REFUSED, text) from None
            if self._config.kind == "rtsp" and isinstance(error, av.error.HTTPOtherClientError):
                # FFmpeg does not say which: 453, of all others the one that cameras give.
                text = f"{self._shown}: takes no more viewers at present (453), or refuses the request"
                raise SourceError(Cause.BUSY, text) from None
            if self._config.kind == "rtsp" and isinstance(error, av.error.InvalidDataError):
                text = f"{self._shown}: no RTSP answer; it is another service, or the connection was cut"
                raise SourceError(Cause.REFUSED, text) from None
            if self._config.kind == "file" and isinstance(error, av.error.InvalidDataError | ValueError):
                raise SourceError(Cause.CODEC, f"{self._shown}: {self._complaint(address)}") from None
            if self._config.kind == "http" and isinstance(error, av.error.InvalidDataError | ValueError):
                raise SourceError(Cause.CODEC, f"{self._shown}: {_NO_STREAM}") from None
            raise _classified(error, self._shown) from None

    @staticmethod
    def _complaint(address: str) -> str:
        try:
            return complaint(head_of(Path(address.removeprefix("file:"))))
        except OSError:
            return "damaged: it cannot be read"

    def _checked_stream(self) -> Any:
        stream = self.container.streams.best("video")
        if stream is None:
            raise SourceError(Cause.CODEC, f"{self._shown}: holds no video")
        codec, limit = stream.codec_context, self._config.max_pixels
        if codec is None:
            raise SourceError(Cause.CODEC, f"{self._shown}: no decoder for this video")
        self._check_size(codec)
        # A JPEG that is cut short would be handed out half grey, without a word.
        strict = {"err_detect": "explode"} if codec.name == "mjpeg" else {}
        codec.options = {"max_pixels": str(limit), **strict}
        return stream

    def _look_ahead(self, address: str, options: dict[str, str]) -> None:
        """Refuse what its container says is too large, before anything is decoded: a first frame alone takes memory."""
        try:
            with av.open(address, options={**options, **_UNDECODED}, metadata_errors="replace") as container:
                for stream in container.streams.video:
                    if stream.codec_context is not None:
                        self._check_size(stream.codec_context)
        except _ERRORS:
            return  # the real opening says what is wrong

    def _check_size(self, codec: Any) -> None:
        limit = self._config.max_pixels
        if codec.width * codec.height > limit:
            size = f"{codec.width}x{codec.height}"
            raise SourceError(Cause.CODEC, f"{self._shown}: {size} is more than max_pixels {limit}")

    @property
    def format(self) -> str:
        """The container's names, such as `mov,mp4,m4a`."""
        return str(self.container.format.name)

    @property
    def declared(self) -> Declared:
        """Codec and rate as the stream states them, which need not be true."""
        rate = self.stream.average_rate or self.stream.guessed_rate
        return Declared(self.stream.codec_context.name, float(rate) if rate and 0 < rate <= _MAX_FPS else None)

    @property
    def losses(self) -> Losses:
        """Frames that were lost or damaged since the opening; `next_frame` leaves them out."""
        return self._watch.losses

    def next_frame(self) -> Any:
        """The next frame, or None for a packet that gave none, or a damaged one.

        Raises:
            SourceError: `ended` when nothing more comes; another cause when reading failed.
        """
        try:
            return next(self._frames)
        except StopIteration:
            raise SourceError(Cause.ENDED, f"{self._shown}: ended") from None
        except _ERRORS as error:
            raise _classified(error, self._shown, was_open=self._config.kind != "file") from None

    def _decode(self) -> Generator[Any, None, None]:
        for packet in self._packets():
            self.keys += packet.is_keyframe
            self._watch.packet(packet)
            try:
                frames = packet.decode()
            except av.error.MemoryError:
                raise
            except av.error.FFmpegError:
                # Who joins a live stream between two key frames has not lost anything.
                if self.keys or self._config.kind == "file":
                    self._watch.undecodable()
                frames = []
            yield from [ready for frame in frames for ready in self._watch.frame(frame)] or [None]
        yield from self._watch.flush()

    def _packets(self) -> Generator[Any, None, None]:
        """Packets to decode, the empty one at the end included."""
        # Of a file all streams are followed: its length is that of the longest.
        wanted = () if self._config.kind == "file" else (self.stream,)
        for packet in self.container.demux(*wanted):
            stamp = packet.dts if packet.pts is None else packet.pts
            if stamp is not None:
                end_s = float((stamp + (packet.duration or 0)) * packet.time_base)
                self.reached_s = max(self.reached_s, end_s)
                self.read_to = max(self.read_to, (packet.pos or 0) + packet.size)
            if packet.stream.index != self.stream.index:
                self._watch.other(packet)
            elif packet.size or stamp is None:
                yield packet
            # An empty packet with a time repeats the frame before it; given to the decoder it would end the stream.

    def pixels(self, frame: Any) -> Image:
        """uint8 `(H, W, 3)` BGR in square pixels, turned the way the recorder says it is to be seen.

        Raises:
            SourceError: `codec`, when this pixel format cannot be converted.
        """
        aspect = self.stream.sample_aspect_ratio
        size = square_size(frame.width, frame.height, float(aspect or 1), self._config.max_pixels)
        try:
            bgr = self._reformatter.reformat(frame, *size, format="bgr24", threads=1)
            image: Image = bgr.to_ndarray().astype(np.uint8, copy=False)
        except _ERRORS as error:
            raise _classified(error, self._shown) from None
        return upright(frame, image)

    def close(self) -> None:
        """Closing twice does nothing."""
        self._frames.close()
        self.container.close()
