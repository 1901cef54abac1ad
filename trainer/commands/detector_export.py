"""`moodline-train detector export`: a run as ONNX, and INT8, with cards that say what the files are worth."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

from engine.errors import ConfigError
from engine.modelcard import card_path
from trainer.commands import terms
from trainer.detector import worth
from trainer.detector.export import DetectorOptions, release_detector
from trainer.detector.pictures import PictureSet, open_pictures
from trainer.detector.rights import data_rights
from trainer.detector.rivals import open_rival
from trainer.detector.truth import from_set
from trainer.detector.truthfiles import open_set
from trainer.rights import read_stated

_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("run", type=_FILE)
@click.option("--data", type=_FILE, required=True, multiple=True, help="What the run was trained on, as for `fit`.")
@click.option("--out", type=_FILE, required=True, help="The .onnx file to write, its card beside it.")
@click.option("--int8", is_flag=True, help="Also OUT-int8.onnx: a quarter of the size.")
@click.option("--test", type=_FILE, multiple=True, help="A labelled set to measure on; may be given again.")
@click.option("--reference", metavar="NAME=MODEL", help="A detector to stand beside in the card.")
@click.option("--calibration", type=click.IntRange(8), default=128, show_default=True,
              help="Composed scenes the INT8 ranges are measured on.")  # fmt: skip
@click.option("--blend", type=_FILE, metavar="MODEL.onnx",
              help="Take the mean with this exported detector, from which RUN was trained on.")  # fmt: skip
@click.option("--share", type=click.FloatRange(0, 1), default=0.5, show_default=True, help="The run's part in --blend.")
@terms.STATED
@click.option("--force", is_flag=True, help="Replace the model at OUT, and remove an -int8 beside it not made anew.")
def export(
    run: Path,
    data: Sequence[Path],
    out: Path,
    int8: bool,
    test: Sequence[Path],
    reference: str | None,
    calibration: int,
    blend: Path | None,
    share: float,
    stated: Path | None,
    force: bool,
) -> None:
    """Export the best weights of folder RUN, and measure every file written: on the validation pictures, or on
    the sets given with --test.

    \b
    moodline-train detector export runs/retinaface --data runs/pictures --out retinaface.onnx
    moodline-train detector export runs/retinaface --data runs/pictures --out retinaface.onnx \\
        --int8 --test photos/ --reference theirs=other.onnx
    moodline-train detector export runs/mine --data runs/pictures --out mine.onnx \\
        --blend engine/models/retinaface-mnet025.onnx
    """
    if blend is not None and not blend.is_file():
        raise ConfigError(f"--blend {str(blend)!r} does not exist; name an exported .onnx file")
    if out.suffix != ".onnx":
        raise ConfigError(f"--out {str(out)!r} must end in .onnx")
    older = list(_older(out))
    if older and not force:
        there = ", ".join(path.name for path in older)
        raise ConfigError(
            f"--out {str(out)!r}: there is {there} already; replace it with --force, or name another file"
        )
    pictures = PictureSet.joined([open_pictures(each) for each in data])
    validation = from_set(pictures, data[0])
    sets = [open_set(folder, "validation", "--test") for folder in test] or [validation]
    rival = open_rival(reference) if reference else None
    rights = data_rights(pictures.facts, [each.name for each in sets] if test else (), read_stated(stated))
    _, table = release_detector(
        run,
        pictures,
        out,
        partial(worth.judge, data=validation),
        partial(worth.measure, sets=sets, reference=rival),
        DetectorOptions(int8, calibration, blend, share),
        rights,
    )
    beside = rival.name if rival else out.stem
    for path in older if not int8 else ():
        if path.stem == _int8(out).stem:
            path.unlink()
            click.echo(f"removed {path}: it was made of the older model")
    for name, facts in table.items():
        path = out.with_name(f"{name}.onnx")
        click.echo(f"{path}: {path.stat().st_size / 1e6:.2f} MB, {_time(facts, beside if name != beside else None)}")
        for line in _lines(facts["sets"]):
            click.echo(f"  {line}")
    click.echo(terms.told(rights))


def _int8(out: Path) -> Path:
    return out.with_name(f"{out.stem}-int8.onnx")


def _older(out: Path) -> Iterator[Path]:
    """What an export to `out` before this one has left there."""
    for network in (out, _int8(out)):
        yield from (path for path in (network, card_path(network)) if path.exists())


def _time(facts: dict[str, Any], beside: str | None) -> str:
    """`beside` is what the time was measured against."""
    timed = facts["detect_640x360"]
    ratio = "" if timed["ratio"] is None or beside is None else f" ({timed['ratio']:.2f} of that of {beside})"
    return f"{timed['milliseconds']:.1f} ms a frame of 640x360{ratio}"


def _lines(sets: dict[str, dict[str, Any]]) -> list[str]:
    lines = []
    for name, sizes in sets.items():
        for size, said in sizes.items():
            beside = said.get("reference")
            theirs = f" ({beside['name']} {beside['ap']:.4f})" if beside else ""
            lines.append(f"{name} at {size}: AP {said['ap']:.4f}{theirs}")
    return lines
