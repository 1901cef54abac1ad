"""Shared parts of the commands that take `--also`: the options, cutting faces with a progress bar, the table."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click
from tqdm import tqdm

from trainer.subjects import Subject
from trainer.unseen.cutting import Cutter, serving_detector
from trainer.unseen.judging import fit_temperature, judge, summary
from trainer.unseen.sets import ClipFrames, UnseenSet, open_sets

F = TypeVar("F", bound=Callable[..., Any])
_SET = "{:{wide}} {:>6} {:>8} {:>15} {:>9} {:>6} {:>6}  {}"


def also_options(command: F) -> F:
    """Adds `--also` and `--clip-frames`."""
    frames = click.option(
        "--clip-frames",
        type=click.Choice(["last", "all"]),
        default="last",
        show_default=True,
        help="Of image sequences in --also: judge the last frame, the peak, or all.",
    )
    also = click.option(
        "--also",
        metavar="FOLDER",
        type=click.Path(path_type=Path),
        multiple=True,
        help="Labelled pictures it was never trained on: class folders, or labels.csv. Repeat it for more sets.",
    )
    return also(frames(command))


def open_unseen(folders: Sequence[Path], label_set: str | None, clip_frames: ClipFrames) -> tuple[UnseenSet, ...]:
    """The sets of `--also`, cut with the engine's own detector; a bar shows how far it is."""
    if not folders:
        return ()
    with tqdm(desc="cut", unit="picture", leave=False, disable=None) as bar:

        def progress(name: str, done: int, count: int) -> None:
            bar.set_description_str(f"cut {name}", refresh=False)
            bar.total, bar.n = count, done
            bar.refresh()

        return open_sets(folders, Cutter(serving_detector(threads=2)), label_set, clip_frames, progress)


def judged(subject: Subject, sets: Sequence[UnseenSet], fitted: bool = False) -> dict[str, Any]:
    """The numbers of `subject` on the sets of `--also`; `fitted` has these very sets choose its temperature."""
    answers = judge(subject, sets)
    if fitted:
        subject = replace(subject, temperature=fit_temperature(answers), temperature_from="these sets")
    return summary(subject, answers)


def unseen_lines(name: str, metrics: Mapping[str, Any]) -> Iterator[str]:
    """The table of `trainer.unseen.judging.summary`, which stands under `also`, for a terminal."""
    facts = metrics["also"]
    if "views" in metrics:
        yield ""
    warmth = f"temperature {facts['temperature']} from {facts['temperature_from']}"
    yield f"{name} on faces it was never trained on, {warmth}"
    wide = max(8, *(len(row["name"]) for row in facts["sets"]))
    ways = "faces found, in a margin, whole"
    yield _SET.format("set", "images", "accuracy", "95 %", "balanced", "ECE", "NLL", ways, wide=wide)
    for row in facts["sets"]:
        low, high = row["accuracy_interval"]
        cut = ", ".join(map(str, row["faces"].values()))
        span = f"{100 * low:.2f} to {100 * high:.2f}"
        yield _SET.format(
            row["name"], row["images"], f"{100 * row['accuracy']:.2f}", span, *_shared(row), cut, wide=wide
        )
    mean = facts["mean"]
    title = "mean" if mean["sets"] > 1 else "all"
    accuracy = f"{100 * mean['accuracy']:.2f}"
    yield _SET.format(title, mean["images"], accuracy, "", *_shared(mean), "", wide=wide).rstrip()
    yield ""
    for row in facts["sets"]:
        each = row["per_class"].items()
        yield f"{row['name']}: " + ", ".join(
            f"{label} {100 * values['recall']:.0f} of {values['images']}" for label, values in each
        )
        yield from _missing(row)


def threshold_lines(facts: Mapping[str, Any]) -> Iterator[str]:
    """Share answered and accuracy for pairs of the engine's thresholds, for a terminal; its own pair is starred."""
    table = facts["thresholds"]
    own = table["engine"]["min_confidence"], table["engine"]["margin"]
    yield "share answered / accuracy of the answers, by min_confidence (rows) and margin; * the engine's defaults"
    yield "      " + "".join(f"{margin:>14.2f}" for margin in table["margin"])
    for least, shares, hits in zip(table["min_confidence"], table["coverage"], table["accuracy"], strict=True):
        cells = [
            f"{100 * share:.1f} / {'-' if hit is None else f'{100 * hit:.1f}'}{'*' if (least, margin) == own else ' '}"
            for margin, share, hit in zip(table["margin"], shares, hits, strict=True)
        ]
        yield (f"{least:<6.2f}" + "".join(f"{cell:>14}" for cell in cells)).rstrip()


def _shared(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return (
        f"{100 * row['balanced_accuracy']:.2f}",
        f"{row['calibration_error']:.3f}",
        f"{row['negative_log_likelihood']:.3f}",
    )


def _missing(row: Mapping[str, Any]) -> Iterator[str]:
    if row["left_out"]:
        said = ", ".join(f"{label} {count}" for label, count in row["left_out"].items())
        yield f"{row['name']}: left out, since the model does not know their label: {said}"
    for key, about in (("blank", "blank pictures"), ("without_label", "pictures without a clear label")):
        if row[key]:
            yield f"{row['name']}: left out, {about}: {row[key]}"
