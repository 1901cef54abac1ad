"""Writing video: H.264 in MP4 that plays everywhere."""

from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np

from engine.errors import ConfigError
from engine.items import Image


class VideoWriter:
    """Writes uint8 `(H, W, 3)` BGR images of one size at their media times. One thread.

    The file is complete once the writer is closed. Odd sizes get one more row or column, since
    H.264's usual colour format needs even ones.
    """

    def __init__(self, path: Path, width: int, height: int, fps: float) -> None:
        """Raises `ConfigError` when the file cannot be written."""
        try:
            self._container = av.open(str(path), "w", options={"movflags": "+faststart"})
        except (OSError, ValueError, av.error.FFmpegError) as error:
            raise ConfigError(f"{path}: cannot be written as video; name a file such as seen.mp4") from error
        self._size = (width + width % 2, height + height % 2)
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
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        self._container.mux(self._stream.encode(None))
        self._container.close()

    def __enter__(self) -> "VideoWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
