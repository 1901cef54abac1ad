"""Streams from the network: RTSP cameras, and whatever comes over HTTP."""

import time
from dataclasses import replace
from datetime import datetime
from typing import Any

from engine.errors import Cause, SourceError
from engine.sources.av_reader import Decoder
from engine.sources.config import SourceConfig
from engine.sources.formats import VIDEO
from engine.sources.lag import Lag
from engine.sources.picture import Losses, Picture, RateCap

_HTTP_FORMATS = f"hls,mpjpeg,aac,mp3,{VIDEO}"
# These come in bursts, or faster than real time, and are played by their own clock.
_PLAYED_FORMATS = ("hls", "mov", "matroska", "avi", "asf", "ogg", "mxf", "gif")
# These state when each frame was filmed. MJPEG does not: its times are made up from a rate nobody knows.
_STAMPED_FORMATS = ("rtsp", "mpegts", "flv")
_MAX_STEP_S = 5.0
_NAP_S = 0.2
_WORD_EVERY_S = 0.5
"""So often `read` returns while data comes and no frame does."""
_PATIENCE = 6
"""So many read timeouts without an undamaged frame end a stream that delivers data."""


class LiveReader:
    """A network stream. The decoder leaves out damaged pictures, this what has piled up on the way.

    `playout` holds back those that are early, `lag` finds those that are late.
    """

    duration_s: float | None = None
    started_at: datetime | None = None
    frame_count: int | None = None

    def __init__(
        self, decoder: Decoder, config: SourceConfig, playout: "Playout | None" = None, lag: Lag | None = None
    ) -> None:
        self._decoder = decoder
        self.declared = decoder.declared
        self._config = config
        self._playout = playout
        self._lag = lag
        self._cap = RateCap(config.fps)
        self._early: Any = None
        self._good_s: float | None = None
        self._key_s: float | None = None
        self._stale = 0

    def read(self) -> Picture | None:
        frame, self._early = self._early or self._next(), None
        if frame is None:
            return None
        wait_s = self._playout.wait_s(frame.time, time.monotonic()) if self._playout else 0.0
        if wait_s > 0:
            time.sleep(min(wait_s, _NAP_S))
        if wait_s > _NAP_S:
            self._early = frame
            return None
        if self._is_late(frame):
            self._stale += 1
            return None
        if not self._cap.wants(time.monotonic()):
            return None
        return Picture(self._decoder.pixels(frame), None, lag_s=self._lag.seconds if self._lag else None)

    def _is_late(self, frame: Any) -> bool:
        """Whether newer frames are on their way already. Raises `SourceError` where only a new connection has them."""
        if self._lag is None or frame.time is None:
            return False
        self._lag.take(frame.time, time.monotonic())
        if self._lag.wants_live_edge:
            shown, behind_s = self._config.shown, self._lag.seconds
            advice = "is the network too thin for it? If its picture is live, its time stamps are wrong: max_lag_s: 0"
            raise SourceError(Cause.LAG, f"{shown}: {behind_s:.1f} s behind, connecting again; {advice}")
        return self._lag.is_over or self._lag.is_backlog

    def _next(self) -> Any:
        """The next undamaged frame; None where data came for a while and no such frame."""
        until_s = time.monotonic() + _WORD_EVERY_S
        while True:
            asked_s = time.monotonic()
            frame = self._decoder.next_frame()
            now_s = time.monotonic()
            if self._playout is None and now_s - asked_s > 0.95 * self._config.read_timeout_s:
                # A decoder that was cut off hands out what it had kept, and would be waited for once more.
                raise SourceError(Cause.TIMEOUT, f"{self._config.shown}: no data for {now_s - asked_s:.1f} s")
            if frame is not None:
                self._good_s = now_s
                return frame
            self._check_patience(now_s)
            if now_s > until_s:
                return None

    def _check_patience(self, now_s: float) -> None:
        """Data without frames is a sign of life until a key frame has come; then it cannot be decoded."""
        limit_s = self._config.read_timeout_s
        if self._good_s is not None:
            since_s, limit_s = self._good_s, _PATIENCE * limit_s
        elif self._decoder.keys:
            since_s = self._key_s = now_s if self._key_s is None else self._key_s
        else:
            return
        if now_s - since_s > limit_s:
            raise SourceError(Cause.CODEC, f"{self._config.shown}: no undamaged picture for {limit_s:g} s")

    @property
    def losses(self) -> Losses:
        return replace(self._decoder.losses, stale=self._stale)

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
    decoder = Decoder(config, address or config.uri, config.shown, options)
    return LiveReader(decoder, config, lag=Lag(config.max_lag_s or None))


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
        # Enough for the parameters of the video; those of one whose key frames are rare come later.
        "analyzeduration": "2000000",
    }
    if host is not None:
        options["headers"] = f"Host: {host}\r\n"
    decoder = Decoder(config, address or config.uri, config.shown, options)
    if decoder.format.startswith(_PLAYED_FORMATS):
        return LiveReader(decoder, config, Playout())
    return LiveReader(
        decoder, config, lag=Lag(config.max_lag_s or None) if decoder.format in _STAMPED_FORMATS else None
    )
