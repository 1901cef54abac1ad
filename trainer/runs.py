"""Run folders: the plain files beside the weights that say what a run is, what it saw and what it cost."""

import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from engine.errors import ConfigError
from trainer import faceset
from trainer.batches import Examples, Head
from trainer.faceset import FaceSet


def facts_of(faces: FaceSet, command: str = "") -> dict[str, Any]:
    """What a run's manifest says of its data, and the command that began it."""
    return {"data": faceset.manifest(faces), "command": command}


def write_manifest(folder: Path, data: Examples, net: nn.Module, facts: Mapping[str, Any]) -> None:
    """Write `manifest.json`: heads with their labels, counts, versions, and `facts`."""
    text = {
        "heads": [{"name": head.name, "labels": list(head.labels)} for head in data.heads],
        "training_images": len(data.train),
        "validation_images": len(data.validation),
        "parameters": sum(value.numel() for value in net.parameters()),
        "torch": torch.__version__,
        "python": platform.python_version(),
        **facts,
    }
    (folder / "manifest.json").write_text(json.dumps(text, indent=2) + "\n", encoding="utf-8")


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
