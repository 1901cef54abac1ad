"""Streams from the network: RTSP cameras, and whatever comes over HTTP."""

import time
from datetime import datetime
from typing import Any

from engine.errors import Cause, SourceError
from engine.sources.av_reader import Decoder
from engine.sources.config import SourceConfig
from engine.sources.formats import VIDEO
from engine.sources.picture import Losses, Picture, RateCap

_HTTP_FORMATS = f"hls,mpjpeg,aac,mp3,{VIDEO}"
# These come in bursts, or faster than real time, and are played by their own clock.
_PLAYED_FORMATS = ("hls", "mov", "matroska", "avi", "asf", "ogg", "mxf", "gif")
_MAX_STEP_S = 5.0
_NAP_S = 0.2


class LiveReader:
    """A network stream. The decoder leaves out damaged pictures; `playout` holds back those that are early."""

    duration_s: float | None = None
    started_at: datetime | None = None
    frame_count: int | None = None

    def __init__(self, decoder: Decoder, config: SourceConfig, playout: "Playout | None" = None) -> None:
        self._decoder = decoder
        self.declared = decoder.declared
        self._config = config
        self._playout = playout
        self._cap = RateCap(config.fps)
        self._early: Any = None

    def read(self) -> Picture | None:
        frame, self._early = self._early or self._undamaged(), None
        wait_s = self._playout.wait_s(frame.time, time.monotonic()) if self._playout else 0.0
        if wait_s > 0:
            time.sleep(min(wait_s, _NAP_S))
        if wait_s > _NAP_S:
            self._early = frame
            return None
        if not self._cap.wants(time.monotonic()):
            return None
        return Picture(self._decoder.pixels(frame), None)

    def _undamaged(self) -> Any:
        limit_s = self._config.read_timeout_s
        deadline_s = time.monotonic() + limit_s
        while True:
            frame = self._decoder.next_frame()
            if frame is not None:
                return frame
            if time.monotonic() > deadline_s:
                raise SourceError(Cause.CODEC, f"{self._config.shown}: no undamaged picture for {limit_s:g} s")

    @property
    def losses(self) -> Losses:
        return self._decoder.losses

    def close(self) -> None:
        self._early = None
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


def open_rtsp(config: SourceConfig, address: str | None = None) -> LiveReader:
    """Open a camera over RTSP, at `address` where that is given instead of at its `uri`.

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
    return LiveReader(Decoder(config, address or config.uri, config.shown, options), config)


def open_http(config: SourceConfig, address: str | None = None, host: str | None = None) -> LiveReader:
    """Open a stream over HTTP: HLS, MJPEG, MPEG-TS, or a recording, which is then played in real time.

    Redirects are not followed. With `address`, which is asked for `host` then, neither are playlists (HLS): they may
    name any other host.

    Raises:
        SourceError: with the cause the server or the network gave.
    """
    options = {
        "protocol_whitelist": "http,https,tls,tcp",
        "format_whitelist": _HTTP_FORMATS if address is None else _HTTP_FORMATS.removeprefix("hls,"),
        "max_redirects": "0",
    }
    if host is not None:
        options["headers"] = f"Host: {host}\r\n"
    decoder = Decoder(config, address or config.uri, config.shown, options)
    return LiveReader(decoder, config, Playout() if decoder.format.startswith(_PLAYED_FORMATS) else None)
