"""`moodline-train fit`: train a recipe, or go on with an interrupted run."""

import shlex
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from trainer import runs
from trainer.commands.running import check_folder, watched
from trainer.config import load_config
from trainer.distill import prepared
from trainer.faceset import open_faces
from trainer.fit import Fit, OnEpoch
from trainer.tracking import Tensorboard

_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("recipe", type=_FILE)
@click.option("--data", type=_FILE, required=True, help="The folder written by `prepare`.")
@click.option("--run", "folder", type=_FILE, required=True, help="Where weights, history and recipe go.")
@click.option("--resume", is_flag=True, help="Go on with the run in the folder after its last whole epoch.")
@click.option("--tensorboard/--no-tensorboard", default=True, show_default=True, help="Write RUN/tensorboard.")
def fit(recipe: Path, data: Path, folder: Path, resume: bool, tensorboard: bool) -> None:
    """Train the RECIPE (YAML) on a prepared data set.

    Ctrl-C stops; the same command with --resume goes on and ends as if it had not been interrupted.

    \b
    moodline-train fit configs/trainer/emotion-ferplus.yaml --data runs/fer2013 --run runs/emotion-ferplus
    moodline-train fit configs/trainer/emotion-ferplus.yaml --data runs/fer2013 --run runs/emotion-ferplus --resume
    tensorboard --logdir runs
    """
    config = load_config(recipe)
    faces = open_faces(data)
    check_folder(folder, config.epochs, resume)
    command = shlex.join(["moodline-train", "fit", str(recipe), "--data", str(data), "--run", str(folder)])
    training = Fit(config, prepared(faces, config, click.echo), folder, runs.facts_of(faces, command))
    click.echo(
        f"{config.name}: {config.net}, {len(training.data.train)} training and {len(training.data.validation)} "
        f"validation images, {training.device.kind}{', bf16' if training.device.bf16 else ''}"
    )
    with (
        tqdm(total=config.epochs, desc="epochs", unit="epoch", disable=None) as bar,
        Tensorboard(
            folder / "tensorboard" if tensorboard else None, len(runs.history(folder)) if resume else 0
        ) as board,
    ):
        bar.update(len(runs.history(folder)) if resume else 0)
        result = training.run(watched, _both(bar, board.write))
    why = " (stopped early)" if result.stopped_early else ""
    click.echo(
        f"{folder}: {result.epochs} epochs{why}, best {result.best_epoch} "
        f"with validation accuracy {result.best_score:.4f}"
    )


def _both(bar: Any, write: OnEpoch) -> OnEpoch:
    def on_epoch(line: dict[str, Any]) -> None:
        bar.set_postfix(validation=f"{line['validation_accuracy']:.4f}", loss=f"{line['train_loss']:.3f}")
        bar.update()
        write(line)

    return on_epoch
