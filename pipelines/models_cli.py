"""`moodline models`: which networks are installed and sound, adding one, and pulling one from the catalogue."""

import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import click

from engine.datarights import DataSource, commercial_use, said
from engine.detectors.haar import Haar, cascade_path
from engine.errors import ConfigError, ModelError, MoodlineError
from engine.modelcard import SHIPPED, Model, find_model, installed, load_model, search_path, sha256_of, user_folder
from engine.redact import redact
from engine.words import counted, size_of
from pipelines.catalogue import Catalogue, Entry, load
from pipelines.model_install import install, probe
from pipelines.model_leftovers import leftovers, settle
from pipelines.model_pull import present, pull
from pipelines.model_templates import FILES_ONLY, TEMPLATES

CATALOGUE = click.option(
    "--catalogue", envvar="MOODLINE_CATALOGUE", show_envvar=True, metavar="FILE",
    type=click.Path(path_type=Path), help="A catalogue of your own instead of the one that ships.",
)  # fmt: skip


_OFFERED = ("NAME", "TASK", "SIZE", "COMMERCIAL", "ENGINE", "INSTALLED", "SHA256", "LICENCE", "ABOUT", "URL")


@click.group()
def models() -> None:
    """List, check, add and pull model files."""


@models.command("list")
@click.option("--available", is_flag=True, help="What can be pulled, instead of what is installed.")
@CATALOGUE
def list_models(available: bool, catalogue: Path | None) -> None:
    """Every model on the search path; the nearest folder wins where two have one name.

    LICENCE is that of the file. DATA is whether the terms of the data it was made from allow commercial use.
    """
    if available:
        _table([_OFFERED, *_offers(load(catalogue))])
    else:
        _table([("NAME", "TASK", "VERSION", "SHA256", "LICENCE", "DATA", "PATH"), *_rows()])


def _table(rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        click.echo("  ".join([*cells, row[-1]]))


def _rows() -> Iterator[tuple[str, ...]]:
    cascade = cascade_path()
    about = (Haar.name, "face-detection", Haar.version(), sha256_of(cascade)[:12], "Intel (BSD)")
    yield *about, said("unknown"), str(cascade)
    for path in _nearest():
        try:
            card = load_model(path).card
        except ModelError as error:
            yield path.stem, "unusable", "-", "-", "-", "-", str(error)
            continue
        yield path.stem, card.task, card.version, card.sha256[:12], card.licence, said(card.commercial), str(path)


def _offers(catalogue: Catalogue) -> Iterator[tuple[str, ...]]:
    paths = {path.stem: path for path in _nearest()}
    for entry in catalogue.models:
        runs, free = ("yes" if answer else "no" for answer in (entry.runs, entry.commercial))
        state, sha256 = _state(entry, paths.get(entry.name)), entry.network_sha256[:12]
        what = (entry.name, entry.task, size_of(entry.size), free, runs, state, sha256, entry.licence, entry.about)
        yield *what, redact(entry.url)


def _state(entry: Entry, path: Path | None) -> str:
    """Whether the network that `entry` promises is the one installed under its name."""
    if path is None:
        return "no"
    try:
        return "yes" if load_model(path).card.sha256 == entry.network_sha256 else "another"
    except ModelError:
        return "damaged"


def _nearest() -> list[Path]:
    """One file for each name: the one that `find_model` takes."""
    return list({path.stem: path for path in reversed(list(installed()))}.values())[::-1]


@models.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
def verify(names: Sequence[str]) -> None:
    """Check the hashes of the models NAME (default: all) and open each once."""
    targets = names or [Haar.name, *(path.stem for path in _nearest())]
    failed = [name for name in targets if not _is_sound(name)]
    for folder in () if names else search_path():
        for line in leftovers(folder):
            click.echo(f"left    {line}")
    if failed:
        raise MoodlineError(f"{len(failed)} of {counted(len(targets), 'model')} failed: {', '.join(failed)}")


def _is_sound(name: str) -> bool:
    try:
        found = _cascade() if name == Haar.name else _opened(find_model(name))
    except ModelError as error:
        click.echo(f"FAILED  {name}: {error}")
        return False
    click.echo(f"ok      {name}: {found}")
    return True


def _cascade() -> str:
    Haar()
    return f"face-detection, {cascade_path()}"


def _opened(model: Model) -> str:
    task = "for moodline-train only"
    if model.card.layout not in FILES_ONLY:
        probe(model)
        task = model.card.task
    return f"{task}, sha256 {model.card.sha256[:12]}, data {said(model.card.commercial)}, {model.path}"


@models.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--like", required=True, type=click.Choice(list(TEMPLATES)), help="What kind of network it is, below.")
@click.option("--name", help="What to call it; the kind's name if not given.")
@click.option("--licence", help="The terms of the weights, for the card.")
def add(file: Path, like: str, name: str | None, licence: str | None) -> None:
    """Copy the ONNX file FILE to your models and write its card, after trying that it fits.

    \b
    What --like may be:
      retinaface             RetinaFace of any backbone: offsets, probabilities, landmarks; BGR less the mean of Caffe.
                             retinaface-mnet025 and -resnet50 are the same, and name the model so.
      scrfd                  a detector of insightface's packs, with landmarks
      emotion-fer            a classifier with the input and the labels of the one that ships
    """
    name = _checked_name(name or like)
    card = replace(TEMPLATES[like](), name=name)
    if licence:
        card = replace(card, licence=licence)
    model = install(file, card, user_folder())
    click.echo(f"added {model.path} ({model.card.sha256[:12]}); {_means(model)}")


def _means(model: Model) -> str:
    """What `model: NAME` means in a configuration, now that `model` is in its place."""
    name = model.path.stem
    nearest = next((path for path in _nearest() if path.stem == name), model.path)
    if nearest != model.path:
        return f"but `model: {name}` still means {nearest}, which is found first; remove that, or choose another name"
    instead = " instead of the shipped one" if (SHIPPED / f"{name}.onnx").exists() else ""
    return f"`model: {name}` now means it{instead}"


def _checked_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name):
        raise click.BadParameter(f"{name!r} is not 1 to 64 letters, digits, - or _", param_hint="--name")
    if name == Haar.name:
        raise click.BadParameter(f"{name!r} is the built-in cascade; choose another", param_hint="--name")
    return name


@models.command("pull")
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
            click.echo(f"FAILED  {error}", err=True)
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
    try:
        model = pull(entry, folder, click.echo, timeout_s)
    except KeyboardInterrupt:
        click.echo(f"{entry.name}: interrupted; what came is kept, and the next pull goes on from there", err=True)
        raise
    found = f"; {_means(model)}" if folder in search_path() else ""
    click.echo(f"pulled {model.path} ({model.card.sha256[:12]}){found}")
