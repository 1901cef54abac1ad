"""Frames per second of the engine against the plain loop, as ratios, on the same clip in the same run.

python -m benchmarks.throughput [--detector retinaface-mnet025] [--clip FILE] [--rounds 3]
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks import plain_loop
from benchmarks.footage import write_clip
from engine import ids
from engine.modelcard import Model, find_model
from engine.stages.detect import DetectConfig
from pipelines.config import PipelineConfig, StagesConfig
from pipelines.service import Service


def engine_fps(clip: Path, copies: int, detector: str, folder: Path) -> tuple[float, int]:
    """Frames per second over all files at once, every frame detected, with history and bus; and its faces."""
    from engine.api import ApiConfig
    from engine.history import HistoryConfig
    from engine.sources.config import SourceConfig

    config = PipelineConfig(
        name="bench",
        mode="replay",
        sources=tuple(SourceConfig(id=f"file{number}", uri=str(clip)) for number in range(copies)),
        stages=StagesConfig(detect=DetectConfig(model=detector, every_s=0)),
        history=HistoryConfig(url=f"sqlite:///{folder / f'{ids.new_ulid()}.db'}"),
        api=ApiConfig(enabled=False),
    )
    service = Service(config)
    started: list[float] = []
    service.run(on_open=lambda: started.append(time.perf_counter()))
    seconds = time.perf_counter() - started[0]
    status = service.status()
    frames = sum(source.frames.captured for source in status.sources)
    return frames / seconds, sum(status.chips.values())


def plain_fps(clip: Path, detector: Model, classifier: Path, threads: int) -> tuple[float, int]:
    started = time.perf_counter()
    frames, faces = plain_loop.run(clip, detector.path, detector.card.input, classifier, threads)
    return frames / (time.perf_counter() - started), faces


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--detector", default="retinaface-mnet025")
    parser.add_argument("--clip", type=Path)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    detector, classifier = find_model(args.detector), find_model("emotion-fer").path
    print(f"{len(os.sched_getaffinity(0))} cores, detector {args.detector}, load {os.getloadavg()[0]:.1f}")
    rows: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = args.clip or write_clip(folder / "clip.mp4", args.frames)
        for _ in range(args.rounds):
            row = {f"plain {threads} thread": plain_fps(clip, detector, classifier, threads) for threads in (1, 2)}
            row |= {f"engine {copies} file": engine_fps(clip, copies, args.detector, folder) for copies in (1, 2)}
            print("  ".join(f"{key} {fps:.1f} fps ({faces} faces)" for key, (fps, faces) in row.items()), flush=True)
            rows.append({key: fps for key, (fps, _) in row.items()})
    for copies in (1, 2):
        ratios = [row[f"engine {copies} file"] / max(row["plain 1 thread"], row["plain 2 thread"]) for row in rows]
        print(f"engine on {copies} file(s) / plain loop: {statistics.median(ratios):.2f}x  (rounds: "
              + ", ".join(f"{ratio:.2f}" for ratio in ratios) + ")")  # fmt: skip


if __name__ == "__main__":
    main()
