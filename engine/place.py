"""Where in the stream a reader is, kept in a small file."""

import re
from pathlib import Path

from engine.errors import ConfigError, OutputError

_STREAM_ID = re.compile(r"\d{1,20}(-\d{1,20})?")


class Place:
    """The stream id of the last entry that was dealt with."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> str | None:
        """None when there is no file yet.

        Raises:
            ConfigError: the file cannot be read, or holds something else.
        """
        try:
            text = self._path.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise ConfigError(f"place {str(self._path)!r} cannot be read: {error}") from error
        if not _STREAM_ID.fullmatch(text):
            raise ConfigError(f"place {str(self._path)!r} holds no stream id; remove it to begin anew")
        return text

    def save(self, stream_id: str) -> None:
        """Replace the file in one step: it holds the old or the new id, never half of one.

        Raises:
            OutputError: it cannot be written.
        """
        new = self._path.with_name(self._path.name + ".new")
        try:
            new.write_text(stream_id + "\n", encoding="ascii")
            new.replace(self._path)
        except OSError as error:
            raise OutputError(f"place {str(self._path)!r} cannot be written: {error.strerror}") from error
