"""`moodline-train detector fit`: train a face detector, or go on with an interrupted run."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from engine.words import counted
from trainer import runs
from trainer.commands.running import check_folder, watched
from trainer.detector.config import load_config
from trainer.detector.fit import DetectorFit
from trainer.detector.pictures import PictureSet, open_pictures
from trainer.tracking import Tensorboard

_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("recipe", type=_FILE)
@click.option("--data", type=_FILE, required=True, multiple=True, help="A folder written by `detector label`.")
@click.option("--run", "folder", type=_FILE, required=True, help="Where weights, history and recipe go.")
@click.option("--resume", is_flag=True, help="Go on with the run in the folder after its last whole epoch.")
@click.option("--tensorboard/--no-tensorboard", default=True, show_default=True, help="Write RUN/tensorboard.")
def fit(recipe: Path, data: Sequence[Path], folder: Path, resume: bool, tensorboard: bool) -> None:
    """Train the RECIPE (YAML) on labelled pictures; --data may be given several times.

    Ctrl-C stops; the same command with --resume goes on and ends as if it had not been interrupted.

    \b
    moodline-train detector fit configs/trainer/retinaface-own.yaml --data runs/pictures --run runs/mine
    moodline-train detector fit configs/trainer/retinaface-own.yaml --data runs/pictures --run runs/mine --resume
    """
    config = load_config(recipe)
    pictures = PictureSet.joined([open_pictures(each) for each in data])
    check_folder(folder, config.epochs, resume)
    named = [word for each in data for word in ("--data", str(each))]
    command = shlex.join(["moodline-train", "detector", "fit", str(recipe), *named, "--run", str(folder)])
    training = DetectorFit(config, pictures, folder, {"command": command})
    click.echo(
        f"{config.name}: {config.backbone}, {len(pictures.of('train'))} training and "
        f"{counted(len(pictures.of('validation')), 'validation picture')}, "
        f"{training.device.kind}{', bf16' if training.device.bf16 else ''}"
    )
    done = kept = len(runs.history(folder)) if resume else 0
    with (
        tqdm(total=config.epochs, initial=done, desc="epochs", unit="epoch", disable=None) as bar,
        Tensorboard(folder / "tensorboard" if tensorboard else None, done) as board,
    ):

        def told(line: dict[str, Any]) -> None:
            nonlocal kept
            kept += 1
            bar.update()
            if bar.disable:
                click.echo(_epoch(line, config.epochs), err=True)
            bar.set_postfix(loss=f"{line['validation_loss']:.3f}")
            board.write(line)

        try:
            result = training.run(watched, told)
        except KeyboardInterrupt:
            bar.close()
            click.echo(f"{folder}: {kept} of {counted(config.epochs, 'epoch')} kept; go on with --resume", err=True)
            raise
    best = f"best {result.best_epoch} with validation loss {result.best_loss:.4f}"
    click.echo(f"{folder}: {counted(result.epochs, 'epoch')}, {best}")


def _epoch(line: dict[str, Any], epochs: int) -> str:
    """What stands for the bars where there is no terminal to draw them on."""
    losses = f"loss {line['train_loss']:.3f}, validation {line['validation_loss']:.3f}"
    return f"epoch {line['epoch']}/{epochs}: {losses}, {line['seconds']:.0f} s"
