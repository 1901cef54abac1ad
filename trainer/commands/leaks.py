"""`moodline-train leaks`: list the pictures that stand in a data set more than once."""

from pathlib import Path

import click

from trainer import leaks as scans
from trainer.faceset import SPLITS, FaceSet, open_faces


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option(
    "--distance",
    type=click.IntRange(0, 100),
    default=scans.DISTANCE,
    show_default=True,
    help="Bits of 256 in which copies may differ; 0 finds only the same.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Write the whole list there (CSV).")
@click.option("--show", type=click.IntRange(0), default=10, show_default=True, help="How many pairs to print.")
def leaks(data: Path, distance: int, out: Path | None, show: int) -> None:
    """List the pictures that stand in different splits of DATA, or twice with different labels.

    Copies may differ in up to --distance of 256 bits: moved by a few pixels, lit or watermarked otherwise.
    Nothing in DATA is changed.

    \b
    moodline-train leaks runs/fer2013
    moodline-train leaks runs/fer2013 --distance 0 --out exact.csv
    """
    faces = open_faces(data)
    found = scans.scan(faces.whole, faces.identity, distance)
    pairs = list(scans.copies(faces, found))
    if out:
        scans.write_list(out, faces, pairs)
    leaked, differing = sum(pair.leak for pair in pairs), sum(pair.conflict for pair in pairs)
    click.echo(f"{data}: {leaked} pairs of copies stand in different splits, {differing} have different labels")
    for number, split in enumerate(SPLITS):
        rows = scans.elsewhere(found.group, faces.split, number)
        click.echo(f"  {split}: {int(rows.sum())} of {int((faces.split == number).sum())} faces stand elsewhere too")
    for pair in pairs[:show]:
        click.echo(_line(faces, pair))
    if len(pairs) > show:
        click.echo(f"... and {len(pairs) - show} more" + (f" in {out}" if out else "; --out FILE.csv writes them all"))


def _line(faces: FaceSet, pair: scans.Copy) -> str:
    sides = [f"{faces.names[row]} ({SPLITS[faces.split[row]]})" for row in (pair.first, pair.second)]
    return f"{pair.bits:3d} bits: {sides[0]} | {sides[1]} | {pair.labels}"
