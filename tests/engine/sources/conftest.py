"""Clips and cameras for the tests of sources."""

from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from tests.support.clips import Clips
from tests.support.httpcam import http_camera
from tests.support.rtsp import RtspCamera


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Clips:
    return Clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture
def camera(clips: Clips) -> Iterator[RtspCamera]:
    """An RTSP camera, 320x240 at 15 pictures per second."""
    with RtspCamera(clips["camera.h264"]) as camera:
        yield camera


@pytest.fixture
def web(clips: Clips) -> Iterator[str]:
    """The address of an HTTP camera that serves the clips, and `/live.mjpeg`."""
    jpeg = cv2.imencode(".jpg", np.full((48, 64, 3), 90, np.uint8))[1].tobytes()
    with http_camera(clips.folder, jpeg) as address:
        yield address
