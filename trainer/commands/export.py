"""`moodline-train export`: a run as ONNX, FP16 and INT8 files with their cards."""

from pathlib import Path
from typing import Any

import click

from engine.errors import ConfigError
from trainer.commands import terms
from trainer.commands.unseen import also_options, open_unseen
from trainer.faceset import open_faces
from trainer.release import Options, TemperatureFrom, release_run
from trainer.rights import read_stated
from trainer.unseen.sets import ClipFrames

_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("run", type=_FILE)
@click.option("--data", type=_FILE, required=True, help="The folder written by `prepare`.")
@click.option("--out", type=_FILE, required=True, help="The .onnx file to write, its card beside it.")
@click.option("--fp16", is_flag=True, help="Also OUT-fp16.onnx: half the size, the same speed.")
@click.option("--int8", is_flag=True, help="Also OUT-int8.onnx: a quarter of the size, faster.")
@click.option("--labels", metavar="NAME", help="Of a run that learned several label sets: this one.")
@click.option("--mirror", is_flag=True, help="Look at each face twice, as it is and mirrored: half as fast.")
@click.option("--calibration", type=click.IntRange(1), default=512, show_default=True,
              help="Training faces the INT8 ranges are measured on.")  # fmt: skip
@also_options
@click.option("--temperature-from", type=click.Choice(["validation", "also"]), default="validation", show_default=True,
              help="Faces that the temperature is fitted on: of the data, or of the sets of --also.")  # fmt: skip
@click.option("--threads", type=click.IntRange(1, 64), default=1, show_default=True, help="For measuring accuracy.")
@terms.STATED
def export(
    run: Path,
    data: Path,
    out: Path,
    fp16: bool,
    int8: bool,
    labels: str | None,
    mirror: bool,
    calibration: int,
    also: tuple[Path, ...],
    clip_frames: ClipFrames,
    temperature_from: TemperatureFrom,
    threads: int,
    stated: Path | None,
) -> None:
    """Export the best weights of folder RUN, and measure every file written on the test split.

    With --also the card says, too, what the file is worth on labelled faces it was never trained on.

    \b
    moodline-train export runs/first --data runs/fer2013 --out runs/first/emotion-fer.onnx
    moodline-train export runs/first --data runs/fer2013 --out emotion-fer.onnx --fp16 --int8
    moodline-train export runs/first --data runs/fer2013 --out emotion-fer.onnx --also ~/photos --also ~/stills
    """
    if out.suffix != ".onnx":
        raise ConfigError(f"--out {str(out)!r} must end in .onnx")
    if temperature_from == "also" and not also:
        raise ConfigError("--temperature-from also: name the sets with --also FOLDER")
    options = Options(fp16, int8, mirror, calibration, threads, temperature_from)
    faces = open_faces(data)
    unseen, further = open_unseen(also, labels, clip_frames), read_stated(stated)
    models, table = release_run(run, faces, out, options, labels, unseen, further)
    click.echo(f"largest difference of a logit to PyTorch: {table['onnx_against_torch']:.1e}")
    for row in table["files"]:
        click.echo(_row(out.parent, row))
    click.echo(terms.told(models[0].card.data_rights))


def _row(folder: Path, row: dict[str, Any]) -> str:
    text = (
        f"{folder / row['file']}: {row['bytes'] / 1e6:.2f} MB, test {row['truth']} "
        f"{_shares(row['test_accuracy'])}, {row['milliseconds']:.2f} ms a face"
    )
    if "unseen_accuracy" in row:
        text += f", unseen {row['unseen_accuracy']:.4f}"
    if row["variant"] == "fp32":
        return text
    loss = row["against_fp32"]["test"]["accuracy_loss_points_by_view"]
    points = ", ".join(f"{view} {value:+.2f}" for view, value in loss.items())
    return f"{text} ({row['latency_ratio']:.2f} of FP32's time); points lost: {points}"


def _shares(accuracies: dict[str, float | None]) -> str:
    return ", ".join(f"{view} {value:.4f}" for view, value in accuracies.items() if value is not None)
