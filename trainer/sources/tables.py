"""CSV files whose mistakes are named by line and column."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from engine.errors import ConfigError


def rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """`(line number, row)` of the CSV file `path`, which must have `columns`; names and values are stripped.

    Raises:
        ConfigError: the file cannot be read, or lacks a column or a value.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            names = [name.strip() for name in next(reader, [])]
            for name in columns:
                if name not in names:
                    found = shortened(", ".join(names), 100)
                    raise ConfigError(f"{path}, line 1: column {name!r} is missing; there is {found!r}")
            yield from _lines(path, reader, names)
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path}, line {_undecodable(path)}: not in UTF-8; save the table in that encoding"
        ) from error
    except (OSError, csv.Error) as error:
        raise ConfigError(f"{path}: cannot be read ({error})") from error


def shortened(text: str, limit: int = 40) -> str:
    """`text`, or its first `limit` characters and dots: a row in the wrong place may be ten thousand long."""
    return text if len(text) <= limit else text[:limit] + "..."


def _undecodable(path: Path) -> int:
    """The number of the first line that is not UTF-8; lines are decoded many at once, so the error does not say."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return number
    return 1


def _lines(path: Path, reader: Any, names: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        for values in reader:
            if values:
                yield reader.line_num, _row(path, reader.line_num, names, values)
    except csv.Error as error:
        raise ConfigError(f"{path}, line {reader.line_num}: no CSV ({error})") from error


def _row(path: Path, line: int, names: Sequence[str], values: Sequence[str]) -> dict[str, str]:
    if len(values) < len(names):
        raise ConfigError(f"{path}, line {line}, column {names[len(values)]!r}: no value")
    if len(values) > len(names):
        raise ConfigError(f"{path}, line {line}: {len(values)} values for {len(names)} columns")
    return {name: value.strip() for name, value in zip(names, values, strict=True)}


def whole_number(path: Path, line: int, row: dict[str, str], column: str, limit: int) -> int:
    """The number 0..`limit` in `column`.

    Raises:
        ConfigError: it is something else.
    """
    text = row[column]
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) <= limit):
        raise ConfigError(
            f"{path}, line {line}, column {column!r}: expected a number 0..{limit}, found {shortened(text)!r}"
        )
    return int(text)
