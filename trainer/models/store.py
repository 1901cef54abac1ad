"""Models on disk: `model.json` says what it is, `model.npz` holds its numbers; nothing in them is executed."""

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import ConfigError

FORMAT = 1
Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """A model as it is kept: the name of its entry in the table, its labels, settings, facts and numbers."""

    model: str
    labels: tuple[str, ...]
    config: Mapping[str, Any]
    facts: Mapping[str, Any]
    arrays: Arrays


def write(stored: Stored, folder: Path) -> None:
    """Write `model.npz` and then `model.json` into `folder`, each beside its place and moved there."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "model.npz.part").open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **dict(stored.arrays))
    (folder / "model.npz.part").replace(folder / "model.npz")
    text = {
        "format": FORMAT,
        "model": stored.model,
        "labels": list(stored.labels),
        "config": dict(stored.config),
        "facts": dict(stored.facts),
    }
    (folder / "model.json.part").write_text(json.dumps(text, indent=2) + "\n", encoding="utf-8")
    (folder / "model.json.part").replace(folder / "model.json")


def read(folder: Path) -> Stored:
    """What `write` wrote.

    Raises:
        ConfigError: when a file is missing or damaged, or of another format.
    """
    try:
        text = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        if text["format"] != FORMAT:
            raise ConfigError(f"model {str(folder)!r} has format {text['format']}, this version reads {FORMAT}")
        with np.load(folder / "model.npz", allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        return Stored(text["model"], tuple(text["labels"]), text["config"], text["facts"], arrays)
    except FileNotFoundError as error:
        raise ConfigError(f"model {str(folder)!r}: {error.filename} is missing; fit it again") from error
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise ConfigError(f"model {str(folder)!r} is damaged ({error}); fit it again") from error
