import struct
from contextlib import closing

import cv2
import numpy as np
import pytest

from engine.sources.config import SourceConfig
from engine.sources.geometry import Pose, TurnedReader, square_size
from engine.sources.reader import open_reader
from engine.testing import ScriptedSource

ONE = 1 << 16
# One of each corner, so that every turn and mirror is another picture.
MARKED = np.zeros((40, 60, 3), np.uint8)
MARKED[:20, :30], MARKED[:20, 30:], MARKED[20:, :30] = (255, 0, 0), (0, 255, 0), (0, 0, 255)


@pytest.mark.parametrize(
    ("matrix", "pose"),
    [
        ((1, 0, 0, 1), Pose()),
        ((0, 1, -1, 0), Pose(1)),  # a phone held upright
        ((-1, 0, 0, -1), Pose(2)),
        ((0, -1, 1, 0), Pose(3)),
        ((-1, 0, 0, 1), Pose(0, mirrored=True)),  # a camera that shows its user a mirror
        ((1, 0, 0, -1), Pose(2, mirrored=True)),  # upside down, as some encoders store it
        ((0, 1, 1, 0), Pose(1, mirrored=True)),
        ((0, -1, -1, 0), Pose(3, mirrored=True)),
    ],
)
def test_a_display_matrix_is_a_turn_and_perhaps_a_mirror(matrix, pose):
    a, b, c, d = (value * ONE for value in matrix)
    got = Pose.of_matrix(struct.pack("=9i", a, b, 0, c, d, 0, 0, 0, 1 << 30))
    assert got == pose
    # A point of the picture goes where the matrix says: (x, y) to (ax + cy, bx + dy), about the middle.
    seen = got.applied(MARKED)
    for x, y in ((-15, -10), (15, -10), (-15, 10)):
        u, v = matrix[0] * x + matrix[2] * y, matrix[1] * x + matrix[3] * y
        height, width = seen.shape[:2]
        assert seen[height // 2 + v, width // 2 + u].tolist() == MARKED[20 + y, 30 + x].tolist()


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("wide_pixels.mp4", (640, 240)),  # 320x240 stored, shown twice as wide
        ("high_pixels.mkv", (320, 480)),
        ("plain.mp4", (320, 240)),
    ],
)
def test_frames_come_in_square_pixels(clips, name, size):
    with closing(open_reader(SourceConfig(id="a", uri=str(clips[name])))) as reader:
        while (picture := reader.read()) is None:
            continue
    assert picture.image.shape[1::-1] == size


def test_square_pixels_stay_below_the_limit_and_nonsense_is_left_alone():
    wide, high = square_size(4000, 2000, 2.0, 8_000_000)
    assert wide * high <= 8_000_000
    assert wide / high == pytest.approx(4, rel=0.01)
    assert square_size(640, 480, 500.0, 10**8) == (640, 480)
    assert square_size(640, 480, 0.0, 10**8) == (640, 480)


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
@pytest.mark.parametrize("mirror", [False, True])
def test_a_source_is_turned_and_mirrored_as_its_settings_say(tmp_path, rotate, mirror):
    cv2.imwrite(str(tmp_path / "a.png"), MARKED)
    config = SourceConfig(id="a", uri=str(tmp_path / "a.png"), rotate=rotate, mirror=mirror)
    with closing(open_reader(config)) as reader:
        image = reader.read().image
    expected = np.rot90(MARKED, -rotate // 90)
    assert (image == (expected[:, ::-1] if mirror else expected)).all()
    assert image.flags.c_contiguous


def test_a_turned_reader_tells_all_its_reader_tells():
    inner = ScriptedSource([MARKED, None], fps=5)
    with closing(TurnedReader(inner, Pose(1))) as reader:
        told = (reader.declared, reader.duration_s, reader.started_at, reader.frame_count, reader.losses)
        assert told == (inner.declared, inner.duration_s, inner.started_at, 1, inner.losses)
        assert reader.read().image.shape == (60, 40, 3)
        assert reader.read() is None
    assert inner.closed
