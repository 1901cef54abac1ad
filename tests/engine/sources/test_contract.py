"""What every reader promises, checked for every kind of source."""

from collections.abc import Callable
from contextlib import closing

import cv2
import numpy as np
import pytest

from engine.errors import Cause, SourceError
from engine.sources.config import SourceConfig
from engine.sources.demo import open_demo
from engine.sources.opencv_reader import open_webcam
from engine.sources.picture import Picture, Reader
from engine.sources.reader import open_reader
from engine.testing import FakeClock, ScriptedSource
from tests.support.webcam import StillWebcam


def _file(name: str) -> Callable[..., Reader]:
    return lambda request, **more: _open(str(request.getfixturevalue("clips")[name]), **more)


def _open(uri: str, **more: object) -> Reader:
    return open_reader(SourceConfig(id="a", uri=uri, **more))


def _rtsp(transport: str) -> Callable[..., Reader]:
    return lambda request, **more: _open(request.getfixturevalue("camera").url(), transport=transport, **more)


def _folder(request: pytest.FixtureRequest, **more: object) -> Reader:
    folder = request.getfixturevalue("tmp_path")
    for number in range(12):
        cv2.imwrite(str(folder / f"{number}.png"), np.full((8, 8, 3), number, np.uint8))
    return _open(str(folder), **more)


def _webcam(request: pytest.FixtureRequest, **more: object) -> Reader:
    folder = request.getfixturevalue("tmp_path")
    (folder / "video0").touch()
    config = SourceConfig(id="a", uri="webcam:0", **more)
    return open_webcam(config, capture=lambda *_: StillWebcam(fps=30), devices=folder)


READERS: dict[str, Callable[..., Reader]] = {
    "mp4": _file("plain.mp4"),
    "matroska": _file("plain.mkv"),
    "avi": _file("plain.avi"),
    "mpegts": _file("plain.ts"),
    "gif": _file("slow.gif"),
    "folder": _folder,
    "rtsp over tcp": _rtsp("tcp"),
    "rtsp over udp": _rtsp("udp"),
    "mjpeg": lambda request, **more: _open(request.getfixturevalue("web") + "/live.mjpeg", **more),
    "webcam": _webcam,
    "demo": lambda request, **more: open_demo(SourceConfig(id="a", uri="demo:", **more), FakeClock()),
    "scripted": lambda request, **more: ScriptedSource([np.zeros((4, 4, 3), np.uint8)] * 8),
}


@pytest.fixture(params=READERS.values(), ids=READERS)
def opener(request):
    return lambda **more: request.param(request, **more)


def _pictures(reader: Reader, most: int) -> list[Picture]:
    found: list[Picture] = []
    for _ in range(20 * most):
        try:
            picture = reader.read()
        except SourceError as error:
            assert error.cause is Cause.ENDED
            break
        found += [picture] if picture else []
        if len(found) == most:
            break
    return found


def test_pictures_are_bgr_bytes_and_their_times_begin_at_zero_and_increase(opener):
    with closing(opener()) as reader:
        pictures = _pictures(reader, 8)
        is_live = reader.started_at is None
    assert len(pictures) >= 5
    for picture in pictures:
        assert picture.image.dtype == np.uint8
        assert picture.image.ndim == 3
        assert picture.image.shape[2] == 3
        assert picture.image.flags.c_contiguous
    times = [picture.media_s for picture in pictures]
    if is_live:
        assert set(times) == {None}
    else:
        assert times[0] == 0.0
        assert times == sorted(set(times))


def test_footage_that_ends_delivers_what_it_announced(opener):
    with closing(opener()) as reader:
        if reader.started_at is None:
            assert (reader.frame_count, reader.duration_s) == (None, None)
            return
        pictures = _pictures(reader, 1000)
        assert reader.started_at.tzinfo is not None
        assert len(pictures) == reader.frame_count
        last = pictures[-1]
        # The duration includes the last picture's own.
        assert reader.duration_s == pytest.approx(last.media_s * len(pictures) / (len(pictures) - 1), rel=0.05)


def test_closing_twice_and_before_the_end_does_nothing(opener):
    reader = opener()
    reader.read()
    reader.close()
    reader.close()
