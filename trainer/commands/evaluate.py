"""`moodline-train evaluate`: measure a model on one split."""

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from engine.errors import ConfigError
from trainer import evaluate as evaluation
from trainer.commands.unseen import also_options, judged, open_unseen, threshold_lines, unseen_lines
from trainer.faceset import SPLITS, manifest, open_faces
from trainer.subjects import Subject, open_subject, trained_on, with_temperature
from trainer.unseen.judging import write_unseen
from trainer.unseen.sets import ClipFrames

_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("model")
@click.option("--data", type=_FILE, help="The folder written by `prepare`.")
@click.option("--split", type=click.Choice(SPLITS), default="test", show_default=True, help="The images to measure on.")
@click.option("--labels", help="Label set of the data; default: the one that the model knows.")
@also_options
@click.option("--temperature-from", type=click.Choice(["model", "also"]), default="model", show_default=True,
              help="For --also: the model's own temperature, or the one that suits these sets best.")  # fmt: skip
@click.option("--thresholds", is_flag=True,
              help="For --also: share answered and accuracy by the engine's min_confidence and margin.")  # fmt: skip
@click.option("--out", type=_FILE,
              help="Folder for metrics and scores; default: the run, on its own data only.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def evaluate(
    model: str,
    data: Path | None,
    split: str,
    labels: str | None,
    also: tuple[Path, ...],
    clip_frames: ClipFrames,
    temperature_from: str,
    thresholds: bool,
    out: Path | None,
    as_json: bool,
) -> None:
    """Measure MODEL on one split, aligned and as whole crops, and on labelled pictures of other origin.

    MODEL is a run folder, an .onnx file with its card, or the name of an installed model. Faces of --also are cut as
    the engine cuts them. Every label of the model may be answered there, also those that the set lacks.

    \b
    moodline-train evaluate runs/first --data runs/fer2013 --split validation
    moodline-train evaluate emotion-fer --data runs/fer2013 --labels fer2013 --json
    moodline-train evaluate emotion-fer --also ~/photos --also ~/stills
    """
    _check(data, also, temperature_from, thresholds, out)
    run = Path(model) if Path(model).is_dir() else None
    command = _command(model, data, split, labels, also, clip_frames, temperature_from)
    told: dict[str, Any] = {}
    subject, kept = open_subject(model, labels), list[Path]()
    if data is not None:
        measured, path = _on_split(model, data, split, labels, out, command)
        told, kept = dict(measured.metrics), [path] if path else []
        facts = measured.metrics["model"]
        subject = replace(subject, temperature=facts["temperature"], temperature_from=facts["temperature_from"])
    if also:
        sets = open_unseen(also, labels or subject.label_set, clip_frames)
        unseen = judged(with_temperature(subject, run), sets, fitted=temperature_from == "also")
        told = {"model": _named(subject), **told, "command": command, "also": unseen}
        if folder := out or run:
            kept.append(write_unseen({"model": _named(subject), "command": command, "also": unseen}, folder))
    if as_json:
        click.echo(json.dumps(told, indent=1, allow_nan=False))
        return
    for line in (*(lines(told) if data is not None else ()), *(_elsewhere(subject, told, thresholds) if also else ())):
        click.echo(line)
    if kept:
        click.echo(f"\n{' and '.join(map(str, kept))} {'hold' if len(kept) > 1 else 'holds'} all numbers and curves")


def _elsewhere(subject: Subject, told: Mapping[str, Any], thresholds: bool) -> Iterator[str]:
    yield from unseen_lines(subject.name, told)
    if thresholds:
        yield ""
        yield from threshold_lines(told["also"])


def _check(data: Path | None, also: Sequence[Path], temperature_from: str, thresholds: bool, out: Path | None) -> None:
    """Raises `ConfigError` where the options do not fit together."""
    if data is None and not also:
        raise ConfigError("evaluate: name --data, a folder written by prepare, or --also, labelled pictures, or both")
    if temperature_from == "also" and not also:
        raise ConfigError("--temperature-from also: name the sets with --also FOLDER")
    if thresholds and not also:
        raise ConfigError("--thresholds: name the sets to choose them on with --also FOLDER")
    if out is not None and out.exists() and not out.is_dir():
        raise ConfigError(f"--out {str(out)!r} is a file; give a folder")


