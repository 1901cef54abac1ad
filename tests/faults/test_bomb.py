"""A small file with huge frames is refused before it costs memory."""

import subprocess
import sys
from pathlib import Path

from tests.faults.conftest import ffmpeg

_SIDE = 6000
_OPEN = """
import resource, sys
from engine.errors import SourceError
from engine.sources.config import SourceConfig
from engine.sources.reader import open_reader
open_reader(SourceConfig(id="a", uri=sys.argv[1])).close()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    open_reader(SourceConfig(id="a", uri=sys.argv[2], max_pixels=9_437_184))
except SourceError as error:
    print(error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_video_bomb_is_refused_by_the_size_in_its_header(film, tmp_path):
    threads = "-threads 1 -x264-params threads=1:rc-lookahead=0:sync-lookahead=0"
    card = f"-f lavfi -i color=black:size={_SIDE}x{_SIDE}:rate=1 -frames:v 1"
    bomb = ffmpeg(f"{card} -c:v libx264 -preset ultrafast {threads} -pix_fmt yuv420p", tmp_path / "bomb.mp4")
    done = subprocess.run(
        [sys.executable, "-c", _OPEN, film, bomb], capture_output=True, text=True, check=True, timeout=60,
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    said, grown_kb = done.stdout.splitlines()
    assert f"{_SIDE}x{_SIDE} is more than max_pixels 9437184" in said
    assert int(grown_kb) < 5_000
