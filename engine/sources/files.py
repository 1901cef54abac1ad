"""Decides what a path holds: a folder of pictures, one picture, or a recording."""

import os
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

from engine.errors import Cause, SourceError
from engine.sources import formats
from engine.sources.config import SourceConfig
from engine.sources.opencv_reader import open_pictures
from engine.sources.picture import Reader
from engine.sources.recording import open_recording
from engine.words import printable


def path_of(uri: str) -> Path:
    """The path that a plain path or a `file://` address names; `~` is the home folder.

    Raises:
        SourceError: `not_found`, where nobody knows whose home is meant.
    """
    # Names are bytes: those that are not UTF-8 can be written as file:// addresses.
    text = os.fsdecode(unquote_to_bytes(urlsplit(uri).path)) if uri[:5].lower() == "file:" else uri
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise SourceError(Cause.NOT_FOUND, f"{text}: no such home folder; write the whole path") from error


def address_of(path: Path) -> str:
    """What a `SourceConfig` names the file `path` by, whatever letters or bytes are in its name."""
    text = str(path.absolute())
    return text if text == printable(text) else path.absolute().as_uri()


def open_file(config: SourceConfig) -> Reader:
    """Open a folder of pictures, a single picture, or a recording.

    Raises:
        SourceError: `not_found` if there is nothing, `codec` if nothing in it can be read.
    """
    path = path_of(config.uri)
    shown = printable(str(path))
    try:
        if not path.exists():
            raise SourceError(Cause.NOT_FOUND, f"{shown}: no such file or folder")
        if path.is_dir():
            return open_pictures(config, path)
        if not path.is_file():
            raise SourceError(Cause.CODEC, f"{shown}: neither a file nor a folder")
        if not path.stat().st_size:
            raise SourceError(Cause.CODEC, f"{shown}: the file is empty")
    except OSError as error:
        raise SourceError(Cause.REFUSED, f"{shown}: {error.strerror or error}") from error
    if _is_picture(path):
        return open_pictures(config, path)
    return open_recording(config, path)


def _is_picture(path: Path) -> bool:
    """By its content, whatever its name; a JPEG with many behind it is a video."""
    try:
        head = formats.head_of(path)
        if formats.is_picture(head):
            return not (head.startswith(b"\xff\xd8\xff") and formats.is_row(path))
        return formats.is_stray_jpeg(head) and path.suffix.lower() in formats.SUFFIXES
    except OSError as error:
        raise SourceError(Cause.REFUSED, f"{printable(str(path))}: {error.strerror or error}") from error
