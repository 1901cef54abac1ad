"""How long the shipped face detector takes for a frame on one core, beside others, in turns within one run.

python -m benchmarks.detector [--against haar] [--against public=retinaface.onnx] [--frame 640x360] [--turns 60]

How well it finds faces is for `moodline-train detector evaluate`.
"""

import argparse
import os
from typing import Any

from benchmarks.footage import views
from engine.stages.detect import DetectConfig
from trainer.detector.rivals import open_rival
from trainer.detector.stopwatch import USUAL, measure


def _size(text: str) -> tuple[int, int]:
    width, height = text.split("x")
    return int(width), int(height)


def table(rows: list[dict[str, Any]], against: str | None) -> str:
    """Milliseconds of each part and model; ratios below 1 are quicker than `against`."""
    lines = [f"{'part':8} {'model':28} {'frame':10} {'ms':>8}" + (f"   x of {against}" if against else "")]
    for row in sorted(rows, key=lambda row: row["part"]):
        ratio = f"   {row['ratio']:.2f}" if row["ratio"] is not None else ""
        lines.append(f"{row['part']:8} {row['model']:28} {row['frame']:10} {row['ms']:8.2f}{ratio}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detector", default=DetectConfig().model)
    models = "haar, NAME=FILE.onnx, yunet:FILE.onnx or a model's name; ratios are to the first"
    parser.add_argument("--against", action="append", default=[], metavar="MODEL", help=models)
    parser.add_argument("--frame", type=_size, default=USUAL, metavar="WxH")
    parser.add_argument("--turns", type=int, default=60)
    args = parser.parse_args()
    rivals = [open_rival(name) for name in (args.detector, *args.against)]
    first = rivals[1].name if args.against else None
    print(f"one thread, load {os.getloadavg()[0]:.1f}, median of {args.turns} turns")
    print(table(measure(rivals, views(20, 2.0), [args.frame], first, args.turns), first))


if __name__ == "__main__":
    main()
