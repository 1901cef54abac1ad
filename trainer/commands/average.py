"""`moodline-train average`: the mean of several runs as one more run."""

import shlex
from pathlib import Path

import click

from engine.errors import ConfigError
from trainer import runs
from trainer.averaging import average as write_average
from trainer.batches import examples
from trainer.commands.running import check_folder
from trainer.config import load_config
from trainer.faceset import open_faces

_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("members", nargs=-1, required=True, type=_FILE)
@click.option("--data", type=_FILE, required=True, help="The prepared set that the first run learned from.")
@click.option("--run", "folder", type=_FILE, required=True, help="The run folder to write.")
@click.option("--shares", metavar="A/B/...", help="How much each run counts, such as 60/40 [default: all the same].")
def average(members: tuple[Path, ...], data: Path, folder: Path, shares: str | None) -> None:
    """Average the weights of MEMBERS, runs that began from the same weights.

    \b
    moodline-train average runs/emotion-a runs/emotion-b --data runs/mix --run runs/emotion
    """
    check_folder(folder, 1, False)
    try:
        weights = [float(part) for part in shares.split("/")] if shares else [1.0] * len(members)
    except ValueError:
        raise ConfigError(f"--shares {shares!r}: expected numbers like 60/40") from None
    for member in members:
        runs.require_trained(member, "average")
    faces = open_faces(data)
    said = ["moodline-train", "average", *map(str, members), "--data", str(data), "--run", str(folder)]
    command = shlex.join([*said, *(["--shares", shares] if shares else [])])
    learned = examples(faces, load_config(members[0] / "config.yaml"))
    write_average(members, weights, learned, runs.facts_of(faces, command), folder)
    click.echo(f"{folder}: the mean of {', '.join(map(str, members))}")
