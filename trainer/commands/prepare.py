"""`moodline-train prepare`: read, align and pack a data set."""

from pathlib import Path

import click
from tqdm import tqdm

from trainer import data, preprocess

_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("source", type=_FILE)
@click.option("--landmarks", type=_FILE, required=True, help="A RetinaFace ONNX file that finds five points.")
@click.option("--out", type=_FILE, required=True, help="Where to write the packed data (.npz).")
@click.option("--threshold", type=click.FloatRange(0, 1), default=0.8, show_default=True)
def prepare(source: Path, landmarks: Path, out: Path, threshold: float) -> None:
    """Read FER2013 with FER+ from folder SOURCE, align its faces, and pack both versions.

    SOURCE holds mosaics/*.webp and labels.npz, or Kaggle's fer2013.csv and FER+'s fer2013new.csv.

    \b
    moodline-train prepare ~/fer2013 --landmarks retinaface.onnx --out runs/fer2013.npz
    """
    faces = data.load(source)
    with tqdm(total=len(faces.images), desc="align", unit="face", disable=None) as bar:
        packed = preprocess.pack(faces, preprocess.retinaface(landmarks), threshold, bar.update)
    preprocess.save(packed, out)
    share = float(packed.found.mean())
    click.echo(f"{out}: {len(faces.images)} faces, {share:.1%} aligned (counts in {out.with_suffix('.json')})")
