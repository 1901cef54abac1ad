"""`moodline-train report`: run folders as a page to read."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click
from tqdm import tqdm

from engine.errors import ConfigError
from engine.modelcard import load_model, report_path
from trainer import runs
from trainer.convnet import ConvNet
from trainer.faceset import open_faces
from trainer.report.build import Chapter, build, write, write_page
from trainer.report.examples import Network
from trainer.report.runs import gather, read_json
from trainer.subjects import open_subject, with_temperature
from trainer.unseen.cutting import serving_detector
from trainer.unseen.sheet import Sheet, open_clips
from trainer.unseen.sheet import contact_sheet as contact_sheet_of

_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("folders", metavar="RUN [RUN ...]", type=_FILE, nargs=-1, required=True)
@click.option("--data", type=_FILE, help="The folder written by `prepare`; shows its faces.")
@click.option("--out", type=_FILE, help="The page to write (.html).  [default: report.html]")
@click.option("--no-pictures", is_flag=True, help="Show no face of --data: a page that may be passed on.")
@click.option("--contact-sheet", metavar="VIDEO", multiple=True,
              help="Show 60 faces of this clip (a file, a folder of frames) and what the model says. "
              "Repeat it.")  # fmt: skip
@click.option("--beside", metavar="MODEL.onnx", type=_FILE, multiple=True,
              help="Write MODEL.report.html, without pictures, for the dashboard of an engine that runs MODEL, an "
              "export of the first RUN. Repeat it for variants.")  # fmt: skip
def report(
    folders: tuple[Path, ...],
    data: Path | None,
    out: Path | None,
    no_pictures: bool,
    contact_sheet: tuple[str, ...],
    beside: tuple[Path, ...],
) -> None:
    """Write a report on the model in the first RUN, as one HTML page and as Markdown beside it.

    Further RUN folders add what they hold: tables of models, cross-validation, trials, other models. With --data
    the page shows faces of that data set, with --contact-sheet those of clips; mind who may see them.

    \b
    moodline-train report runs/first --data runs/fer2013 --out report.html
    moodline-train report runs/first runs/compare runs/ckplus-sequences --data runs/fer2013
    moodline-train report runs/first --data runs/fer2013 --contact-sheet party.mp4 --contact-sheet talk.mp4
    moodline-train report runs/first --data runs/fer2013 --beside models/mine.onnx
    """
    if out is not None and beside:
        raise ConfigError("--out and --beside: give one of them; --beside says itself where its pages go")
    if contact_sheet and (no_pictures or beside):
        raise ConfigError("--contact-sheet shows faces; leave it or --no-pictures and --beside away")
    page = out or Path("report.html")
    if page.suffix != ".html":
        raise ConfigError(f"--out {str(page)!r} must end in .html")
    for model in beside:
        _check_export(model, folders[0])
    material = gather(folders, data, open_faces(data) if data else None, pictures=not (no_pictures or beside))
    if contact_sheet:
        material = replace(material, sheet=_sheet(folders[0], contact_sheet))
    document = build(material, _network, datetime.now(UTC), _watched)
    for model in beside:
        write_page(document, report_path(model))
        click.echo(
            f"{report_path(model)}: {_size(report_path(model))}; the dashboard links to it from the model's card"
        )
    if not beside:
        page, twin = write(document, page)
        click.echo(f"{page}: {_size(page)}, opens in any browser; Markdown in {twin}")


def _sheet(run: Path, addresses: tuple[str, ...]) -> Sheet:
    clips = open_clips(addresses)
    subject = with_temperature(open_subject(str(run)), run)
    with tqdm(desc="contact sheet", unit="frame", leave=False, disable=None) as bar:
        return contact_sheet_of(subject, serving_detector(threads=2), clips, progress=bar.update)


def _size(page: Path) -> str:
    return f"{page.stat().st_size / 1e6:.1f} MB"


def _check_export(model: Path, folder: Path) -> None:
    """Raises: ConfigError: `model` is not what was exported from the run; ModelError: it cannot be loaded."""
    if model.suffix != ".onnx":
        raise ConfigError(f"--beside {str(model)!r} must end in .onnx: name the model, not the page")
    digest = load_model(model).card.sha256
    if digest not in _exported(folder):
        raise ConfigError(
            f"--beside: {str(model)!r} ({digest[:12]}) was not exported from {str(folder)!r}; name its own run, or "
            f"export it again: moodline-train export {folder} --data DATA --out {model}"
        )


def _exported(folder: Path) -> set[str]:
    """The hashes of all files that were written from a run: `export` keeps a table for each label set."""
    tables = [read_json(path) for path in sorted(folder.glob("export*.json"))]
    return {str(each.get("sha256")) for table in tables for each in table.get("files", []) if isinstance(each, dict)}


def _network(folder: Path, labels: tuple[str, ...]) -> Network:
    name = next((head.name for head in runs.heads_of(folder) if head.labels == labels), None)
    model = ConvNet.open(folder, name)
    return Network(model.labels, model.net, model.config.input)


def _watched(chapters: Iterable[tuple[str, Chapter]]) -> Iterator[tuple[str, Chapter]]:
    with tqdm(list(chapters), desc="report", unit="chapter", disable=None) as bar:
        for name, chapter in bar:
            bar.set_postfix_str(name)
            yield name, chapter
