"""From run folders to a report: one literal table of chapters."""

from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

from trainer.report import (
    classes,
    comparison,
    dataset,
    ethics,
    examples,
    progress,
    render,
    sheet,
    shipping,
    summary,
    trust,
    unseen,
)
from trainer.report.document import Document, Section
from trainer.report.examples import OpenNetwork
from trainer.report.runs import Material

Chapter = Callable[[Material], Section]
Watch = Callable[[Iterable[tuple[str, Chapter]]], Iterable[tuple[str, Chapter]]]
"""Passes chapters on while showing progress."""


def chapters(open_network: OpenNetwork) -> tuple[tuple[str, Chapter], ...]:
    """All chapters in their order, with what the progress bar calls them."""
    return (
        ("summary", summary.section),
        ("method", progress.method),
        ("data", dataset.section),
        ("learning curves", progress.learning),
        ("comparison", comparison.section),
        ("unseen faces", unseen.section),
        ("classes", classes.section),
        ("contact sheet", sheet.section),
        ("mistakes", examples.mistakes),
        ("Grad-CAM", lambda material: examples.reasons(material, open_network)),
        ("calibration", trust.calibration),
        ("slices", trust.slices),
        ("export", shipping.variants),
        ("cross-validation", progress.validation),
        ("cost", shipping.cost),
        ("limitations", ethics.limitations),
        ("ethics", ethics.ethics),
    )


def build(
    material: Material, open_network: OpenNetwork, now: datetime, watch: Watch = lambda chapters: chapters
) -> Document:
    """The report on `material.main` as of `now` (UTC)."""
    sections = tuple(chapter(material) for _, chapter in watch(chapters(open_network)))
    return Document(material.main.name, summary.about(material, now), summary.facts(material), sections)


def write_page(document: Document, page: Path) -> None:
    """Write `page` (.html) alone, from one moment to the next: an engine may be serving the one before."""
    page.parent.mkdir(parents=True, exist_ok=True)
    draft = page.with_name(f".{page.name}.draft")
    draft.write_text(render.html(document), encoding="utf-8")
    draft.replace(page)


def write(document: Document, page: Path) -> tuple[Path, Path]:
    """Write `page` (.html) and its Markdown twin; pictures of the twin go into `<stem>-images`. Both paths."""
    page.parent.mkdir(parents=True, exist_ok=True)
    twin = page.with_suffix(".md")
    images = page.with_name(f"{page.stem}-images")
    images.mkdir(exist_ok=True)
    for name, data in render.files(document).items():
        (images / name).write_bytes(data)
    twin.write_text(render.markdown(document, images.name), encoding="utf-8")
    page.write_text(render.html(document), encoding="utf-8")
    return page, twin
