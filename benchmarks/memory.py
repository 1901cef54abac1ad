"""Memory over many frames: growth of the resident set after the first thousand.

python -m benchmarks.memory [--frames 10000]
"""

import argparse
import tempfile
import threading
from pathlib import Path

from benchmarks.footage import write_clip
from engine.api import ApiConfig
from engine.history import HistoryConfig
from engine.sources.config import SourceConfig
from engine.stages.detect import DetectConfig
from pipelines.config import PipelineConfig, StagesConfig
from pipelines.service import Service

_PAGE_MB = 4096 / 1e6


def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_MB


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--detector", default="retinaface-mnet025")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = write_clip(folder / "clip.mp4", 300, 640, 360)
        config = PipelineConfig(
            name="memory",
            mode="replay",
            sources=(SourceConfig(id="loop", uri=str(clip), loop=True),),
            stages=StagesConfig(detect=DetectConfig(model=args.detector, every_s=0)),
            history=HistoryConfig(url=f"sqlite:///{folder / 'memory.db'}"),
            api=ApiConfig(enabled=False),
        )
        service = Service(config)
        marks: dict[int, float] = {}

        def watch() -> None:
            done = 0
            while done < args.frames:
                threading.Event().wait(0.05)
                sources = service.status().sources
                done = sources[0].frames.captured if sources else 0
                if done // 1000 not in marks and done >= 1000:
                    marks[done // 1000] = resident_mb()
            service.stop()

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        service.run()
        watcher.join(10)
    print("  ".join(f"{thousand}k {megabytes:.0f} MB" for thousand, megabytes in marks.items()))
    print(f"growth after the first 1,000 of {args.frames} frames: {max(marks.values()) - marks[1]:.1f} MB at most")


if __name__ == "__main__":
    main()
