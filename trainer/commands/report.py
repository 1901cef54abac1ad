"""`moodline-train report`: run folders as a page to read."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
from tqdm import tqdm

from engine.errors import ConfigError
from trainer import runs
from trainer.convnet import ConvNet
from trainer.faceset import open_faces
from trainer.report.build import Chapter, build, write
from trainer.report.examples import Network
from trainer.report.runs import gather

_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("folders", metavar="RUN [RUN ...]", type=_FILE, nargs=-1, required=True)
@click.option("--data", type=_FILE, help="The folder written by `prepare`; shows its faces.")
@click.option("--out", type=_FILE, default=Path("report.html"), show_default=True, help="The page to write (.html).")
def report(folders: tuple[Path, ...], data: Path | None, out: Path) -> None:
    """Write a report on the model in the first RUN, as one HTML page and as Markdown beside it.

    Further RUN folders add what they hold: tables of models, cross-validation, trials, other models. With --data
    the page shows faces of that data set; mind who may see them.

    \b
    moodline-train report runs/first --data runs/fer2013 --out report.html
    moodline-train report runs/first runs/compare runs/ckplus-sequences --data runs/fer2013
    """
    if out.suffix != ".html":
        raise ConfigError(f"--out {str(out)!r} must end in .html")
    material = gather(folders, data, open_faces(data) if data else None)
    document = build(material, _network, datetime.now(UTC), _watched)
    page, twin = write(document, out)
    click.echo(f"{page}: {page.stat().st_size / 1e6:.1f} MB, opens in any browser; Markdown in {twin}")


def _network(folder: Path, labels: tuple[str, ...]) -> Network:
    name = next((head.name for head in runs.heads_of(folder) if head.labels == labels), None)
    model = ConvNet.open(folder, name)
    return Network(model.labels, model.net, model.config.input)


def _watched(chapters: Iterable[tuple[str, Chapter]]) -> Iterator[tuple[str, Chapter]]:
    with tqdm(list(chapters), desc="report", unit="chapter", disable=None) as bar:
        for name, chapter in bar:
            bar.set_postfix_str(name)
            yield name, chapter
