"""What viewers cost the engine: frames per second and CPU time while nobody, one and eight watch, as ratios.

python -m benchmarks.preview [--clip FILE] [--frames 600] [--rounds 3]
"""

import argparse
import os
import statistics
import subprocess
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from benchmarks.footage import write_clip
from engine.api import ApiConfig
from engine.history import HistoryConfig
from engine.items import Frame
from engine.preview import Shots
from engine.sources.config import SourceConfig
from engine.stages.track import TrackedFrame
from pipelines.config import PipelineConfig
from pipelines.service import Service

_QUERIES = ("", "?width=640", "?blur=true", "?width=640&blur=true")


class _Viewer:
    """A program of its own that reads one stream to its end."""

    def __init__(self, url: str, query: str, path: Path) -> None:
        address = f"{url}/api/v1/sources/file/preview.mjpeg{query}"
        self._path = path
        self._curl = subprocess.Popen(["curl", "-s", "-N", "-o", path, address])

    def pictures(self) -> int:
        """How many it got; waits for the end of the stream."""
        self._curl.wait(30)
        return self._path.read_bytes().count(b"X-Frame-Index") if self._path.exists() else 0


def replay(clip: Path, viewers: int, folder: Path) -> tuple[float, float, int]:
    """Of a replay of `clip`, detected every tenth of a second: frames per second, milliseconds of the engine's CPU
    time for each, and pictures that were shown."""
    config = PipelineConfig(
        name="bench",
        mode="replay",
        sources=(SourceConfig(id="file", uri=str(clip)),),
        history=HistoryConfig(url="sqlite://"),
        api=ApiConfig(port=0),
    )
    service = Service(config)
    watching: list[_Viewer] = []
    started: list[tuple[float, float]] = []

    def watch() -> None:
        assert service.api_url
        for number in range(viewers):
            query = _QUERIES[number % len(_QUERIES)]
            watching.append(_Viewer(service.api_url, query, folder / f"{number}.mjpeg"))
        started.append((time.perf_counter(), time.process_time()))

    service.run(on_open=watch)
    seconds, cpu_s = time.perf_counter() - started[0][0], time.process_time() - started[0][1]
    frames = sum(source.frames.captured for source in service.status().sources)
    return frames / seconds, cpu_s / frames * 1e3, sum(viewer.pictures() for viewer in watching)


def tap_us(rounds: int = 100_000) -> float:
    """Microseconds that a frame costs which nobody watches."""
    shots, image = Shots(), np.zeros((720, 1280, 3), np.uint8)
    tracked = TrackedFrame(Frame("file", 0, 0.0, datetime.now(UTC), image), ())
    started = time.perf_counter()
    for _ in range(rounds):
        shots.on_faces(tracked)
    return (time.perf_counter() - started) / rounds * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clip", type=Path)
    parser.add_argument("--frames", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    print(f"{len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}")
    print(f"a frame that nobody watches: {tap_us():.2f} us")
    counts = (0, 1, 8)
    rows: list[list[tuple[float, float, int]]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = args.clip or write_clip(folder / "clip.mp4", args.frames)
        for _ in range(args.rounds):
            rows.append([replay(clip, viewers, folder) for viewers in counts])
            told = [f"{fps:.1f} fps, {cpu_ms:.1f} ms CPU, {shown} pictures" for fps, cpu_ms, shown in rows[-1]]
            print(
                "  ".join(f"{viewers} viewers: {text}" for viewers, text in zip(counts, told, strict=True)), flush=True
            )
    for place, viewers in enumerate(counts[1:], start=1):
        for what, number in (("frames/s", 0), ("CPU a frame", 1)):
            ratios = [row[place][number] / row[0][number] for row in rows]
            rounds = ", ".join(f"{ratio:.2f}" for ratio in ratios)
            print(f"{what}, {viewers} viewers / none: {statistics.median(ratios):.2f}x  (rounds: {rounds})")


if __name__ == "__main__":
    main()
