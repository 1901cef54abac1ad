"""Opens the footage that a source names: one table, one reader for each kind of source."""

from collections.abc import Callable

from engine.sources.av_reader import decoder_version
from engine.sources.config import Kind, SourceConfig
from engine.sources.demo import open_demo
from engine.sources.files import open_file
from engine.sources.geometry import turned
from engine.sources.live import open_http, open_rtsp
from engine.sources.opencv_reader import open_webcam
from engine.sources.picture import Picture, Reader

__all__ = ["Picture", "Reader", "decoder_version", "is_lossless", "open_reader"]

_OPENERS: dict[Kind, Callable[[SourceConfig], Reader]] = {
    "rtsp": open_rtsp,
    "http": open_http,
    "webcam": open_webcam,
    "demo": open_demo,
    "file": open_file,
}


def open_reader(config: SourceConfig) -> Reader:
    """Open the source's footage; blocks for `open_timeout_s` at most.

    Raises:
        SourceError: it cannot be opened; the message holds no credentials.
    """
    return turned(config, _OPENERS[config.kind])


def is_lossless(config: SourceConfig) -> bool:
    """Whether every picture counts: files and folders forget nothing, live footage forgets the oldest."""
    return config.kind == "file"
