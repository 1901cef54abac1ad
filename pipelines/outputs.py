"""Files that `analyze` writes: refused before any work is done if they cannot be, and never the file it reads."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from engine import ownerfiles
from engine.errors import ConfigError, OutputError

_VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv")
_NOT_LINES = (*_VIDEO_SUFFIXES, ".csv", ".tsv", ".parquet", ".xlsx", ".gz")
"""Names that promise something else than the JSON lines that events are written as."""


def check_outputs(source: Path, video: Path | None, events: Path | None) -> None:
    """Make sure that `video` and `events` can be made and are neither each other nor within `source`.

    Raises:
        ConfigError: with one line per problem.
    """
    named = [(option, path) for option, path in (("--output", video), ("--events", events)) if path]
    problems = [f"{option}: {problem}" for option, path in named if (problem := _problem(path, source))]
    if video and video.suffix.lower() not in _VIDEO_SUFFIXES:
        problems.append(f"--output: {str(video)!r} must end in {', '.join(_VIDEO_SUFFIXES)}")
    if video and events and _is_same(video, events):
        problems.append(f"--events: {str(events)!r} is the video of --output; name another file")
    elif events and events.suffix.lower() in _NOT_LINES and not any(one.startswith("--events") for one in problems):
        problems.append(f"--events: {str(events)!r} ends in {events.suffix}, but holds JSON lines; name it .jsonl")
    if problems:
        raise ConfigError(*problems)


def _problem(path: Path, source: Path) -> str:
    if _is_same(path, source):
        return f"{str(path)!r} is the file to be analysed; name another one"
    if path.is_dir():
        return f"{str(path)!r} is a folder; name a file in it"
    if not path.parent.is_dir():
        return f"folder {str(path.parent)!r} does not exist; create it"
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        return f"{str(path)!r} cannot be written: permission denied"
    return ""


def _is_same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve() or (one.exists() and other.exists() and one.samefile(other))


@contextmanager
def lines_into(path: Path) -> Iterator[IO[str]]:
    """A text file to write lines into, complete when the block ends; for its owner alone (0600).

    Raises:
        OutputError: it cannot be written, for example because the disk is full.
    """
    try:
        ownerfiles.make(path)
        with path.open("w", encoding="utf-8") as file:
            yield file
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error
