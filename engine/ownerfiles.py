"""Files with people or secrets in them are for their owner alone: made with mode 0600, and brought to it when found."""

import os
import stat
from contextlib import suppress
from pathlib import Path

MODE = 0o600
_OTHERS = 0o077


def make(path: Path) -> bool:
    """Create the regular file `path` with mode 0600, empty, unless it exists; then bring it to that mode.

    Whether other users could read or write it before. Whatever is no regular file, such as a pipe, stays as it is.

    Raises:
        OSError: it cannot be created.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, MODE))
    except FileExistsError:
        return tighten(path)
    return False


def tighten(file: Path | int) -> bool:
    """Bring a regular file, a path or a descriptor, to mode 0600; whether other users could read or write it.

    A missing file is fine. A file of somebody else, or on a file system without modes, stays open: see `is_open`.
    """
    was_open = is_open(file)
    if was_open:
        with suppress(OSError):
            os.chmod(file, MODE)  # noqa: PTH101 - takes a descriptor, too
    return was_open


def outcome(file: Path | int) -> str:
    """The end of a sentence that began with: other users could read FILE and ..."""
    return "still can; run chmod 600 on it" if is_open(file) else "no longer can"


def is_open(file: Path | int) -> bool:
    """Whether `file`, a path or a descriptor, is a regular file that other users may read or write."""
    try:
        found = os.stat(file)  # noqa: PTH116 - takes a descriptor, too
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and bool(found.st_mode & _OTHERS)
