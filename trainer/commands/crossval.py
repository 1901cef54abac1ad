"""`moodline-train crossval`: how much a score depends on which faces were held out."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from engine.errors import ConfigError
from trainer import faceset
from trainer.batches import Batch
from trainer.candidates import Candidate, baseline, network
from trainer.config import load_config
from trainer.crossval import Plan, cross_validate
from trainer.faceset import open_faces

_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("recipes", nargs=-1, type=_FILE)
@click.option("--data", type=_FILE, required=True, help="The folder written by `prepare`.")
@click.option("--models", default="", help="Baselines by name, with commas: majority,hog-svm.")
@click.option("--folds", type=int, default=5, show_default=True, help="Parts of the faces, each held out once.")
@click.option("--seed", type=int, default=0, show_default=True, help="Draws the folds.")
@click.option("--labels", help="Label set of the data that is scored; default: its first.")
@click.option("--out", type=_FILE, required=True, help="Folder for cv.json and the folds.")
def crossval(
    recipes: tuple[Path, ...], data: Path, models: str, folds: int, seed: int, labels: str | None, out: Path
) -> None:
    """Cross-validate the RECIPES of networks, and baselines, on the training and validation faces.

    The test split is in no fold. Stopped, the same command goes on after the last whole fold.

    \b
    moodline-train crossval configs/trainer/cnn-small.yaml --data runs/fer2013 --out runs/cv
    moodline-train crossval --models majority,lbp-svm,hog-svm --data runs/fer2013 --folds 5 --out runs/cv
    """
    plan = Plan(folds, seed, labels)
    candidates = [network(load_config(path), labels, _watched) for path in recipes]
    candidates += [baseline(name.strip(), labels) for name in models.split(",") if name.strip()]
    if not candidates:
        raise ConfigError("crossval: name a recipe, or --models with baselines")
    names = [candidate.name for candidate in candidates]
    if len(set(names)) < len(names):
        raise ConfigError(f"crossval: two models have the same name: {', '.join(names)}")
    faces = open_faces(data)
    facts: dict[str, Any] = {
        "data": {"sha256": faceset.manifest(faces)["sha256"], "name": faces.origin.name},
        "label_set": labels or next(iter(faces.answers)),
        "folds": folds,
        "seed": seed,
        "models": {},
    }
    with tqdm(total=folds * len(candidates), desc="folds", unit="fold", disable=None) as bar:
        for candidate in candidates:
            facts["models"][candidate.name] = cross_validate(candidate, faces, plan, out, _sayer(bar))
            (out / "cv.json").write_text(json.dumps(facts, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    for line in _table(candidates, facts["models"]):
        click.echo(line)


def _sayer(bar: Any) -> Any:
    def say(line: str) -> None:
        with tqdm.external_write_mode():
            click.echo(line)
        bar.update()

    return say


def _table(candidates: list[Candidate], models: dict[str, Any]) -> Iterator[str]:
    row = "{:16} {:>24} {:>24} {:>24}"
    yield ""
    yield row.format("mean (95 %)", "accuracy", "balanced accuracy", "macro F1")
    for candidate in candidates:
        scores = models[candidate.name]["scores"]
        yield row.format(candidate.name, *(_cell(scores[key]) for key in ("accuracy", "balanced_accuracy", "macro_f1")))


def _cell(score: dict[str, Any]) -> str:
    low, high = score["interval"]
    return f"{100 * score['mean']:.2f} ({100 * low:.2f} to {100 * high:.2f})"


def _watched(batches: Iterable[Batch], count: int, what: str) -> Iterator[Batch]:
    return iter(tqdm(batches, total=count, desc=what, unit="batch", leave=False, disable=None))
