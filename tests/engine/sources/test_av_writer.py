"""Writing video."""

import numpy as np
import pytest

from engine.errors import OutputError
from engine.sources.av_writer import VideoWriter
from engine.sources.config import SourceConfig
from engine.sources.reader import open_reader


def noise():
    return np.random.default_rng(1).integers(0, 255, (241, 321, 3), np.uint8)


@pytest.mark.parametrize("name", ["seen.mp4", "SEEN.MOV", "seen.mkv", "with: colon.mp4"])
def test_what_is_written_can_be_read(tmp_path, name):
    with VideoWriter(tmp_path / name, 321, 241, 10) as writer:
        for number in range(5):
            writer.write(noise(), number / 10)
    reader = open_reader(SourceConfig(id="x", uri=f"file://{tmp_path}/{name}"))
    while (picture := reader.read()) is None:
        pass
    assert picture.image.shape == (242, 322, 3)
    reader.close()


def write_some(path, pictures):
    with VideoWriter(path, 321, 241, 10) as writer:
        for number in range(pictures):
            writer.write(noise(), number / 10)


@pytest.mark.parametrize("pictures", [1, 100])
@pytest.mark.parametrize("name", ["full.mp4", "full.mkv"])
def test_a_full_disk_is_one_fact_early_or_late(tmp_path, name, pictures):
    path = tmp_path / name
    path.symlink_to("/dev/full")
    with pytest.raises(OutputError, match=rf"{name}: cannot be written as video: .*No space left on device"):
        write_some(path, pictures)


def test_a_missing_folder_is_one_fact(tmp_path):
    with pytest.raises(OutputError, match=r"cannot be written as video: .*No such file or directory"):
        write_some(tmp_path / "nowhere" / "x.mp4", 1)


def test_a_format_without_h264_is_one_fact(tmp_path):
    with pytest.raises(OutputError, match="cannot be written as video"):
        write_some(tmp_path / "x.gif", 1)
