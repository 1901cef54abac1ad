"""`moodline-train detector evaluate`: measure face detectors on labelled test sets."""

import json
import shlex
from collections import Counter
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import click
import cv2
from tqdm import tqdm

from engine.errors import ConfigError
from engine.items import Image
from engine.words import counted
from trainer.detector import contest, scoreboard, stopwatch, widerprotocol
from trainer.detector.contest import Result
from trainer.detector.faces import SPLITS
from trainer.detector.rivals import LIKE, Rival, open_rival
from trainer.detector.truth import LabelledSet
from trainer.detector.truthfiles import open_set
from trainer.detector.views import FULL, Size, size_of
from trainer.latency import machine

_FILE = click.Path(path_type=Path)
_TOLD = 5
_SHOWN = 8
"""Photos from which the timed frames are made."""
_LARGE = (1280, 720)
"""The frame timed for `full`."""


@click.command()
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@click.option("--data", type=_FILE, multiple=True, required=True, help="A labelled set; may be given again.")
@click.option("--sizes", default="320,640,full", show_default=True, help="Long sides; =640 enlarges smaller pictures.")
@click.option("--reference", multiple=True, help="A MODEL's name to compare the others with; may be given again.")
@click.option("--like", type=click.Choice(list(LIKE)), help="The layout of files without a card, where it is not seen.")
@click.option("--split", type=click.Choice(SPLITS), default="validation", show_default=True,
              help="Of folders written by `detector label`.")  # fmt: skip
