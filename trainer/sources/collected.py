"""The list of clips that `collect` keeps beside the faces it recorded."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engine.errors import ConfigError

FILE = "collected.json"


@dataclass(frozen=True, slots=True)
class Clip:
    """One recording: `folder` within the collection, the source's address without credentials, counts, and
    how many faces were left out for which reason."""

    folder: str
    label: str
    source: str
    detector: str
    recorded_at: str
    frames: int
    faces: int
    left_out: dict[str, int]
    person: str | None = None


def read_clips(collection: Path) -> list[dict[str, Any]]:
    """The clips recorded in folder `collection`; none where nothing was.

    Raises:
        ConfigError: the list is damaged.
    """
    path = collection / FILE
    if not path.is_file():
        return []
    try:
        clips: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["clips"]
        if all(isinstance(clip["folder"], str) for clip in clips):
            return clips
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path}: damaged ({error}); repair or remove it") from error
    raise ConfigError(f"{path}: damaged (a clip without a folder); repair or remove it")


def add_clip(collection: Path, clip: Clip) -> None:
    """Add `clip` to the list in folder `collection`; the old list survives if that fails half-way."""
    path = collection / FILE
    document = {"format": 1, "clips": [*read_clips(collection), asdict(clip)]}
    draft = path.with_suffix(".part")
    draft.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    draft.replace(path)


def people(collection: Path) -> dict[str, str]:
    """Who is seen in which clip folder, where that was recorded."""
    return {clip["folder"]: clip["person"] for clip in read_clips(collection) if clip.get("person")}
