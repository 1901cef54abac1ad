"""Where a data set goes: looked at before the work, cleared only when the new set is ready."""

import json
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from engine.errors import ConfigError
from trainer import faceset, leaks

MANIFEST = "manifest.json"
_FILES = (MANIFEST, leaks.FILE, leaks.LIST, faceset.WEIGHTS, *(f"{name}.npy" for name in faceset.ARRAYS))


def check(out: Path, force: bool) -> None:
    """Whether a set may be written to folder `out`; nothing there is changed.

    Raises:
        ConfigError: it is a file or cannot be written; it holds something, and `force` is not given or what it
            holds is no prepared set.
    """
    try:
        if out.exists() and not out.is_dir():
            raise ConfigError(f"--out: {str(out)!r} is a file; name a folder")
        filled = out.exists() and any(out.iterdir())
        _try(out)
    except OSError as error:
        raise ConfigError(
            f"--out: {str(out)!r} cannot be written ({error.strerror or error}); name another folder"
        ) from error
    if filled and not force:
        raise ConfigError(f"--out: {str(out)!r} exists and is not empty; name another folder or add --force")
    if filled and _manifest(out) is None:
        raise ConfigError(f"--out: {str(out)!r} holds no prepared set that --force could replace; name another folder")


def clear(out: Path) -> None:
    """Delete the prepared set in folder `out`, and no other file."""
    facts = _manifest(out)
    if facts is not None:
        written = {*_FILES, *(f"answers-{name}.npy" for name in facts["label_sets"])}
        for path in out.iterdir():
            if path.name in written:
                path.unlink()


def _try(out: Path) -> None:
    """Make the folder and a file in it, and take both away again."""
    made = [folder for folder in (out, *out.parents) if not folder.exists()]
    try:
        out.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=out):
            pass
    finally:
        for folder in made:
            with suppress(OSError):
                folder.rmdir()


def _manifest(folder: Path) -> dict[str, Any] | None:
    """What a prepared set says of itself; None where there is none."""
    try:
        facts = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    ours = isinstance(facts, dict) and "format" in facts and isinstance(facts.get("label_sets"), dict)
    return facts if ours else None
