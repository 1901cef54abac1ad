"""One table of many models: each trained and measured on the same faces, each in a run folder of its own."""

import json
import platform
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from engine.errors import ConfigError
from engine.fields import Count, Name, Text, Unit, settings
from trainer import faceset
from trainer.batches import Batch, Examples, examples
from trainer.clips import SequencesConfig
from trainer.config import TrainConfig, load_config
from trainer.distill import prepared
from trainer.evaluate import evaluate, write
from trainer.faceset import FaceSet
from trainer.fit import Fit
from trainer.models import MODELS, build, resolved
from trainer.models.extractors import extractor
from trainer.recipes import plain, to_yaml
from trainer.subjects import open_subject, with_temperature
from trainer.unseen.judging import FILE as UNSEEN
from trainer.unseen.judging import judge, summary, write_unseen
from trainer.unseen.sets import UnseenSet

VIEW = "aligned"


@settings
class RowConfig:
    """One row: a `model` of the table with its `settings`, or a network: its `recipe`, or the finished run
    folder `reuse` (taken where it is there). `label_sets` empty stands for all of the table's."""

    name: Name
    model: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    recipe: str = ""
    reuse: str = ""
    label_sets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if bool(self.model) == bool(self.recipe or self.reuse):
            raise ValueError(f"row {self.name!r} needs either a model, or a recipe or run to reuse")
        if self.model and self.model not in MODELS:
            raise ValueError(f"row {self.name!r}: model {self.model!r} is not one of {', '.join(MODELS)}")


@settings
class Published:
    """A number from the literature: `accuracy` 0..1 as its `source` gives it, and what to know about it."""

    name: Text
    accuracy: Unit
    source: Text
    note: str = ""


@settings
class CompareConfig:
    """A table for each of `label_sets` with all `rows`, and the numbers published for it beside them."""

    label_sets: tuple[str, ...]
    rows: tuple[RowConfig, ...]
    published: dict[str, tuple[Published, ...]] = field(default_factory=dict)
    sequences: SequencesConfig | None = None
    threads: Count = 2

    def __post_init__(self) -> None:
        names = [(row.name, label_set) for row in self.rows for label_set in row.label_sets or self.label_sets]
        double = sorted({name for name in names if names.count(name) > 1})
        if double:
            raise ValueError(f"two rows have the same name: {', '.join(name for name, _ in double)}")


@dataclass(frozen=True, slots=True)
class Job:
    """A row to be made for one label set, and the folder it is kept in."""

    row: RowConfig
    label_set: str
    folder: Path


