"""Real servers with real faults."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.clips import Clips
from tests.support.rtsp import RtspCamera


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Clips:
    return Clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="session")
def camera_clip(clips: Clips) -> Path:
    return clips["camera.h264"]


@pytest.fixture
def camera(camera_clip: Path) -> Iterator[RtspCamera]:
    with RtspCamera(camera_clip) as camera:
        yield camera
