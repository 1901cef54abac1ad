"""Footage with faces, made from the picture that the demo uses."""

import subprocess
from pathlib import Path

import pytest

from benchmarks.footage import write_clip


@pytest.fixture(scope="session")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds of a slow camera over a group photo, 640x360 at 30 frames a second."""
    return write_clip(tmp_path_factory.mktemp("faces") / "faces.mp4", 90, 640, 360)


@pytest.fixture(scope="session")
def camera_clip(faces: Path) -> Path:
    """The same as an H.264 stream for the test camera, at 15 frames a second."""
    path = faces.with_suffix(".h264")
    arguments = "-vf fps=15 -c:v libx264 -preset veryfast -bf 0 -g 15 -x264-params aud=1:repeat-headers=1:slices=1"
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", faces, *arguments.split(), path], check=True, timeout=60)
    return path
