"""`moodline-train collect`: record one's own labelled faces."""

import re
from pathlib import Path

import click
from tqdm import tqdm

from engine.errors import ConfigError
from engine.stages.chip import ChipConfig
from trainer import aligning
from trainer.labels import FERPLUS, canonical
from trainer.recording import Plan, record, source_config


@click.command()
@click.option("--source", required=True, help="webcam:0, a file or folder, or an rtsp:// or http:// address.")
@click.option("--label", required=True, help=f"What the face shows: {', '.join(FERPLUS)}, or a label of yours.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The collection; more may be added to it.")
@click.option(
    "--detector",
    default=aligning.DETECTOR,
    show_default=True,
    help="What finds faces: a model's name, a RetinaFace file, or haar.",
)
@click.option("--every", type=click.IntRange(1), default=1, show_default=True, help="Look at every Nth picture.")
@click.option("--max", "limit", type=click.IntRange(1), help="Stop after so many faces.")
@click.option("--min-size", type=click.IntRange(0), default=48, show_default=True, help="Pixels of a face's side.")
@click.option(
    "--min-sharpness",
    type=click.FloatRange(0, 1),
    default=0.05,
    show_default=True,
    help="Leave out blurred faces: portraits measure 0.19 to 1.3, strongly blurred ones 0.015 to 0.15.",
)
@click.option("--person", help="Who it is, in any words: one person's faces never stand in two splits.")
def collect(
    source: str,
    label: str,
    out: Path,
    detector: str,
    every: int,
    limit: int | None,
    min_size: int,
    min_sharpness: float,
    person: str | None,
) -> None:
    """Record aligned faces that all show one emotion to OUT/LABEL/CLIP/NNNNNN.png; Ctrl-C ends a recording.

    Faces that are small, blurred, dark or turned away are left out and counted. OUT is then a SOURCE of prepare.

    \b
    moodline-train collect --source webcam:0 --label happiness --out my-faces --every 5 --max 200 --person anna
    moodline-train collect --source smile.mp4 --label happiness --out my-faces
    moodline-train prepare my-faces --out runs/my-faces
    """
    name = canonical(label)
    if not re.fullmatch(r"[\w][\w .-]*", name):
        raise ConfigError(f"--label: {label!r} cannot name a folder; use letters, digits, spaces and dashes")
    gates = ChipConfig(min_size=min_size, min_sharpness=min_sharpness)
    config = source_config(source)
    finder = aligning.open_finder(detector, gates.min_score)
    with tqdm(desc=name, unit="picture", disable=None) as bar:
        faces = 0

        def show(pictures: int, kept: int) -> None:
            nonlocal faces
            faces += kept
            bar.set_postfix_str(f"{faces} faces", refresh=False)
            bar.update(pictures)

        clip = record(config, finder, Plan(name, every, limit, gates, person), out, show)
    reasons = ", ".join(f"{count} {reason}" for reason, count in clip.left_out.items())
    click.echo(
        f"{out / clip.folder}: {clip.faces} faces of {clip.frames} pictures" + (f" ({reasons})" if reasons else "")
    )
    if not clip.faces:
        raise ConfigError(f"no face of {source!r} was fit to keep; lower --min-size or --min-sharpness")
