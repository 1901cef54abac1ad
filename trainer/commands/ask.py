"""`moodline-train ask`: keep a model's answers beside a prepared set, to learn from them."""

from pathlib import Path

import click
from tqdm import tqdm

from engine.errors import ConfigError
from trainer.asking import answers_of, check_name
from trainer.faceset import add_answers, open_faces
from trainer.scoring import VIEWS
from trainer.subjects import open_subject

_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("models", nargs=-1, required=True)
@click.option("--data", type=_FILE, required=True, help="The folder written by `prepare`.")
@click.option("--as", "name", required=True, help="The label set to write.")
@click.option("--labels", help="Label set that a run of several answers; default: its first.")
@click.option("--temperature", type=click.FloatRange(0.1, 20), default=1.0, show_default=True,
              help="Above 1: softer answers.")  # fmt: skip
@click.option("--view", type=click.Choice([*VIEWS, "both"]), default="both", show_default=True,
              help="What the models look at.")  # fmt: skip
@click.option("--force", is_flag=True, help="Replace a label set of that name.")
def ask(
    models: tuple[str, ...], data: Path, name: str, labels: str | None, temperature: float, view: str, force: bool
) -> None:
    """Ask MODELS about every face in a prepared set and keep their mean answer as a label set.

    MODELS are run folders, .onnx files with a card, or installed models.

    \b
    moodline-train ask runs/teacher --data runs/mix --as teacher
    moodline-train ask peer.onnx --data runs/portraits --as peer --view aligned
    """
    if not name.replace("-", "").replace("_", "").isalnum() or not name.isascii():
        raise ConfigError(f"--as {name!r}: use letters, digits, '-' and '_' only")
    faces = open_faces(data)
    check_name(name, faces, data, force)
    subjects = [open_subject(model, labels) for model in models]
    with tqdm(total=len(faces), desc="ask", unit="face", disable=None) as bar:
        answers = answers_of(subjects, faces, temperature, VIEWS if view == "both" else (view,), bar.update)
    add_answers(data, name, answers, [each.name for each in subjects])
    click.echo(f"{data}: label set {name!r} holds the answers of {', '.join(each.name for each in subjects)}")
