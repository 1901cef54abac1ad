"""Line art for the report: one way to draw, in colours that a page may exchange for its own.

Drawings are made once, in the colours of a light page. `themed` swaps each for a CSS variable, so that the same
drawing reads well on light, dark and printed pages.
"""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from trainer.report.document import Chart

INK, MUTED, GRID, PAPER = "#1c2024", "#5f656d", "#dfe1e5", "#fffffe"
SERIES = ("#0b62c4", "#cf4a0a", "#2a8540", "#9433ad", "#c0272d", "#0b7d90", "#92700c", "#5a3fc0")
DASHES = ("-", (0, (5, 2)), (0, (2, 1.5)), (0, (7, 2, 2, 2)))
VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    GRID: "var(--line)",
    PAPER: "var(--paper)",
    **{colour: f"var(--series-{number})" for number, colour in enumerate(SERIES)},
}
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": MUTED,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.titlecolor": INK,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "figure.facecolor": "none",
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.8,
}
_NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}


class Canvas:
    """A drawing under way; `chart` is there once the `with` block of `canvas` has ended."""

    def __init__(self, figure: Figure) -> None:
        self.figure = figure
        self.axes: Axes = figure.subplots()
        self.svg = ""

    def legend_below(self, labels: int, across: int = 3, down: float = -0.17) -> None:
        """A legend under the drawing, where it hides nothing."""
        if labels:
            self.axes.legend(loc="upper center", bbox_to_anchor=(0.5, down), ncols=min(labels, across))

    def chart(self, name: str, alt: str, caption: str) -> Chart:
        return Chart(name, self.svg, alt, caption)


@contextmanager
def canvas(name: str, width: float = 4.9, height: float = 3.5, tight: bool = True) -> Iterator[Canvas]:
    """Axes in a figure of `width` by `height` inches in the report's style; `tight` trims it to what was drawn.
    `name` makes the drawing's inner names unique on a page."""
    with mpl.rc_context(_STYLE | {"svg.hashsalt": name}):
        drawing = Canvas(Figure(figsize=(width, height), layout=None))
        yield drawing
        buffer = io.StringIO()
        trimmed: dict[str, Any] = {"bbox_inches": "tight", "pad_inches": 0.06} if tight else {}
        drawing.figure.savefig(buffer, format="svg", metadata=_NO_METADATA, **trimmed)
        drawing.svg = _tidied(buffer.getvalue())


def _tidied(svg: str) -> str:
    """Only the drawing: no document type, no names that nothing points at, coordinates to a hundredth of a point."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    used = set(re.findall(r"#([\w-]+)", svg))
    svg = re.sub(r' id="([^"]+)"', lambda found: found[0] if found[1] in used else "", svg)
    svg = re.sub(r"<[^>]*>", lambda tag: re.sub(r"(\d\.\d\d)\d+", r"\1", tag[0]), svg)
    return re.sub(r"\s*\n\s*", "\n", svg).strip()


def themed(svg: str) -> str:
    """The drawing for the page: colours are the page's, and the page says how wide it is."""
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, variable)
    svg = re.sub(r' xmlns(:\w+)?="[^"]*"', "", svg).replace("xlink:href", "href")
    return re.sub(r'(<svg[^>]*?) width="([\d.]+)pt" height="[\d.]+pt"', _scaled, svg, count=1)


def _scaled(found: re.Match[str]) -> str:
    return f'{found[1]} style="max-width:{float(found[2]) * 4 / 3:.0f}px"'


def standing_alone(svg: str) -> str:
    """The drawing as a file of its own, on a white ground."""
    opened = svg.index(">") + 1
    return f'{svg[:opened]}<rect width="100%" height="100%" fill="white"/>{svg[opened:]}\n'


def series(number: int) -> dict[str, Any]:
    """Colour and dash of the line `number`; lines differ in both, for those who do not see the colours."""
    return {"color": SERIES[number % len(SERIES)], "linestyle": DASHES[(number // 2) % len(DASHES)]}
