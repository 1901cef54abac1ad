"""What commands that write labelled pictures have in common: the command as typed, and the counts at the end."""

import shlex
from collections.abc import Mapping
from pathlib import Path

import click
from click.core import ParameterSource

from trainer.detector.pictures import open_pictures
from trainer.sources.base import PictureReader

_ONE = {"pictures": "picture", "faces": "face", "ignored regions": "ignored region"}


def tell_splits(out: Path, reader: PictureReader) -> None:
    """Print what was left out, and what the folder `out` holds now."""
    for problem in reader.skipped:
        click.echo(f"warning: left out: {problem}", err=True)
    pictures = open_pictures(out)
    for split, counts in pictures.facts["splits"].items():
        click.echo(f"{split}: {tally(counts)}")
    click.echo(f"wrote {out} (sha256 {pictures.sha256[:12]})")


def tally(counts: Mapping[str, int]) -> str:
    """
    >>> tally({"pictures": 2, "without faces": 1, "faces": 1})
    '2 pictures, 1 without faces, 1 face'
    """
    return ", ".join(f"{count} {_ONE.get(what, what) if count == 1 else what}" for what, count in counts.items())


def command_line(context: click.Context) -> str:
    """The command as typed, without what was left at its default."""
    words = ["moodline-train", "detector", context.info_name or ""]
    for parameter in context.command.params:
        if context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE:
            value = context.params[parameter.name or ""]
            for each in value if parameter.multiple or parameter.nargs == -1 else [value]:
                words += _words(parameter, each)
    return shlex.join(words)


def _words(parameter: click.Parameter, value: object) -> list[str]:
    shown = ",".join(f"{part:g}" for part in value) if isinstance(value, tuple) else str(value)
    if isinstance(parameter, click.Argument):
        return [shown]
    flag = isinstance(parameter, click.Option) and parameter.is_flag
    return [parameter.opts[0]] if flag else [parameter.opts[0], shown]