def _command(
    model: str,
    data: Path | None,
    split: str,
    labels: str | None,
    also: Sequence[Path],
    clip_frames: ClipFrames,
    temperature_from: str,
) -> str:
    """The command, without what was left at its default or has no part in the numbers."""
    words = ["moodline-train", "evaluate", model]
    words += ["--data", str(data), "--split", split] if data else []
    words += ["--labels", labels] if labels else []
    words += [word for folder in also for word in ("--also", str(folder))]
    words += ["--clip-frames", clip_frames] if also and clip_frames != "last" else []
    words += ["--temperature-from", temperature_from] if temperature_from != "model" else []
    return shlex.join(words)


def _named(subject: Subject) -> dict[str, Any]:
    return {"name": subject.name, "sha256": subject.sha256, "parameters": subject.parameters}


def _on_split(
    model: str, data: Path, split: str, labels: str | None, out: Path | None, command: str
) -> tuple[evaluation.Evaluation, Path | None]:
    """The numbers of one split of prepared data, and where they were written."""
    faces = open_faces(data)
    sha256 = manifest(faces)["sha256"]
    subject = open_subject(model, labels, sha256)
    result = evaluation.evaluate(subject, faces, split, labels, data_sha256=sha256, command=command)
    run = Path(model) if Path(model).is_dir() else None
    # What was measured on other data would take the place of the run's own numbers.
    foreign = run is not None and trained_on(run) not in (None, sha256)
    folder = out or (None if foreign else run)
    if foreign and not folder:
        click.echo(f"nothing was kept: {data} is not the data that {model} learned from; add --out FOLDER", err=True)
    return result, evaluation.write(result, folder) if folder else None


def lines(metrics: Mapping[str, Any]) -> Iterator[str]:
    """The metrics as text for a terminal."""
    model, data = metrics["model"], metrics["data"]
    yield (
        f"{model['name']} on {data['name']}, split {metrics['split']}, label set {data['label_set']}: "
        f"{metrics['images']} images, {metrics['blank']} blank ones left out"
    )
    yield f"temperature {model['temperature']} from {model['temperature_from']}"
    if model["ignored_labels"]:
        yield f"not asked, since the data does not have them: {', '.join(model['ignored_labels'])}"
    yield from _strange(metrics)
    yield ""
    yield from _views(metrics["views"])
    yield ""
    yield from _classes(next(iter(metrics["views"]["aligned"].values())))
    yield ""
    yield from _slices(metrics["slices"])
    yield from _latency(metrics)


def _strange(metrics: Mapping[str, Any]) -> Iterator[str]:
    for name, values in metrics["views"]["aligned"].items():
        if values["left_out"]:
            yield f"{name}: {values['left_out']} images left out, their label is not one of the model's"


def _views(views: Mapping[str, Any]) -> Iterator[str]:
    row = "{:8} {:10} {:>6} {:>8} {:>15} {:>9} {:>8} {:>6} {:>13} {:>6}"
    yield row.format("view", "truth", "images", "accuracy", "95 %", "no leaks", "balanced", "F1", "ECE (before)", "NLL")
    for view, truths in views.items():
        for truth, values in truths.items():
            yield row.format(
                view,
                truth,
                values["images"],
                _percent(values["accuracy"]),
                " to ".join(map(_percent, values["accuracy_interval"] or ())),
                _percent(values["without_leaked"]["accuracy"]),
                _percent(values["balanced_accuracy"]),
                _percent(values["macro_f1"]),
                f"{_number(values['calibration_error'])} ({_number(values['calibration_error_untempered'])})",
                _number(values["negative_log_likelihood"]),
            )


def _classes(values: Mapping[str, Any]) -> Iterator[str]:
    row = "{:12} {:>6} {:>9} {:>6} {:>6} {:>8} {:>6}"
    yield row.format("aligned", "images", "precision", "recall", "F1", "ROC AUC", "AP")
    for label, each in values["per_class"].items():
        shares = (_percent(each[key]) for key in ("precision", "recall", "f1"))
        areas = (_number(each[key]) for key in ("roc_auc", "average_precision"))
        yield row.format(label, each["images"], *shares, *areas)


def _slices(slices: Mapping[str, Any]) -> Iterator[str]:
    for name, parts in slices.items():
        said = ", ".join(f"{part['name']} {_percent(part['accuracy'])} of {part['images']}" for part in parts)
        yield f"{name + ':':12} {said}"


def _latency(metrics: Mapping[str, Any]) -> Iterator[str]:
    if not metrics["latency"]:
        return
    machine = metrics["machine"]
    said = ", ".join(f"{each['milliseconds']} ms for {each['batch']}" for each in metrics["latency"])
    threads = "the libraries' own threads" if machine["threads"] is None else f"{machine['threads']} thread"
    yield f"{'latency:':12} {said} ({machine['cpu']}, {threads}, load {machine['load']})"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.2f}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
