"""The options that say on what terms data may be used."""

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import click

from engine.datarights import Commercial, DataSource, commercial_use, said

_CHOICES: dict[str, Commercial] = {kind.replace(" ", "-"): kind for kind in get_args(Commercial)}


def _commercial(_context: click.Context, _option: click.Parameter, text: str | None) -> Commercial | None:
    return None if text is None else _CHOICES[text]


LICENCE = click.option("--licence", help="Under what terms the pictures may be used.")
COMMERCIAL = click.option(
    "--commercial",
    type=click.Choice(list(_CHOICES)),
    callback=_commercial,
    help="Whether those terms allow commercial use; the model cards say so.  [default: unknown]",
)
STATED = click.option(
    "--data-rights",
    "stated",
    type=click.Path(path_type=Path),
    metavar="FILE.json",
    help="Further sources for the card, or better words for those of the data: a list as in `data_rights`.",
)


def told(sources: Sequence[DataSource]) -> str:
    """The line at the end of an export: what its card says on commercial use, and whose terms decide it."""
    verdict = commercial_use(sources)
    deciding = [each.name for each in sources if each.use != "measured on" and each.commercial == verdict]
    why = f" ({', '.join(deciding)})" if deciding and verdict != "cleared" else ""
    return f"data: {said(verdict)}{why}"
