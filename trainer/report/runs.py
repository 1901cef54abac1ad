"""What run folders hold, read as it is: the only source of numbers for a report."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import ConfigError
from trainer.faceset import FaceSet
from trainer.labels import Ints, canonical
from trainer.unseen.sheet import Sheet

Facts = dict[str, Any]
PREFERRED = (("test", "validation", "train"), ("aligned", "whole"), ("majority", "label", "plurality"))


@dataclass(frozen=True, slots=True)
class Measured:
    """The scores of one model on one split, in one view, against one kind of truth."""

    file: Path
    split: str
    view: str
    truth: str
    values: Facts
    whole: Facts
    """The metrics file it stands in."""

    @property
    def model(self) -> Facts:
        facts: Facts = self.whole.get("model", {})
        return facts

    @property
    def outputs(self) -> tuple[str, ...]:
        """The labels the model gives scores for."""
        return tuple(str(label) for label in self.model.get("labels") or self.values.get("per_class", {}))

    @property
    def labels(self) -> tuple[str, ...]:
        """Those of `outputs` that the data knows too: what is measured."""
        return tuple(str(label) for label in self.whole.get("labels") or self.outputs)

    @property
    def temperature(self) -> float:
        return float(self.model.get("temperature") or 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """A run folder. What the folder does not hold is empty. `metrics` are by file name, in the preferred order."""

    folder: Path
    config: str = ""
    manifest: Facts = field(default_factory=dict)
    history: tuple[Facts, ...] = ()
    metrics: Mapping[str, Facts] = field(default_factory=dict)
    cost: Facts = field(default_factory=dict)
    table: Facts = field(default_factory=dict)
    cv: Facts = field(default_factory=dict)
    trials: tuple[Facts, ...] = ()
    export: Facts = field(default_factory=dict)

    @property
    def name(self) -> str:
        for metrics in self.metrics.values():
            if name := metrics.get("model", {}).get("name"):
                return str(name)
        return self.folder.name

    def measured(self) -> list[Measured]:
        """Everything measured here; the first is the headline: test before validation, aligned before whole,
        majority before the others."""
        found = [
            Measured(self.folder / name, str(metrics.get("split", "")), view, truth, values, metrics)
            for name, metrics in self.metrics.items()
            for view, truths in metrics.get("views", {}).items()
            for truth, values in truths.items()
        ]
        return sorted(found, key=lambda each: [_rank(*pair) for pair in zip(_names(each), PREFERRED, strict=True)])

    def headline(self) -> Measured | None:
        return next(iter(self.measured()), None)

    def headline_metrics(self) -> Facts:
        """The whole metrics file that the headline is in."""
        first = self.headline()
        return first.whole if first else {}


def _names(each: Measured) -> tuple[str, str, str]:
    return each.split, each.view, each.truth


def _rank(name: str, order: tuple[str, ...]) -> int:
    return order.index(name) if name in order else len(order)


def read_run(folder: Path) -> Run:
    """All that a report can use of `folder`.

    Raises:
        ConfigError: the folder is missing, or a file in it is damaged.
    """
    if not folder.is_dir():
        raise ConfigError(f"run {str(folder)!r} is no folder; train one with: moodline-train fit RECIPE --run {folder}")
    config = folder / "config.yaml"
    return Run(
        folder,
        config.read_text(encoding="utf-8") if config.is_file() else "",
        read_json(folder / "manifest.json"),
        read_lines(folder / "history.jsonl"),
        {path.name: read_json(path) for path in sorted(folder.glob("metrics-*.json"))},
        read_json(folder / "cost.json"),
        read_json(folder / "table.json"),
        read_json(folder / "cv.json"),
        read_lines(folder / "trials.jsonl"),
        read_json(folder / "export.json"),
    )


def read_json(path: Path) -> Facts:
    """The object in `path`, a list in it under the key `rows`; empty where there is no such file.

    Raises:
        ConfigError: what is there is not JSON.
    """
    if not path.is_file():
        return {}
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(f"{path}: not JSON ({error}); write it again") from error
    return facts if isinstance(facts, dict) else {"rows": facts}


def read_lines(path: Path) -> tuple[Facts, ...]:
    """The objects of a file with one JSON object a line; a half-written last line is left out.

    Raises:
        ConfigError: another line is not JSON.
    """
    if not path.is_file():
        return ()
    lines = path.read_text(encoding="utf-8").splitlines()
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            found.append(json.loads(line))
        except ValueError as error:
            if number < len(lines):
                raise ConfigError(f"{path}:{number}: not JSON ({error})") from error
    return tuple(each for each in found if isinstance(each, dict))


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """Everything a report is made of. `main` is the model it is about; `others` are further run folders.

    Without `pictures` nobody of the data set is shown, though its labels are used. `sheet` holds faces of clips.
    """

    main: Run
    others: tuple[Run, ...]
    data: FaceSet | None = None
    data_folder: Path | None = None
    data_facts: Facts = field(default_factory=dict)
    pictures: bool = True
    sheet: Sheet | None = None

    @property
    def all(self) -> tuple[Run, ...]:
        return (self.main, *self.others)

    @property
    def data_named(self) -> str:
        """The data folder as a user would type it."""
        return str(self.data_folder) if self.data_folder else "DATA"

    def label_set(self) -> str | None:
        """The data set's name for the label set of the headline: as the metrics say, else the one whose labels fit."""
        first = self.main.headline()
        if first is None or self.data is None:
            return None
        name = first.whole.get("data", {}).get("label_set") or first.model.get("label_set")
        if name in self.data.answers:
            return str(name)
        fits = [key for key, answers in self.data.answers.items() if set(answers.labels) == set(first.labels)]
        return fits[0] if fits else None

    def truth(self, each: Measured) -> Ints | None:
        """For each face of the data set the index into the model's labels that counts as right, -1 for none."""
        name = self.label_set()
        if self.data is None or name is None:
            return None
        answers = self.data.answers[name]
        own = answers.plurality() if each.truth == "plurality" else answers.majority()
        asked = [canonical(label) for label in each.labels]
        places = [asked.index(name) if (name := canonical(label)) in asked else -1 for label in answers.labels]
        return np.array([*places, -1])[own]


def gather(folders: tuple[Path, ...], data: Path | None, faces: FaceSet | None, pictures: bool = True) -> Material:
    """Read `folders` (the first is the model the report is about), and the manifest of the data set.

    Raises:
        ConfigError: a folder or file cannot be used, the first holds no run, or its model was measured on
            other data.
    """
    runs = tuple(read_run(folder) for folder in folders)
    if not (runs[0].config or runs[0].manifest or runs[0].metrics):
        raise ConfigError(
            f"run {str(folders[0])!r} holds no run (no config.yaml, manifest.json or metrics-*.json); name the model's "
            f"run folder first, or train one with: moodline-train fit RECIPE --run {folders[0]}"
        )
    facts = read_json(data / "manifest.json") if data else {}
    measured_on = runs[0].headline_metrics().get("data", {}).get("sha256")
    if facts and measured_on and facts.get("sha256") and facts["sha256"] != measured_on:
        raise ConfigError(
            f"data: {str(data)!r} ({str(facts['sha256'])[:12]}) is not what {str(folders[0])!r} was measured on "
            f"({str(measured_on)[:12]}); name that data set, or add --out {folders[0]} to evaluate"
        )
    return Material(runs[0], runs[1:], faces, data, facts, pictures)
