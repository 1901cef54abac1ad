"""`moodline models pull`: models of the catalogue, on their terms."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import click

from engine.datarights import DataSource, commercial_use, said
from engine.errors import ConfigError, MoodlineError
from engine.modelcard import search_path, user_folder
from engine.words import counted, size_of
from pipelines import logs
from pipelines.catalogue import Entry, load
from pipelines.model_leftovers import settle
from pipelines.model_places import CATALOGUE, means


@click.command("pull")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--to", "folder", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
              help="Put them there instead of among your models: a bundle for machines without a network.")  # fmt: skip
@click.option("--accept-licence", is_flag=True, help="Accept the terms of weights that forbid commercial use.")
@click.option("--timeout", "timeout_s", type=click.FloatRange(0.1, 3600), default=30.0, show_default=True,
              metavar="SECONDS", help="How long to wait for the server each time.")  # fmt: skip
@CATALOGUE
def pull_models(
    names: Sequence[str], folder: Path | None, accept_licence: bool, timeout_s: float, catalogue: Path | None
) -> None:
    """Download the models NAME of the catalogue, check them, try them and write their cards.

    \b
    Examples:
      moodline models list --available
      moodline models pull retinaface-resnet50
      moodline models pull buffalo_m --to bundle     then elsewhere: MOODLINE_MODELS=bundle moodline run ...

    A pull that was interrupted goes on where it stopped. The proxy is that of HTTPS_PROXY and NO_PROXY.
    """
    entries = load(catalogue).find(names)
    for entry in entries:
        _check_use(entry, folder)
    target = folder or user_folder()
    _check_folder(target)
    settle(target)
    wanted = [entry for entry in entries if not _is_there(entry, target)]
    for entry in wanted:
        _show_terms(entry)
    _accept([entry.name for entry in wanted if not entry.commercial], accept_licence)
    _pull_all(wanted, target, timeout_s)
    if folder is not None:
        click.echo(f"elsewhere: copy {folder} there and set MOODLINE_MODELS to where it is")


def _pull_all(wanted: Sequence[Entry], folder: Path, timeout_s: float) -> None:
    """One after the other; a failure ends those after it only where there are none."""
    failed = []
    for entry in wanted:
        try:
            _pull(entry, folder, timeout_s)
        except MoodlineError as error:
            if len(wanted) == 1:
                raise
            logs.say(f"FAILED  {error}")
            failed.append(entry.name)
    if failed:
        raise MoodlineError(f"{len(failed)} of {counted(len(wanted), 'model')} not pulled: {', '.join(failed)}")


def _check_folder(folder: Path) -> None:
    """Raises `ConfigError` where models cannot be put, before anybody reads terms."""
    there = next(each for each in (folder, *folder.absolute().parents) if os.access(each, os.F_OK))
    if not there.is_dir():
        raise ConfigError(f"{str(folder)!r}: {str(there)!r} is no folder; name another place with --to")
    if not os.access(there, os.W_OK | os.X_OK):
        raise ConfigError(
            f"{str(folder)!r}: {str(there)!r} cannot be written; see to its rights, or name another place with --to"
        )


def _check_use(entry: Entry, folder: Path | None) -> None:
    if folder is None and not entry.runs:
        raise ConfigError(
            f"{entry.name!r} is for moodline-train; the engine cannot run it: say where to put it, --to DIR"
        )


def _is_there(entry: Entry, folder: Path) -> bool:
    from pipelines.model_pull import present

    there = present(entry, folder)
    if there:
        click.echo(f"{entry.name}: already in {folder}, and sound")
    return there


def _show_terms(entry: Entry) -> None:
    allowed = "allowed" if entry.commercial else "NOT allowed"
    click.echo(f"{entry.name}: {entry.about}; {size_of(entry.size)} from {urlsplit(entry.url).hostname or 'a folder'}")
    click.echo(f"  licence: {entry.licence}; commercial use {allowed}")
    click.echo(f"  data: {said(commercial_use(entry.data_rights))}{_whose(entry.data_rights)}")


def _whose(sources: Sequence[DataSource]) -> str:
    return f" ({'; '.join(f'{source.name}: {source.terms}' for source in sources)})" if sources else ""


def _accept(names: Sequence[str], accepted: bool) -> None:
    """Have the user accept the terms of those weights that forbid commercial use."""
    if not names or accepted:
        return
    if not sys.stdin.isatty():
        raise ConfigError(
            f"{', '.join(names)}: the licence forbids commercial use; if you accept it, say --accept-licence"
        )
    if not click.confirm("Do you accept these terms, no commercial use among them?"):
        raise MoodlineError(f"{', '.join(names)}: not accepted; nothing was downloaded")


def _pull(entry: Entry, folder: Path, timeout_s: float) -> None:
    from pipelines.model_pull import pull  # with ONNX Runtime, to try what was pulled

    try:
        model = pull(entry, folder, click.echo, timeout_s)
    except KeyboardInterrupt:
        logs.say(f"{entry.name}: interrupted; what came is kept, and the next pull goes on from there")
        raise
    found = f"; {means(model)}" if folder in search_path() else ""
    click.echo(f"pulled {model.path} ({model.card.sha256[:12]}){found}")
