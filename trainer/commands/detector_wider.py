"""`moodline-train detector wider`: WIDER FACE, labelled by people, as training data."""

from pathlib import Path

import click

from trainer.commands.told import command_line, tell_splits
from trainer.detector.label import LabelConfig
from trainer.detector.pictures import check_out
from trainer.detector.rights import WIDER
from trainer.detector.shots import Sampling
from trainer.detector.widerface import read_labels, write_wider
from trainer.sources.base import PictureReader

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("labels", type=_PATH)
@click.option("--images", type=_PATH, help="Folder of the pictures [default: 'images' beside LABELS].")
@click.option("--out", type=_PATH, required=True, help="The folder to write.")
@click.option("--max-side", type=click.IntRange(64, 4096), default=640, show_default=True, help="Of stored pictures.")
@click.option(
    "--validation",
    type=click.FloatRange(0, 1),
    default=0.05,
    show_default=True,
    help="Share of the pictures kept for validation, by a hash of their names.",
)
@click.option("--skip-unreadable", is_flag=True, help="Leave out pictures that are missing or damaged, and say so.")
@click.option("--force", is_flag=True, help="Replace the labelled pictures in --out.")
@click.pass_context
def wider(
    context: click.Context,
    labels: Path,
    images: Path | None,
    out: Path,
    max_side: int,
    validation: float,
    skip_unreadable: bool,
    force: bool,
) -> None:
    """Read the WIDER FACE labels LABELS, RetinaFace's label.txt or wider_face_train_bbx_gt.txt.

    Faces marked invalid, and those too small for the stored pictures, become regions that are ignored.

    \b
    moodline-train detector wider widerface/train/label.txt --out runs/wider
    """
    check_out(out, force)
    found = read_labels(labels)
    reader = PictureReader(skip_unreadable)
    config = LabelConfig(sampling=Sampling(validation=validation), max_side=max_side)
    facts = {"command": command_line(context), "settings": {"max_side": max_side, "validation": validation}, **WIDER}
    outside = write_wider(found, images or labels.parent / "images", reader, config, out, facts)
    if found.empty or outside:
        click.echo(f"{labels}: left out {found.empty} boxes without area and {outside} outside their picture")
    tell_splits(out, reader)
