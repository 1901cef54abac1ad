"""Checkpoints: plain tensors and numbers, written so that the old one survives any failure."""

import zipfile
from pathlib import Path
from typing import Any

import torch

from engine.errors import ConfigError, MoodlineError


def read(path: Path) -> dict[str, Any]:
    """A checkpoint, on the CPU; nothing in the file is executed.

    Raises:
        ConfigError: when it is missing or damaged.
    """
    if not zipfile.is_zipfile(path):
        raise ConfigError(f"checkpoint {str(path)!r} cannot be read ({'damaged' if path.is_file() else 'missing'})")
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, KeyError) as error:
        raise ConfigError(f"checkpoint {str(path)!r} cannot be read ({error})") from error
    return state


def write(state: dict[str, Any], path: Path) -> None:
    """Write beside, then move: an interruption or a full disk leaves the old file whole.

    Raises:
        MoodlineError: it could not be written.
    """
    beside = path.with_suffix(".part")
    try:
        torch.save(state, beside)
        beside.replace(path)
    except (OSError, RuntimeError) as error:
        beside.unlink(missing_ok=True)
        kept = f"; the one before is kept, and --resume goes on from it: {path}" if path.is_file() else ""
        reason = getattr(error, "strerror", None) or "disk full?"
        raise MoodlineError(f"checkpoint {str(path)!r} cannot be written ({reason}){kept}") from error
