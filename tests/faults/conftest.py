"""Real servers with real faults, clips as in the tests of sources, and footage with a face."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest
from skimage import data

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


@pytest.fixture(scope="session")
def portrait(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture of one face, 512x512."""
    path = tmp_path_factory.mktemp("portrait") / "portrait.png"
    cv2.imwrite(str(path), cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR))
    return path


@pytest.fixture(scope="session")
def film(portrait: Path) -> Path:
    """Three seconds of that face at 15 frames a second, one key frame."""
    path = portrait.with_name("film.mp4")
    ffmpeg(f"-loop 1 -i {portrait} -t 3 -r 15 -c:v libx264 -preset veryfast -g 45 -pix_fmt yuv420p", path)
    return path


def ffmpeg(arguments: str, output: Path) -> Path:
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", *arguments.split(), str(output)]
    subprocess.run(command, check=True, timeout=60)
    return output
