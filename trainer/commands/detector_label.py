"""`moodline-train detector label`: pictures and clips, labelled by what several teachers agree on."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from engine.words import counted
from trainer.commands import terms
from trainer.commands.told import command_line, tally, tell_splits
from trainer.detector.corrections import Corrections, read_corrections
from trainer.detector.label import LabelConfig, label_all
from trainer.detector.pictures import check_out
from trainer.detector.rights import stated_terms
from trainer.detector.shots import Clip, Sampling, Stills, check_readable, open_sources
from trainer.detector.teachers import Looks, open_teacher
from trainer.sources.base import PictureReader


def _scales(_context: click.Context, _option: click.Parameter, text: str) -> tuple[float, ...]:
    try:
        scales = tuple(sorted({float(part) for part in text.split(",")}))
    except ValueError:
        raise click.BadParameter(f"expected numbers like 0.5,1,2, got {text!r}") from None
    if not all(math.isfinite(scale) and 0 < scale <= 8 for scale in scales):
        raise click.BadParameter(f"expected numbers above 0 and up to 8, got {text!r}")
    return scales


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option(
    "--teacher",
    "names",
    multiple=True,
    required=True,
    metavar="FILE.onnx",
    help="A RetinaFace file, an installed detector's name, or yunet:FILE.onnx; the first gives boxes and landmarks.",
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The folder to write.")
@click.option("--scales", default="0.5,1,2,3", show_default=True, callback=_scales, help="At which to look.")
@click.option("--every", type=click.FloatRange(0.01, 3600), default=0.5, show_default=True, help="Seconds, in clips.")
@click.option(
    "--differ",
    type=click.FloatRange(0, 255),
    default=2.0,
    show_default=True,
    help="Gray levels in the mean by which a clip's frame must differ from the one before; 0 takes all.",
)
@click.option("--max-side", type=click.IntRange(64, 4096), default=640, show_default=True, help="Of stored pictures.")
@click.option(
    "--validation",
    type=click.FloatRange(0, 0.9),
    default=0.05,
    show_default=True,
    help="Share of stills and of clips kept for validation, by a hash of their names.",
)
@click.option("--validate-clip", "clips", multiple=True, metavar="NAME", help="These clips instead; without suffix.")
@click.option("--corrections", "corrected", type=click.Path(path_type=Path), help="File: 'none NAME', 'out NAME'.")
@terms.LICENCE
@terms.COMMERCIAL
@click.option("--threads", type=click.IntRange(1, 64), default=1, show_default=True, help="Of a network's call.")
@click.option("--skip-unreadable", is_flag=True, help="Leave out what cannot be read, and say so.")
@click.option("--force", is_flag=True, help="Replace the labelled pictures in --out.")
@click.pass_context
def label(
    context: click.Context,
    sources: Sequence[str],
    names: Sequence[str],
    out: Path,
    scales: tuple[float, ...],
    every: float,
    differ: float,
    max_side: int,
    validation: float,
    clips: tuple[str, ...],
    corrected: Path | None,
    licence: str | None,
    commercial: str | None,
    threads: int,
    skip_unreadable: bool,
    force: bool,
) -> None:
    """Label the faces in SOURCE... by what teachers see in many views of every picture.

    SOURCE is a folder of pictures (with all folders in it), a picture, a video file, frames:FOLDER for the frames
    of a clip, or crops:FOLDER for faces cut out tightly, as in FER2013, which get a margin. Where the teachers agree
    there is a face; where they are not sure, a region that is ignored. Pictures without faces are kept as background.
    --corrections names pictures in which a person saw that there is no face, and pictures to be left out.

    \b
    moodline-train detector label photos/ party.mp4 frames:walk/ --teacher retinaface.onnx \\
        --teacher yunet:face_detection_yunet_2023mar.onnx --out runs/pictures
    """
    check_out(out, force)
    looks = Looks(scales)
    config = LabelConfig(looks, sampling=Sampling(every, differ, validation, clips), max_side=max_side)
    corrections = read_corrections(corrected) if corrected else Corrections()
    reader = PictureReader(skip_unreadable)
    opened = open_sources(sources, config.sampling, reader)
    if not skip_unreadable:
        check_readable(opened)
    teachers = [open_teacher(name, looks, threads) for name in names]
    facts = {"command": command_line(context), **stated_terms(licence, commercial)}
    rows = label_all(opened, teachers, config, out, facts, corrections)
    _tell(opened, rows, reader, out)


def _tell(opened: Sequence[Stills | Clip], rows: Sequence[dict[str, Any]], reader: PictureReader, out: Path) -> None:
    for row in rows:
        click.echo(f"{row['source']}: {tally({what: count for what, count in row.items() if what != 'source'})}")
    for source in opened:
        if source.others:
            click.echo(f"{source.typed}: {counted(source.others, 'file')} of another kind than pictures left out")
    tell_splits(out, reader)
