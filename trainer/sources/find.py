"""From a path to its data set: looks at what is there, or takes the layout that was asked for."""

from collections.abc import Callable
from pathlib import Path

from engine.errors import ConfigError
from trainer.sources import fer2013, folders, listed, mosaics
from trainer.sources.base import PictureReader, Source, folders_in, pictures_in, too_deep
from trainer.sources.codes import read_code

LAYOUTS = {
    "fer2013-csv": "fer2013.csv (emotion,pixels,Usage), with or without fer2013new.csv (FER+ votes)",
    "fer2013-mosaics": "mosaics/*.webp with labels.npz",
    "labels-csv": "labels.csv (file,label; perhaps split, identity, clip, frame) beside the pictures it names",
    "splits": "train/<class>/..., test/<class>/..., perhaps validation/<class>/...",
    "folders": "<class>/*.jpg or <class>/<clip>/*.jpg",
    "jaffe": "pictures named like KA.AN1.39.tiff",
}


def open_source(path: Path, layout: str | None = None, reader: PictureReader | None = None) -> Source:
    """The data set at `path`; `layout` (of `LAYOUTS`) forces how it is read.

    Raises:
        ConfigError: there is nothing, or nothing of a known layout; what was found and what is known is listed.
    """
    if not path.exists():
        raise ConfigError(f"data: {str(path)!r} does not exist")
    reader = reader or PictureReader()
    chosen = layout or detect(path)
    openers: dict[str, Callable[[], Source]] = {
        "fer2013-csv": lambda: fer2013.open_csv(_table(path)),
        "fer2013-mosaics": lambda: mosaics.open_mosaics(path),
        "labels-csv": lambda: listed.open_list(path, reader),
        "splits": lambda: folders.open_splits(_root(path), reader),
        "folders": lambda: folders.open_classes(_root(path), reader),
        "jaffe": lambda: folders.open_named(_root(path), reader),
    }
    if chosen not in openers:
        raise ConfigError(f"layout {chosen!r} is not one of {', '.join(LAYOUTS)}")
    return openers[chosen]()


def detect(path: Path) -> str:
    """The name of the layout at `path`.

    Raises:
        ConfigError: it is none of `LAYOUTS`.
    """
    table = listed.find(path)
    if fer2013.find(path) and path != table:
        return "fer2013-csv"
    if table:
        return "labels-csv"
    if path.is_dir():
        found = _detect_folder(path)
        if found:
            return found
    deep = too_deep(path) if path.is_dir() else None
    where = f"; {str(deep.relative_to(path))!r} lies deeper than a layout allows, move pictures up" if deep else ""
    known = "; ".join(f"{name}: {about}" for name, about in LAYOUTS.items())
    raise ConfigError(
        f"data: {str(path)!r} has {_contents(path)}{where}; known layouts (--layout forces one) are {known}"
    )


def _detect_folder(path: Path) -> str | None:
    if mosaics.found(path):
        return "fer2013-mosaics"
    root = folders.root_of(path)
    inner = folders_in(root)
    if any(folders.is_split(folder) for folder in inner):
        return "splits"
    if any(pictures_in(folder) or any(map(pictures_in, folders_in(folder))) for folder in inner):
        return "folders"
    if any(read_code(picture).label for picture in pictures_in(root)):
        return "jaffe"
    return None


def _contents(path: Path) -> str:
    if path.is_file():
        return f"no data set in it (a file of type {path.suffix or 'unknown'!r})"
    inside = sorted(path.iterdir())
    names = ", ".join(item.name + "/" * item.is_dir() for item in inside[:6])
    return f"{len(inside)} entries ({names}{', ...' if len(inside) > 6 else ''})" if inside else "nothing in it"


def _table(path: Path) -> Path:
    table = fer2013.find(path)
    if table is None:
        raise ConfigError(f"{path}: has no {' or '.join(fer2013.FILES)}")
    return table


def _root(path: Path) -> Path:
    if not path.is_dir():
        raise ConfigError(f"{path}: is no folder")
    return folders.root_of(path)
