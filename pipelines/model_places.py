"""Models by name: which file a name means, and which file it would mean were it not for another."""

from pathlib import Path

import click

from engine.modelcard import SHIPPED, Model, installed

CATALOGUE = click.option(
    "--catalogue", envvar="MOODLINE_CATALOGUE", show_envvar=True, metavar="FILE",
    type=click.Path(path_type=Path), help="A catalogue of your own instead of the one that ships.",
)  # fmt: skip


def nearest() -> list[Path]:
    """One file for each name: the one that `find_model` takes."""
    return list({path.stem: path for path in reversed(list(installed()))}.values())[::-1]


def means(model: Model) -> str:
    """What `model: NAME` means in a configuration, now that `model` is in its place."""
    name = model.path.stem
    found = next((path for path in nearest() if path.stem == name), model.path)
    if found != model.path:
        return f"but `model: {name}` still means {found}, which is found first; remove that, or choose another name"
    instead = " instead of the shipped one" if (SHIPPED / f"{name}.onnx").exists() else ""
    return f"`model: {name}` now means it{instead}"
