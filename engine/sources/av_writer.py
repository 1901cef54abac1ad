"""Writing video: H.264 in MP4 that plays everywhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np

from engine import ownerfiles
from engine.errors import OutputError
from engine.items import Image


class VideoWriter:
    """Writes uint8 `(H, W, 3)` BGR images of one size at their media times. One thread.

    The file is for its owner alone (0600), and complete once the writer is closed. Odd sizes get one more
    row or column, since H.264's usual colour format needs even ones.
    """

    def __init__(self, path: Path, width: int, height: int, fps: float) -> None:
        """All methods raise `OutputError` when the file cannot be written."""
        self._path = path
        self._failed = False
        self._size = (width + width % 2, height + height % 2)
        with self._told():
            ownerfiles.make(path)
            # Plain paths only: `rtmp://host/x.mp4` is a file in a folder that does not exist.
            self._container = av.open(f"file:{path.absolute()}", "w", options=_options(path))
            self._stream = self._container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
        self._stream.width, self._stream.height = self._size
        self._stream.pix_fmt = "yuv420p"
        self._stream.options = {"crf": "21", "preset": "veryfast"}
        self._stream.codec_context.time_base = Fraction(1, 90_000)
        self._last_pts = -1

    def write(self, image: Image, time_s: float) -> None:
        """Append one image; `time_s` is seconds since the start and must not go back."""
        width, height = self._size
        if image.shape[:2] != (height, width):
            image = np.pad(image, ((0, height - image.shape[0]), (0, width - image.shape[1]), (0, 0)), mode="edge")
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="bgr24")
        self._last_pts = frame.pts = max(self._last_pts + 1, round(time_s * 90_000))
        frame.time_base = Fraction(1, 90_000)
        with self._told():
            self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        try:
            # FFmpeg crashes when it is given more after a failure.
            if not self._failed:
                with self._told():
                    self._container.mux(self._stream.encode(None))
        finally:
            with self._told():
                self._container.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError, av.error.FFmpegError) as error:
            self._failed = True
            reason = getattr(error, "strerror", None) or error
            raise OutputError(f"{self._path}: cannot be written as video: {reason}") from error

    def __enter__(self) -> "VideoWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _options(path: Path) -> dict[str, str]:
    """The index of an MP4 goes to the front, so that it plays while it loads."""
    return {} if path.suffix.lower() == ".mkv" else {"movflags": "+faststart"}
