"""`moodline models list` and `verify`: which networks are there, and whether they are sound."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.datarights import said
from engine.detectors.haar import Haar, cascade_path
from engine.errors import ModelError, MoodlineError
from engine.modelcard import Model, find_model, load_model, search_path, sha256_of
from engine.redact import redact
from engine.words import counted, size_of
from pipelines.model_leftovers import leftovers
from pipelines.model_places import CATALOGUE, nearest
from pipelines.model_templates import FILES_ONLY

if TYPE_CHECKING:
    from pipelines.catalogue import Catalogue, Entry

_OFFERED = ("NAME", "TASK", "SIZE", "COMMERCIAL", "ENGINE", "INSTALLED", "SHA256", "LICENCE", "ABOUT", "URL")


@click.command("list")
@click.option("--available", is_flag=True, help="What can be pulled, instead of what is installed.")
@CATALOGUE
def list_models(available: bool, catalogue: Path | None) -> None:
    """Every model on the search path; the nearest folder wins where two have one name.

    LICENCE is that of the file. DATA is whether the terms of the data it was made from allow commercial use.
    """
    if available:
        from pipelines.catalogue import load

        _table([_OFFERED, *_offers(load(catalogue))])
    else:
        _table([("NAME", "TASK", "VERSION", "SHA256", "LICENCE", "DATA", "PATH"), *_rows()])


def _table(rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        click.echo("  ".join([*cells, row[-1]]))


def _rows() -> Iterator[tuple[str, ...]]:
    yield _haar()
    for path in nearest():
        try:
            card = load_model(path).card
        except ModelError as error:
            yield path.stem, "unusable", "-", "-", "-", "-", str(error)
            continue
        yield path.stem, card.task, card.version, card.sha256[:12], card.licence, said(card.commercial), str(path)


def _haar() -> tuple[str, ...]:
    try:
        Haar()
    except ModelError as error:
        return Haar.name, "unusable", "-", "-", "-", "-", str(error)
    cascade = cascade_path()
    about = (Haar.name, "face-detection", Haar.version(), sha256_of(cascade)[:12], "Intel (BSD)")
    return *about, said("unknown"), str(cascade)


def _offers(catalogue: "Catalogue") -> Iterator[tuple[str, ...]]:
    paths = {path.stem: path for path in nearest()}
    for entry in catalogue.models:
        runs, free = ("yes" if answer else "no" for answer in (entry.runs, entry.commercial))
        state, sha256 = _state(entry, paths.get(entry.name)), entry.network_sha256[:12]
        what = (entry.name, entry.task, size_of(entry.size), free, runs, state, sha256, entry.licence, entry.about)
        yield *what, redact(entry.url)


def _state(entry: "Entry", path: Path | None) -> str:
    """Whether the network that `entry` promises is the one installed under its name."""
    if path is None:
        return "no"
    try:
        return "yes" if load_model(path).card.sha256 == entry.network_sha256 else "another"
    except ModelError:
        return "damaged"


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
def verify(names: Sequence[str]) -> None:
    """Check the hashes of the models NAME (default: all) and open each once."""
    targets = names or [Haar.name, *(path.stem for path in nearest())]
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
    from pipelines.model_install import probe  # with ONNX Runtime, which the list does not need

    task = "for moodline-train only"
    if model.card.layout not in FILES_ONLY:
        probe(model)
        task = model.card.task
    return f"{task}, sha256 {model.card.sha256[:12]}, data {said(model.card.commercial)}, {model.path}"
