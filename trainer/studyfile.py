"""The file of a study, looked at before Optuna opens it."""

import sqlite3
from contextlib import closing
from pathlib import Path

from engine.errors import ConfigError

_BEGINNING = b"SQLite format 3\0"


def check_study(path: Path) -> None:
    """Make sure that the study in `path`, if there is one, can be read.

    Raises:
        ConfigError: it is no SQLite file, or a damaged one.
    """
    if not path.is_file() or not path.stat().st_size:
        return
    with path.open("rb") as file:
        if file.read(len(_BEGINNING)) != _BEGINNING:
            raise ConfigError(_refusal(path, "not an SQLite file"))
    try:
        with closing(sqlite3.connect(path)) as database:
            found = database.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        raise ConfigError(_refusal(path, str(error))) from error
    if found != "ok":
        raise ConfigError(_refusal(path, " ".join(str(found).split())))


def _refusal(path: Path, why: str) -> str:
    return (
        f"study {str(path)!r} cannot be read ({why}); put back a copy of it, or choose a new --study (trials.jsonl "
        "beside it lists the trials it held)"
    )
