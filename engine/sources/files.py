"""Decides what a path holds: a folder of pictures, one picture, or a recording."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from engine.errors import Cause, SourceError
from engine.sources.config import SourceConfig
from engine.sources.opencv_reader import PICTURE_SUFFIXES, open_pictures
from engine.sources.picture import Reader
from engine.sources.recording import open_recording


def path_of(uri: str) -> Path:
    """The path that a plain path or a `file://` address names; `~` is the home folder."""
    text = unquote(urlsplit(uri).path) if uri[:5].lower() == "file:" else uri
    return Path(text).expanduser()


def open_file(config: SourceConfig) -> Reader:
    """Open a folder of pictures, a single picture, or a recording.

    Raises:
        SourceError: `not_found` if there is nothing, `codec` if nothing in it can be read.
    """
    path = path_of(config.uri)
    try:
        if not path.exists():
            raise SourceError(Cause.NOT_FOUND, f"{path}: no such file or folder")
        if path.is_dir():
            return open_pictures(config, path)
        if not path.is_file():
            raise SourceError(Cause.CODEC, f"{path}: neither a file nor a folder")
        if not path.stat().st_size:
            raise SourceError(Cause.CODEC, f"{path}: the file is empty")
    except OSError as error:
        raise SourceError(Cause.REFUSED, f"{path}: {error.strerror or error}") from error
    if path.suffix.lower() in PICTURE_SUFFIXES:
        return open_pictures(config, path)
    return open_recording(config, path)
