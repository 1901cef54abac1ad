"""Events of a history as a file: JSON lines or Parquet, whole or not at all."""

import csv
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine import jsontext
from engine.errors import ConfigError, OutputError
from engine.history import EventFilter
from engine.items import EmotionEvent

if TYPE_CHECKING:
    from engine.history import History

AT_ONCE = 1000
FORMATS = ("jsonl", "csv", "parquet")
_ENDINGS = {"": "jsonl", ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".parquet": "parquet", ".pq": "parquet"}
COLUMNS = (
    "event_id", "run_id", "seq", "type", "source_id", "track_uid", "captured_at", "time_s", "age_s", "label",
    "confidence", "label_before", "quality", "state",
)  # fmt: skip
"""Of CSV: what one asks for first; the whole document is in the other two."""

Write = Callable[[Sequence[EmotionEvent]], None]
"""Puts events into the file."""


def format_of(path: Path) -> str | None:
    """The format that the name of a file asks for; None where it asks for one that is not written here."""
    return _ENDINGS.get(path.suffix.lower())


def export(history: "History", wanted: EventFilter, path: Path, kind: str, tell: Callable[[int], object]) -> int:
    """Write the events that match into `path`, oldest first; how many there were. `tell` hears of each piece.

    The file is for its owner alone (0600). An existing one is replaced when the new one is complete; what comes
    while it is written may be in it.

    Raises:
        ConfigError: Parquet is wanted and pyarrow is not installed, or `path` cannot be written.
        OutputError: writing failed, for example because the disk is full.
        HistoryError: the history does not answer.
    """
    count, cursor = 0, None
    with _complete(path) as part, _writer(kind, part) as write:
        while True:
            page = history.events(wanted, AT_ONCE, cursor, oldest_first=True)
            write(page.items)
            count += len(page.items)
            tell(len(page.items))
            cursor = page.next_cursor
            if cursor is None:
                return count


@contextmanager
def _writer(kind: str, part: Path) -> Iterator[Write]:
    if kind == "parquet":
        try:
            parquet: Any = import_module("pipelines.history_parquet")
        except ModuleNotFoundError as error:
            raise ConfigError("--format parquet needs pyarrow: pip install 'moodline[parquet]'") from error
        with parquet.writer(part) as write:
            yield write
        return
    if kind == "csv":
        with part.open("w", encoding="utf-8", newline="") as text:
            rows = csv.writer(text)
            rows.writerow(COLUMNS)
            yield lambda events: rows.writerows(_row(event.document) for event in events)
            text.flush()
            os.fsync(text.fileno())
        return
    with part.open("wb") as file:

        def write_lines(events: Sequence[EmotionEvent]) -> None:
            file.writelines(jsontext.dumps(event.document) + b"\n" for event in events)

        yield write_lines
        file.flush()
        os.fsync(file.fileno())


def _row(document: Mapping[str, Any]) -> list[Any]:
    after, before = document.get("after") or {}, document.get("before") or {}
    named = {"label": after.get("label"), "confidence": after.get("confidence"), "label_before": before.get("label")}
    return [named[column] if column in named else document.get(column) for column in COLUMNS]


@contextmanager
def _complete(path: Path) -> Iterator[Path]:
    """A file beside `path` that takes its place when the block ends, and is gone when it raises."""
    if path.is_dir() or not path.parent.is_dir():
        problem = "is a folder; name a file in it" if path.is_dir() else "is in a folder that does not exist; create it"
        raise ConfigError(f"--output: {str(path)!r} {problem}")
    try:
        number, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    except OSError as error:
        raise ConfigError(f"--output: {str(path)!r} cannot be written: {error.strerror}") from error
    os.close(number)
    part = Path(name)
    try:
        yield part
        part.replace(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            part.unlink()
