"""Pictures in folders named by their class: plain, in splits (Kaggle's folder layout), or as one folder a clip.

angry/1.jpg                     classes
happy/clip-7/000.png            clips within classes
train/angry/1.jpg, test/...     splits, their classes plain or with clips
KA.AN1.39.tiff                  JAFFE: the class is in the file's name
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.errors import ConfigError
from trainer.labels import FERPLUS, canonical
from trainer.rights import Origin
from trainer.sources.base import (
    TEST,
    TRAIN,
    VALIDATION,
    LabelSet,
    PictureReader,
    Record,
    Source,
    folders_in,
    in_order,
    one_answer,
    pictures_in,
    too_deep,
)
from trainer.sources.codes import Code, last_number, read_code
from trainer.sources.collected import people

LABELS = "emotion"
"""The name of the one label set of a folder."""
SPLIT_NAMES = {
    "train": TRAIN,
    "training": TRAIN,
    "validation": VALIDATION,
    "val": VALIDATION,
    "valid": VALIDATION,
    "publictest": VALIDATION,
    "test": TEST,
    "testing": TEST,
    "privatetest": TEST,
}


NO_CODE = Code()


@dataclass(frozen=True, slots=True)
class Item:
    """A picture file, and what its place and name say about it."""

    path: Path
    label: str
    split: int | None = None
    code: Code = NO_CODE


def root_of(source: Path) -> Path:
    """`source`, or the folder within it where it holds one folder and no picture (as unpacked archives do)."""
    while not pictures_in(source):
        inner = folders_in(source)
        if len(inner) != 1 or not folders_in(inner[0]) or is_split(inner[0]) or _is_class(inner[0]):
            break
        source = inner[0]
    return source


def is_split(folder: Path) -> bool:
    return folder.name.lower() in SPLIT_NAMES


def _is_class(folder: Path) -> bool:
    return canonical(folder.name) in FERPLUS


def open_splits(root: Path, reader: PictureReader) -> Source:
    """`train/angry/*.png`, `test/...`, and where there is one `validation/...`.

    Raises:
        ConfigError: a folder beside the splits, an empty class, no pictures.
    """
    strays = [folder.name for folder in folders_in(root) if not is_split(folder)]
    if strays:
        raise ConfigError(f"{root}: {strays[0]!r} stands beside the splits but is none of {', '.join(SPLIT_NAMES)}")
    items = [item for folder in folders_in(root) for item in _classes(root, folder, SPLIT_NAMES[folder.name.lower()])]
    return source_of("splits", root, items, reader)


def open_classes(root: Path, reader: PictureReader) -> Source:
    """`angry/*.jpg`, or `angry/<clip>/*.jpg`, without splits.

    Raises:
        ConfigError: an empty class, no pictures.
    """
    return source_of("folders", root, _classes(root, root, None), reader)


def open_named(root: Path, reader: PictureReader) -> Source:
    """`KA.AN1.39.tiff`: the label in the file's name.

    Raises:
        ConfigError: a file whose name says no label.
    """
    items = []
    for path in pictures_in(root):
        code = read_code(path)
        if code.label is None:
            raise ConfigError(f"{path}: its name says no expression; expected one like KA.AN1.39.tiff")
        items.append(Item(path, code.label, None, code))
    return source_of("jaffe", root, items, reader)


def source_of(layout: str, root: Path, items: Sequence[Item], reader: PictureReader) -> Source:
    """The pictures `items` below `root` as a data set.

    Raises:
        ConfigError: there is no picture, or only one class.
    """
    if not items:
        raise ConfigError(f"{root}: holds no pictures")
    labels = in_order({item.label for item in items})
    if len(labels) < 2:
        raise ConfigError(f"{root}: every picture is in class {labels[0]!r}; there must be two or more")
    origin = Origin(root.name, "unknown")
    sets = {LABELS: LabelSet(labels)}

    def made(some: Sequence[Item], peaks: Source | None = None) -> Source:
        return Source(layout, origin, sets, len(some), lambda: _records(root, some, labels, reader), peaks)

    return made(items, made(last_frames(items)))


def last_frames(items: Sequence[Item]) -> list[Item]:
    """`items` with only the last frame of each clip and class; what belongs to no clip stays."""
    last: dict[tuple[str, str], Item] = {}
    for item in items:
        clip, key = item.code.clip, (item.code.clip or item.path.as_posix(), item.label)
        if clip is None or key not in last or (item.code.frame or 0) >= (last[key].code.frame or 0):
            last[key] = item
    return list(last.values())


def _classes(root: Path, folder: Path, split: int | None) -> list[Item]:
    items = []
    known = people(root)
    for place in folders_in(folder):
        inside = [*_plain(place, split), *_clips(root, place, split, known)]
        if not inside:
            deep = too_deep(place)
            raise ConfigError(
                f"{deep}: lies deeper than a layout allows; move it up to {place} or a folder in it"
                if deep
                else f"{place}: class folder without a picture; fill or remove it"
            )
        items += inside
    return items


def _plain(place: Path, split: int | None) -> list[Item]:
    label = canonical(place.name)
    return [Item(path, label, split, read_code(path)) for path in pictures_in(place)]


def _clips(root: Path, place: Path, split: int | None, known: Mapping[str, str]) -> Iterator[Item]:
    for clip in folders_in(place):
        name = clip.relative_to(root).as_posix()
        for number, path in enumerate(pictures_in(clip)):
            frame = last_number(path)
            person = known.get(name) or read_code(path).person or read_code(clip).person
            code = Code(person, name, number if frame is None else frame)
            yield Item(path, canonical(place.name), split, code)


def _records(root: Path, items: Sequence[Item], labels: Sequence[str], reader: PictureReader) -> Iterator[Record]:
    for item in items:
        image = reader.read(item.path)
        if image is not None:
            code, name = item.code, item.path.relative_to(root).as_posix()
            row = {LABELS: one_answer(labels, item.label)}
            yield Record(name, image, row, item.split, code.person, code.clip, code.frame)