class Comparison:
    """Makes the rows of a table under `out`: `out/<label set>/<row>/` each, features of faces in
    `out/features/`, networks that rows share in `out/networks/`. Whatever is finished there is kept."""

    def __init__(self, config: CompareConfig, faces: FaceSet, out: Path, command: str = "") -> None:
        self.config, self.faces, self.out, self.command = config, faces, out, command
        self.data_sha256: str = faceset.manifest(faces)["sha256"]
        for name in config.label_sets:
            faces.label_set(name)

    def jobs(self, only: Sequence[str] = ()) -> list[Job]:
        """All rows, or those named.

        Raises:
            ConfigError: a name is of no row.
        """
        known = [row.name for row in self.config.rows]
        strange = [name for name in only if name not in known]
        if strange:
            raise ConfigError(f"--only {', '.join(strange)}: the rows are {', '.join(dict.fromkeys(known))}")
        return [
            Job(row, label_set, self.out / label_set / row.name)
            for label_set in self.config.label_sets
            for row in self.config.rows
            if (not only or row.name in only) and label_set in (row.label_sets or self.config.label_sets)
        ]

    def make(self, job: Job, force: bool = False) -> bool:
        """Train and measure one row; False where it was there already.

        Raises:
            ConfigError: the row there was made with other settings or on other data.
        """
        recipe = self.recipe(job)
        kept = job.folder / "config.yaml"
        if not force and (job.folder / "metrics-test.json").is_file():
            if kept.is_file() and kept.read_text(encoding="utf-8") == recipe:
                return False
            raise ConfigError(
                f"row {str(job.folder)!r} was made with other settings or data; --force makes it again, or choose "
                "another --out"
            )
        torch.set_num_threads(self.config.threads)
        job.folder.mkdir(parents=True, exist_ok=True)
        (job.folder / "metrics-test.json").unlink(missing_ok=True)
        kept.write_text(recipe, encoding="utf-8")
        run = self._train_model(job) if job.row.model else self._train_network(job)
        torch.set_num_threads(1)
        subject = replace(open_subject(str(run), job.label_set, self.data_sha256), name=job.row.name)
        measured = evaluate(
            subject, self.faces, "test", job.label_set, data_sha256=self.data_sha256, command=self.command
        )
        _write(job.folder / "origin.json", {"run": short(run, self.out), "sha256": subject.sha256})
        write(measured, job.folder)
        return True

    def judge(self, job: Job, sets: Sequence[UnseenSet], force: bool = False) -> bool:
        """Measure a row that was made on labelled faces it was never trained on; False where that was done already."""
        kept = read_facts(job.folder / UNSEEN)
        run = Path(read_facts(job.folder / "origin.json")["run"])
        place = self.out / run if (self.out / run).is_dir() else run
        subject = with_temperature(open_subject(str(place), job.label_set, self.data_sha256), job.folder)
        known = [each.get("sha256") for each in kept.get("also", {}).get("sets", [])]
        same = kept.get("model", {}).get("sha256") == subject.sha256
        if same and not force and known == [faces.sha256 for faces in sets]:
            return False
        facts = summary(replace(subject, name=job.row.name), judge(subject, sets))
        model = {"name": job.row.name, "sha256": subject.sha256, "parameters": subject.parameters}
        write_unseen({"model": model, "command": self.command, "also": facts}, job.folder)
        return True

    def recipe(self, job: Job) -> str:
        """All that decides what a row becomes, as YAML: its line with every setting, label set and data."""
        row = plain(job.row)
        if job.row.model:
            row["settings"] = plain(resolved(job.row.model, job.row.settings, f"row {job.row.name}"))
        elif job.row.recipe and Path(job.row.recipe).is_file():
            row["settings"] = plain(load_config(Path(job.row.recipe)))
        return to_yaml({"row": row, "label_set": job.label_set, "data": self.data_sha256})

    def _train_model(self, job: Job) -> Path:
        """A model of the table, chosen and calibrated on the validation faces; aligned faces throughout."""
        rows = rows_of(self.faces, job.label_set)
        labels = self.faces.label_set(job.label_set).labels
        cache = self.out / "features"
        model = build(job.row.model, labels, job.row.settings, cache, f"row {job.row.name}")
        train, held = (
            (np.asarray(self.faces.aligned[part]), rows.targets[part]) for part in (rows.train, rows.validation)
        )
        wanted = getattr(getattr(model, "config", None), "features", None)
        started = time.monotonic()
        if wanted is not None:
            # Rows share features, so that their time is not put down to whichever row comes first.
            extract = extractor(wanted, cache)
            extract(train[0]), extract(held[0])
        featured = time.monotonic()
        model.fit(*train, validation=held)
        fitted = time.monotonic()
        model.save(job.folder)
        cost = {
            "fit_seconds": round(fitted - featured, 1),
            "feature_seconds": round(featured - started, 1),
            "device": "cpu",
            "threads": self.config.threads,
        }
        _write(job.folder / "cost.json", cost)
        _write(job.folder / "manifest.json", self._manifest(rows, model.parameters, model.facts))
        return job.folder

    def _train_network(self, job: Job) -> Path:
        """The run to reuse if it is there, else the recipe's own, trained or gone on with."""
        reuse = Path(job.row.reuse)
        if job.row.reuse and (reuse / "best.pt").is_file():
            _copy_cost(reuse, job.folder)
            return reuse
        if not job.row.recipe:
            raise ConfigError(f"row {job.row.name!r}: {job.row.reuse!r} holds no finished run, and there is no recipe")
        config: TrainConfig = load_config(Path(job.row.recipe))
        folder = self.out / "networks" / job.row.name
        facts = {"data": faceset.manifest(self.faces), "command": self.command}
        Fit(config, prepared(self.faces, config), folder, facts).run(_watched)
        _copy_cost(folder, job.folder)
        return folder

    def _manifest(self, rows: Examples, parameters: int, facts: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "data": faceset.manifest(self.faces),
            "command": self.command,
            "training_images": len(rows.train),
            "validation_images": len(rows.validation),
            "parameters": parameters,
            "facts": dict(facts),
            "python": platform.python_version(),
        }


def rows_of(faces: FaceSet, label_set: str) -> Examples:
    """The training and validation faces that a network of this one label set would get, labels as they are."""
    return examples(faces, TrainConfig(name="rows", net="tiny", labels=(label_set,), smoothing=0.0))


def _copy_cost(run: Path, folder: Path) -> None:
    for name in ("cost.json", "manifest.json"):
        if (run / name).is_file():
            (folder / name).write_bytes((run / name).read_bytes())


def short(path: Path, out: Path) -> str:
    """Within `out` relative to it, so that the folder may be moved."""
    return path.relative_to(out).as_posix() if path.is_relative_to(out) else path.as_posix()


def read_facts(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty where there is no such file."""
    if not path.is_file():
        return {}
    try:
        facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(f"{path}: not JSON ({error}); make the row again with --force") from error
    return facts


def _write(path: Path, facts: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(facts, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _watched(batches: Iterable[Batch], count: int, what: str) -> Iterator[Batch]:
    return iter(tqdm(batches, total=count, desc=what, unit="batch", leave=False, disable=None))
