"""Pictures with a table beside them: `labels.csv` says what each file shows, and perhaps its split and who it is."""

import os
from pathlib import Path

from engine.errors import ConfigError
from trainer.labels import canonical
from trainer.sources import tables
from trainer.sources.base import PictureReader, Source
from trainer.sources.codes import Code, read_code
from trainer.sources.folders import SPLIT_NAMES, Item, root_of, source_of

FILE = "labels.csv"
COLUMNS = ("file", "label")
_FRAMES = 10**9


def find(path: Path) -> Path | None:
    """The table at `path`: the file `labels.csv` itself, or the one in the folder, or in the single folder within."""
    if path.is_file():
        return path if path.name.lower() == FILE else None
    places = (path, root_of(path)) if path.is_dir() else ()
    return next((place / FILE for place in places if (place / FILE).is_file()), None)


def open_list(path: Path, reader: PictureReader) -> Source:
    """The pictures that the table at `path` names, relative to its folder. Columns `file` and `label`; `split`,
    `identity`, `clip` and `frame` are read where they are there, and others left alone.

    Splits count where every row names one (`train`, `val`, `test` and the like); where none does they are dealt out.

    Raises:
        ConfigError: there is no table, a column or value is missing, a file is not there, lies outside or stands
            twice, some rows name a split and others do not, or there is one class only.
    """
    table = path if path.is_file() else find(path)
    if table is None:
        raise ConfigError(f"{path}: has no {FILE} (columns {', '.join(COLUMNS)})")
    root, lines, items = table.parent, dict[Path, int](), list[Item]()
    for line, row in tables.rows(table, COLUMNS):
        picture = _picture(table, line, row["file"])
        if picture in lines:
            raise ConfigError(f"{table}, line {line}: {row['file']!r} stands on line {lines[picture]} already")
        lines[picture] = line
        items.append(_item(table, line, row, picture))
    _check_splits(table, items, lines)
    return source_of("labels-csv", root, items, reader)


def _picture(table: Path, line: int, name: str) -> Path:
    if not name:
        raise ConfigError(f"{table}, line {line}, column 'file': no value")
    root = Path(os.path.normpath(table.parent.absolute()))
    picture = Path(os.path.normpath(root / name.replace("\\", "/")))
    if not picture.is_relative_to(root):
        raise ConfigError(f"{table}, line {line}: {name!r} lies outside {str(table.parent)!r}; name files within it")
    inside = table.parent / picture.relative_to(root)
    if not inside.is_file():
        raise ConfigError(f"{table}, line {line}: {name!r} does not exist; restore the file or remove the line")
    return inside


def _item(table: Path, line: int, row: dict[str, str], picture: Path) -> Item:
    if not row["label"]:
        raise ConfigError(f"{table}, line {line}, column 'label': no value")
    known = read_code(picture)
    frame = tables.whole_number(table, line, row, "frame", _FRAMES) if row.get("frame") else known.frame
    code = Code(row.get("identity") or known.person, row.get("clip") or known.clip, frame)
    return Item(picture, canonical(row["label"]), SPLIT_NAMES.get(row.get("split", "").lower()), code)


def _check_splits(table: Path, items: list[Item], lines: dict[Path, int]) -> None:
    without = [item for item in items if item.split is None]
    if without and len(without) < len(items):
        line = lines[without[0].path]
        raise ConfigError(
            f"{table}, line {line}, column 'split': other rows name one of {', '.join(SPLIT_NAMES)}, this one does "
            "not; give every row a split, or none"
        )
