"""A document as one HTML page, and as Markdown with a folder of images."""

import base64
import html as text
import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from trainer.report.document import Beside, Block, Chart, Document, Gallery, Picture
from trainer.report.drawing import standing_alone, themed
from trainer.report.words import plain

_INLINE = re.compile(
    r"\\(?P<plain>[!-/:-@\[-`{-~])|`(?P<code>[^`]+)`|\*\*(?P<strong>.+?)\*\*|(?<!\w)\*(?!\s)(?P<emphasis>[^*]+)(?<!\s)\*"
    r"|\[(?P<words>(?:\\.|[^\]\\])+)\]\((?P<address>https://[^\s()\"<>]+)\)",
    re.DOTALL,
)


def inline(markup: str) -> Markup:
    """The few marks of `trainer.report.document` as HTML; everything else is escaped.

    >>> inline("**a** <b> [c](https://d.e) 2\\\\*3")
    Markup('<strong>a</strong> &lt;b&gt; <a href="https://d.e">c</a> 2*3')
    """
    parts, last = [], 0
    for found in _INLINE.finditer(markup):
        parts += [text.escape(markup[last : found.start()]), _marked(found)]
        last = found.end()
    # All that goes in has been escaped above or in `_marked`.
    return Markup("".join([*parts, text.escape(markup[last:])]))  # noqa: S704


def _marked(found: re.Match[str]) -> str:
    kind = found.lastgroup or ""
    if kind == "plain":
        return text.escape(found["plain"])
    if kind == "code":
        return f"<code>{text.escape(found['code'])}</code>"
    if kind == "address":
        return f'<a href="{text.escape(found["address"])}">{inline(found["words"])}</a>'
    tag = {"strong": "strong", "emphasis": "em"}[kind]
    return f"<{tag}>{inline(found[kind])}</{tag}>"


def data_uri(picture: Picture) -> str:
    """The picture inside the page."""
    kind = "jpeg" if picture.name.endswith(".jpg") else "png"
    return f"data:image/{kind};base64,{base64.b64encode(picture.data).decode('ascii')}"


def drawn(chart: Chart) -> Markup:
    """The drawing as an element of the page, with its description for those who do not see it."""
    svg = themed(chart.svg).replace("<svg", f'<svg role="img" aria-label="{text.escape(chart.alt)}"', 1)
    # The drawing is our own; its words were escaped when it was drawn.
    return Markup(svg)  # noqa: S704


def html(document: Document) -> str:
    """The whole page: styles, drawings and pictures are in it."""
    return _environment().get_template("page.html.j2").render(document=document)


def markdown(document: Document, images: str) -> str:
    """The twin; pictures are looked for in the folder `images` beside it."""
    page = _environment().get_template("page.md.j2").render(document=document, images=images)
    return re.sub(r"\n{3,}", "\n\n", page).strip() + "\n"


def files(document: Document) -> dict[str, bytes]:
    """The images that the Markdown twin shows, by name."""
    found: dict[str, bytes] = {}
    for block in (block for section in document.sections for block in section.blocks):
        found.update(_files(block))
    return found


def _files(block: Block) -> dict[str, bytes]:
    if isinstance(block, Beside):
        return {name: data for item in block.items for name, data in _files(item).items()}
    if isinstance(block, Chart):
        return {f"{block.name}.svg": standing_alone(block.svg).encode()}
    if isinstance(block, Gallery):
        return {picture.name: picture.data for picture in block.pictures}
    return {}


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=select_autoescape(["html.j2"], default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Any] = {"inline": inline, "data_uri": data_uri, "drawn": drawn, "plain": plain, "fence": fence}
    environment.filters.update(filters)
    return environment


def fence(code: str) -> str:
    """Code for Markdown between more backticks than it holds."""
    longest = max((len(run) for run in re.findall(r"`+", code)), default=0)
    ticks = "`" * max(3, longest + 1)
    return f"{ticks}\n{code.rstrip()}\n{ticks}"
