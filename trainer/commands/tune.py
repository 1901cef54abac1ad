"""`moodline-train tune`: search for better settings of a recipe."""

import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
from tqdm import tqdm

from engine.errors import ConfigError
from trainer.batches import Batch
from trainer.faceset import open_faces
from trainer.searchspace import load_space, refuse_split
from trainer.tune import Tuning

_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("search", type=_FILE)
@click.option("--data", type=_FILE, required=True, help="The folder written by `prepare`.")
@click.option("--study", type=_FILE, required=True, help="Folder of the study; one that is there is gone on with.")
@click.option("--trials", type=int, default=20, show_default=True, help="Trials in the whole study.")
@click.option("--split", default="validation", show_default=True, help="What trials are judged by.")
def tune(search: Path, data: Path, study: Path, trials: int, split: str) -> None:
    """Try settings of a recipe as the file SEARCH (YAML) says, and write the best recipe found.

    Stopped or killed, the same command goes on. More --trials make a finished study longer.

    \b
    moodline-train tune configs/trainer/tune.yaml --data runs/fer2013 --study runs/tune --trials 20
    moodline-train fit runs/tune/best.yaml --data runs/fer2013 --run runs/tuned
    """
    if split != "validation":
        refuse_split(split, "--split")
    if trials < 1:
        raise ConfigError(f"--trials {trials}: expected 1 or more")
    space = load_space(search)
    tuning = Tuning(space, open_faces(data), study)
    try:
        with tqdm(total=trials, initial=len(tuning.finished()), desc="trials", unit="trial", disable=None) as bar:

            def say(line: str) -> None:
                with tqdm.external_write_mode():
                    click.echo(line)
                bar.update()

            best = tuning.run(trials, say, _watched)
    finally:
        tuning.close()
    click.echo(
        f"best of {len(tuning.finished())}: trial {best.number}, validation {space.config.objective} {best.value:.4f}"
    )
    click.echo(f"{study / 'best.yaml'} is its recipe; train it with:")
    click.echo(
        shlex.join(
            ["moodline-train", "fit", f"{study / 'best.yaml'}", "--data", f"{data}", "--run", f"{study / 'best'}"]
        )
    )


def _watched(batches: Iterable[Batch], count: int, what: str) -> Iterator[Batch]:
    return iter(tqdm(batches, total=count, desc=what, unit="batch", leave=False, disable=None))
