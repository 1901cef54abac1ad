"""`moodline-train fit`: train a recipe."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import click
from tqdm import tqdm

from trainer import preprocess
from trainer.batches import Batch
from trainer.commands.evaluate import summarise
from trainer.config import load_config
from trainer.export import export as export_model
from trainer.fit import Fit

_FILE = click.Path(path_type=Path)
_DATA = click.option("--data", "packed", type=_FILE, required=True, help="The file written by `prepare`.")


@click.command()
@click.argument("recipe", type=_FILE)
@_DATA
@click.option("--run", "folder", type=_FILE, required=True, help="Run folder; an unfinished run is taken up.")
@click.option("--export", "model", type=_FILE, help="Export the best weights to this .onnx at the end.")
def fit(recipe: Path, packed: Path, folder: Path, model: Path | None) -> None:
    """Train the RECIPE (YAML). Ctrl-C stops; the same command goes on after the last whole epoch.

    \b
    moodline-train fit configs/trainer/emotion-fer.yaml --data runs/fer2013.npz --run runs/first
    """
    faces = preprocess.open_packed(packed)
    result = Fit(load_config(recipe), faces, folder).run(_watched)
    why = " (stopped early)" if result.stopped_early else ""
    click.echo(
        f"{folder}: {result.epochs} epochs{why}, best {result.best_epoch} "
        f"with validation accuracy {result.best_score:.4f}"
    )
    if model is not None:
        summarise(export_model(folder, faces, model).card.metrics)


def _watched(batches: Iterable[Batch], count: int, what: str) -> Iterator[Batch]:
    return iter(tqdm(batches, total=count, desc=what, unit="batch", leave=False, disable=None))
