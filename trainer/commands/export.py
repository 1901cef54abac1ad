"""`moodline-train export`: a run as ONNX with its card."""

from pathlib import Path

import click

from engine.errors import ConfigError
from trainer import preprocess
from trainer.commands.evaluate import summarise
from trainer.export import export as export_model

_FILE = click.Path(path_type=Path)
_DATA = click.option("--data", "packed", type=_FILE, required=True, help="The file written by `prepare`.")


@click.command()
@click.argument("run", type=_FILE)
@_DATA
@click.option("--out", type=_FILE, required=True, help="The .onnx file to write, its card beside it.")
def export(run: Path, packed: Path, out: Path) -> None:
    """Export the best weights of folder RUN as ONNX with a model card, and measure them on the test split.

    \b
    moodline-train export runs/first --data runs/fer2013.npz --out engine/models/emotion-fer.onnx
    """
    if out.suffix != ".onnx":
        raise ConfigError(f"--out {str(out)!r} must end in .onnx")
    card = export_model(run, preprocess.open_packed(packed), out).card
    click.echo(f"{out}: sha256 {card.sha256}")
    summarise(card.metrics)
