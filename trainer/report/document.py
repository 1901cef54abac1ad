"""What a report is made of: sections of prose, tables, charts and pictures, in no particular file format.

Text is Markdown of the simplest kind: `**strong**`, `*emphasis*`, `` `code` ``, `[words](https://address)` and
backslash escapes. Whatever comes from a file goes through `trainer.report.words.plain` first.
"""

from dataclasses import dataclass
from typing import ClassVar, TypeAlias


@dataclass(frozen=True, slots=True)
class Prose:
    """One paragraph."""

    kind: ClassVar[str] = "prose"
    text: str


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list; `numbered` where the order matters."""

    kind: ClassVar[str] = "bullets"
    items: tuple[str, ...]
    numbered: bool = False


@dataclass(frozen=True, slots=True)
class Missing:
    """Something that cannot be told yet, and the command that would make it possible."""

    kind: ClassVar[str] = "missing"
    text: str
    command: str


@dataclass(frozen=True, slots=True)
class Code:
    """A file or command as it is, folded away on the page."""

    kind: ClassVar[str] = "code"
    caption: str
    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """`head` and `rows` of equal width. `shades`, 0..1 or empty, colour the cells after the first column.

    `upright` turns the heads of narrow columns by a quarter; `marked` rows stand out.
    """

    kind: ClassVar[str] = "table"
    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    shades: tuple[tuple[float, ...], ...] = ()
    upright: bool = False
    sortable: bool = False
    marked: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if any(len(row) != len(self.head) for row in self.rows):
            raise ValueError(f"table {self.caption!r}: every row needs {len(self.head)} cells")


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing as SVG text in the colours of `trainer.report.drawing`; `alt` says what it shows to who cannot see."""

    kind: ClassVar[str] = "chart"
    name: str
    svg: str
    alt: str
    caption: str


@dataclass(frozen=True, slots=True)
class Beside:
    """Charts and tables side by side where there is room."""

    kind: ClassVar[str] = "beside"
    items: tuple[Chart | Table, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """An encoded image (`name` ends in .png or .jpg) with its caption."""

    name: str
    data: bytes
    alt: str
    caption: str


@dataclass(frozen=True, slots=True)
class Gallery:
    """Pictures in a grid; each is `width` CSS pixels wide where there is room."""

    kind: ClassVar[str] = "gallery"
    caption: str
    pictures: tuple[Picture, ...]
    width: int = 96


Block: TypeAlias = Prose | Bullets | Missing | Code | Table | Chart | Beside | Gallery


@dataclass(frozen=True, slots=True)
class Section:
    """A chapter; `key` is its anchor."""

    key: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Fact:
    """A headline number: `value` large, `name` below it, `note` small."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """A whole report. `about` is one line under the title."""

    title: str
    about: str
    facts: tuple[Fact, ...]
    sections: tuple[Section, ...]