@click.option("--rounds", type=click.IntRange(10, 100_000), default=1000, show_default=True, help="Of the bootstrap.")
@click.option("--times/--no-times", default=True, show_default=True, help="Measure the time for a frame as well.")
@click.option("--skip-unreadable", is_flag=True, help="Go on without photos that cannot be read, and count them.")
@click.option("--markdown", is_flag=True, help="Print the tables in Markdown.")
@click.option("--json", "out", type=_FILE, help="Write everything into this file.")
def evaluate(models: Sequence[str], data: Sequence[Path], out: Path | None, **options: Any) -> None:
    """Measure face detectors (MODEL...) on labelled sets, at the same sizes, in one table.

    MODEL is an installed detector's name, an .onnx file with a card or (RetinaFace, SCRFD) without, yunet:FILE.onnx,
    or haar; write NAME=MODEL to call it otherwise. A set is a folder with gt.txt (name x1 y1 x2 y2), VOC's or dlib's
    XML, WIDER FACE's validation set, or one written by `detector label`.

    \b
    moodline-train detector evaluate retinaface-mnet025 haar --data photos/ --reference haar
    moodline-train detector evaluate ours=a.onnx theirs=b.onnx --data WIDER/ --sizes 640 --json wider.json
    """
    if out is not None and not out.absolute().parent.is_dir():
        raise ConfigError(f"--json {str(out)!r}: the folder {str(out.absolute().parent)!r} does not exist")
    sizes = list(dict.fromkeys(size_of(text) for text in options["sizes"].split(",")))
    rivals = [open_rival(model, options["like"]) for model in models]
    references = tuple(dict.fromkeys(options["reference"]))
    _check_names(rivals, references)
    sets = [open_set(path, options["split"]) for path in dict.fromkeys(data)]
    for name, count in Counter(each.name for each in sets).items():
        if count > 1:
            raise ConfigError(f"--data: {count} sets are called {name!r}; rename a folder")
    facts = _facts(models, data, options, sizes, rivals, sets, references)
    if out is not None:
        draft = out.with_name(f"{out.name}.part")
        draft.write_text(json.dumps(facts, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        draft.replace(out)
    write = scoreboard.as_markdown if options["markdown"] else scoreboard.as_text
    click.echo("\n\n".join(write(table) for table in scoreboard.tables(facts)))
    _warn(facts, rivals, sizes)


def _check_names(rivals: Sequence[Rival], references: Sequence[str]) -> None:
    names = Counter(rival.name for rival in rivals)
    for name, count in names.items():
        if count > 1:
            raise ConfigError(f"{count} models are called {name!r}; name them: NAME={name}")
    for name in references:
        if name not in names:
            raise ConfigError(f"--reference {name!r} is none of the models: {', '.join(names)}")


def _facts(
    models: Sequence[str],
    data: Sequence[Path],
    options: dict[str, Any],
    sizes: Sequence[Size],
    rivals: Sequence[Rival],
    sets: Sequence[LabelledSet],
    references: Sequence[str],
) -> dict[str, Any]:
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        unreadable: dict[str, list[str]] = {one.name: [] for one in sets}
        each = _results(sets, rivals, sizes, unreadable, options["skip_unreadable"])
    finally:
        cv2.setNumThreads(threads)
    pool = contest.pooled(each)
    results = [*each, *pool]
    together = [_about(pool[0].data, [line for lines in unreadable.values() for line in lines])] if pool else []
    reference = references[0] if references else None
    return {
        "command": _command(models, data, options, references),
        "versions": {name: _version(name) for name in ("moodline", "numpy", "opencv-python-headless", "onnxruntime")},
        "machine": machine(1),
        "min_score": contest.MIN_SCORE,
        "reference": reference,
        "models": [{"name": rival.name, **rival.about} for rival in rivals],
        "sets": [*(_about(one, unreadable[one.name]) for one in sets), *together],
        "rows": [contest.row(result) for result in results],
        "against": _against(results, references, options["rounds"]),
        "wider": _wider(each),
        "times": _times(rivals, sets, sizes, reference) if options["times"] else [],
    }


def _results(
    sets: Sequence[LabelledSet],
    rivals: Sequence[Rival],
    sizes: Sequence[Size],
    unreadable: dict[str, list[str]],
    skip: bool,
) -> list[Result]:
    results: list[Result] = []
    with tqdm(total=sum(len(each.photos) for each in sets), desc="look", unit="photo", disable=None) as bar:
        for each in sets:
            bar.set_postfix_str(each.name)
            results += contest.hold(each, rivals, sizes, unreadable[each.name] if skip else None, bar.update)
    return results


def _against(results: Sequence[Result], references: Sequence[str], rounds: int) -> list[dict[str, Any]]:
    comparison = contest.Comparison(rounds)
    pairs = contest.pairs_with(results, references)
    return [comparison.against(*pair) for pair in tqdm(pairs, desc="compare", unit="pair", disable=None)]


def _about(data: LabelledSet, unreadable: Sequence[str]) -> dict[str, Any]:
    return {
        "name": data.name,
        "layout": data.layout,
        "split": data.split,
        "sha256": data.sha256,
        "iou": data.iou,
        "pictures": len(data.photos) - len(unreadable),
        "faces": data.faces,
        "left out": list(data.notes),
        "unreadable": list(unreadable),
    }


def _command(models: Sequence[str], data: Sequence[Path], options: dict[str, Any], references: Sequence[str]) -> str:
    words = ["moodline-train", "detector", "evaluate", *models]
    for path in data:
        words += ["--data", str(path)]
    for name in references:
        words += ["--reference", name]
    for name in ("sizes", "split", "rounds", "like"):
        words += [f"--{name}", str(options[name])] if options[name] is not None else []
    words += ["--skip-unreadable"] if options["skip_unreadable"] else []
    words += [] if options["times"] else ["--no-times"]
    return shlex.join(words)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _wider(results: Sequence[Result]) -> list[dict[str, Any]]:
    rows = []
    for result in results:
        subsets = widerprotocol.subsets_of(result.data)
        values = {
            each.name: round(widerprotocol.average_precision(result.found, result.photos, each), 5) for each in subsets
        }
        if values:
            rows.append({"model": result.rival.name, "size": result.size.name, **values})
    return rows


def _times(
    rivals: Sequence[Rival], sets: Sequence[LabelledSet], sizes: Sequence[Size], reference: str | None
) -> list[dict[str, Any]]:
    asked = [_LARGE if size.side == FULL else (size.side, size.side * 9 // 16) for size in sizes if not size.enlarged]
    frames = list(dict.fromkeys([stopwatch.USUAL, *asked]))
    with tqdm(total=len(frames) * stopwatch.TURNS, desc="time", unit="turn", disable=None) as bar:
        return stopwatch.measure(rivals, _shown(sets), frames, reference, done=bar.update)


def _shown(sets: Sequence[LabelledSet]) -> list[Image]:
    """Photos with faces from all sets, evenly spread."""
    photos = [photo for each in sets for photo in each.photos if any(not truth.ignored for truth in photo.truths)]
    shown: list[Image] = []
    for photo in photos[:: max(len(photos) // _SHOWN, 1)][:_SHOWN]:
        try:
            shown.append(photo.load())
        except ConfigError:
            continue  # named already when it was to be measured
    return shown


def _warn(facts: dict[str, Any], rivals: Sequence[Rival], sizes: Sequence[Size]) -> None:
    for data in (each for each in facts["sets"] if each["name"] != contest.TOGETHER):
        for key, (noun, state) in (("left out", ("label", "left out")), ("unreadable", ("photo", "not readable"))):
            lines = data[key]
            if lines:
                click.echo(f"warning: {data['name']}: {counted(len(lines), noun)} {state}", err=True)
            for line in lines[:_TOLD]:
                click.echo(f"  {line}", err=True)
    for rival in rivals:
        skipped = [size.name for size in sizes if not contest.possible(rival, size)]
        if skipped:
            click.echo(f"{rival.name}: its input is fixed at {rival.side}; left out at {', '.join(skipped)}", err=True)
