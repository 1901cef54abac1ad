"""FER2013 as Kaggle gives it: `fer2013.csv`, with the FER+ votes `fer2013new.csv` beside it where there are any."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from engine.datarights import DataSource
from engine.errors import ConfigError
from engine.items import Image
from trainer.labels import FER2013, FERPLUS, NO_EMOTION, ferplus
from trainer.rights import Origin
from trainer.sources.base import TEST, TRAIN, VALIDATION, LabelSet, Record, Source, one_answer
from trainer.sources.tables import rows, shortened, whole_number

SIDE = 48
USAGES = {"Training": TRAIN, "PublicTest": VALIDATION, "PrivateTest": TEST}
FILES = ("fer2013.csv", "icml_face_data.csv")
"""Two names of one table; Kaggle's own has spaces in its header."""
VOTES_FILE = "fer2013new.csv"
VOTES = (*FERPLUS, *NO_EMOTION)
_COLUMNS = ("emotion", "pixels", "Usage")
TERMS = "no licence: Kaggle challenge terms; pictures from a web search, rights with their owners"
VOTES_ORIGIN = DataSource("FER+ votes", "trained on", "MIT", "cleared", "https://github.com/microsoft/FERPlus")
_URL = "https://www.kaggle.com/c/challenges-in-representation-learning-facial-expression-recognition-challenge"


def origin(with_votes: bool) -> Origin:
    """FER2013 came without a licence: Kaggle's rules for the challenge, over pictures that are other people's."""
    return Origin("FER2013", TERMS, _URL, "not cleared", (VOTES_ORIGIN,) if with_votes else ())


def label_sets(with_votes: bool) -> dict[str, LabelSet]:
    """FER+ first where there are votes: the set a model learns unless told otherwise."""
    first = {"ferplus": LabelSet(FERPLUS, NO_EMOTION)} if with_votes else {}
    return first | {"fer2013": LabelSet(FER2013)}


def answers(label: int, votes: Image | None) -> dict[str, Image]:
    """Rows of counts from a FER2013 class number and, where there are any, ten vote counts uint8 `(10,)`."""
    first = {} if votes is None else {"ferplus": ferplus(votes[None]).counts[0]}
    return first | {"fer2013": one_answer(FER2013, FER2013[label])}


def find(source: Path) -> Path | None:
    """The table in folder `source`, or `source` itself where it is a CSV file."""
    if source.is_file() and source.suffix.lower() == ".csv":
        return source
    return next((source / name for name in FILES if (source / name).is_file()), None)


def open_csv(table: Path) -> Source:
    """FER2013 in file `table`, its votes looked for in the same folder.

    Raises:
        ConfigError: naming file, line and column of what is missing or wrong; partly while `records` runs.
    """
    votes_file = table.with_name(VOTES_FILE)
    votes = _read_votes(votes_file) if votes_file.is_file() else None
    with table.open("rb") as file:
        count = max(sum(1 for line in file if line.strip()) - 1, 0)
    if votes is not None and len(votes) != count:
        raise ConfigError(f"{votes_file}: {len(votes)} rows of votes, but {table.name} has {count} images")
    with_votes = votes is not None
    return Source("fer2013-csv", origin(with_votes), label_sets(with_votes), count, lambda: _records(table, votes))


def _records(table: Path, votes: list[tuple[str, Image]] | None) -> Iterator[Record]:
    for number, (line, row) in enumerate(rows(table, _COLUMNS)):
        usage = row["Usage"]
        if usage not in USAGES:
            raise ConfigError(
                f"{table}, line {line}, column 'Usage': expected one of {', '.join(USAGES)}, found {shortened(usage)!r}"
            )
        label = whole_number(table, line, row, "emotion", len(FER2013) - 1)
        image = _image(table, line, row["pixels"])
        if votes is not None and votes[number][0] not in ("", usage):
            raise ConfigError(
                f"{table}, line {line}, column 'Usage': {usage!r}, but row {number + 1} of {VOTES_FILE} "
                f"says {votes[number][0]!r}; the two files are in a different order"
            )
        counts = None if votes is None else votes[number][1]
        yield Record(f"{table.name}, line {line}", image, answers(label, counts), USAGES[usage])


def _image(table: Path, line: int, text: str) -> Image:
    where = f"{table}, line {line}, column 'pixels'"
    values = text.split()
    if len(values) != SIDE * SIDE:
        raise ConfigError(f"{where}: expected {SIDE * SIDE} numbers 0..255, found {len(values)}")
    try:
        digits = "".join(values)
        if not (digits.isascii() and digits.isdigit()):  # int() takes more: 1_0, +1 and the digits of other scripts
            raise ValueError
        return np.frombuffer(bytearray(map(int, values)), np.uint8).reshape(SIDE, SIDE)
    except ValueError as error:
        wrong = next(value for value in values if not _is_byte(value))
        raise ConfigError(f"{where}: expected numbers 0..255, found {wrong[:20]!r}") from error


def _is_byte(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10 and int(text) < 256


def _read_votes(path: Path) -> list[tuple[str, Image]]:
    """Usage (empty where not given) and the ten counts of each row."""
    return [
        (row.get("Usage", ""), np.array([whole_number(path, line, row, name, 255) for name in VOTES], np.uint8))
        for line, row in rows(path, VOTES)
    ]
