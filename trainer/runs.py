"""Run folders: the plain files beside the weights that say what a run is, what it saw and what it cost."""

import json
import logging
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from engine.errors import ConfigError
from trainer import faceset
from trainer.batches import Examples, Head
from trainer.faceset import FaceSet

logger = logging.getLogger(__name__)


def facts_of(faces: FaceSet, command: str = "") -> dict[str, Any]:
    """What a run's manifest says of its data, and the command that began it."""
    return {"data": faceset.manifest(faces), "command": command}


def manifest(data: Examples, net: nn.Module, facts: Mapping[str, Any]) -> dict[str, Any]:
    """What `manifest.json` says: heads with their labels, counts, versions, and `facts`."""
    return {
        "heads": [{"name": head.name, "labels": list(head.labels)} for head in data.heads],
        "training_images": len(data.train),
        "validation_images": len(data.validation),
        **made_with(net),
        **facts,
    }


def made_with(net: nn.Module) -> dict[str, Any]:
    """Size of the network and versions."""
    return {
        "parameters": sum(value.numel() for value in net.parameters()),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def read_manifest(folder: Path) -> dict[str, Any]:
    """The run's manifest.

    Raises:
        ConfigError: `folder` holds no run.
    """
    try:
        facts: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise ConfigError(f"run {str(folder)!r} has no readable manifest.json ({error})") from error
    return facts


def heads_of(folder: Path) -> tuple[Head, ...]:
    """The label sets the run's network has learned, in the order of its outputs."""
    try:
        return tuple(Head(each["name"], tuple(each["labels"])) for each in read_manifest(folder)["heads"])
    except (KeyError, TypeError) as error:
        raise ConfigError(f"run {str(folder)!r}: manifest.json names no heads") from error


def require_trained(run: Path, what: str) -> None:
    """Raise `ConfigError`, naming `what` asks for it, when `run` holds no weights."""
    if not (run / "best.pt").is_file():
        raise ConfigError(
            f"{what}: {str(run)!r} holds no trained run; train it first: "
            f"moodline-train fit configs/trainer/{run.name}.yaml --data DATA --run {run}"
        )


def history(folder: Path) -> list[dict[str, Any]]:
    """The lines of `history.jsonl`, one for each epoch done; empty before the first. A last line that was cut
    short when the program was killed does not count.

    Raises:
        ConfigError: another line is damaged.
    """
    path = folder / "history.jsonl"
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    read = []
    for number, line in enumerate(lines, 1):
        try:
            read.append(json.loads(line))
        except json.JSONDecodeError as error:
            if number < len(lines):
                raise ConfigError(f"{path}, line {number}: not JSON ({error.msg})") from error
    return read


def begin(folder: Path, recipe: str, manifest: Mapping[str, Any]) -> None:
    """Make the run folder with its `recipe` (YAML) and `manifest`; lines of an epoch that has no checkpoint go."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(recipe, encoding="utf-8")
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    (folder / "history.jsonl").unlink(missing_ok=True)


def record(folder: Path, epoch: int, numbers: Mapping[str, float]) -> dict[str, Any]:
    """Add the line of an epoch to `history.jsonl`, rounded; returns it."""
    line = {"epoch": epoch, **{key: round(value, 5) for key, value in numbers.items()}}
    logger.info("%s", line)
    with (folder / "history.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    return line


def cut_history(folder: Path, epochs: int) -> None:
    """Forget what was written after `epochs` epochs: a line without its checkpoint will come again."""
    path = folder / "history.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.is_file() else []
    path.write_text("".join(lines[:epochs]), encoding="utf-8")
    logger.info("resumed after epoch %d", epochs)


def check_recipe(folder: Path, changed: Sequence[str]) -> None:
    """Refuse to go on with a recipe that differs from the folder's own in `changed`.

    Raises:
        ConfigError: there are differences; it names them.
    """
    if changed:
        raise ConfigError(
            f"run {str(folder)!r} was begun with another recipe ({', '.join(changed)}); choose a new folder"
        )


def other_data(folder: Path, there: str | None, here: str | None) -> ConfigError:
    """The refusal to go on with data of SHA-256 `here` in a run begun on `there`."""
    return ConfigError(
        f"run {str(folder)!r} was begun on other data (sha256 {str(there)[:12]}… there, "
        f"{str(here)[:12]}… here); name that data, or choose a new folder"
    )


def write_cost(folder: Path, device: str, threads: int) -> None:
    """Write `cost.json`: seconds over all epochs, interruptions not counted."""
    lines = history(folder)
    cost = {
        "fit_seconds": round(sum(line["seconds"] for line in lines), 1),
        "epochs": len(lines),
        "device": device,
        "threads": threads,
    }
    (folder / "cost.json").write_text(json.dumps(cost, indent=2) + "\n", encoding="utf-8")
