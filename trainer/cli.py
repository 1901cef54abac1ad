"""The command `moodline-train`: prepare the data, fit a recipe, evaluate and export the model."""

import json
import logging
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
from tqdm import tqdm

from engine.errors import ConfigError, MoodlineError
from engine.modelcard import load_model
from trainer import data, preprocess
from trainer.batches import Batch
from trainer.config import load_config
from trainer.data import LABELS, SPLITS
from trainer.evaluate import report
from trainer.export import export as export_model
from trainer.export import predictor
from trainer.fit import Fit

_FILE = click.Path(path_type=Path)
_DATA = click.option("--data", "packed", type=_FILE, required=True, help="The file written by `prepare`.")


@click.group(no_args_is_help=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show a traceback with an error.")
@click.option("--verbose", "-v", is_flag=True, help="Show the log.")
def cli(debug: bool, verbose: bool) -> None:
    """Train emotion models for moodline.

    \b
    moodline-train prepare fer2013/ --landmarks retinaface.onnx --out runs/fer2013.npz
    moodline-train fit configs/trainer/emotion-fer.yaml --data runs/fer2013.npz --run runs/first
    moodline-train export runs/first --data runs/fer2013.npz --out runs/first/emotion-fer.onnx
    moodline-train evaluate runs/first/emotion-fer.onnx --data runs/fer2013.npz
    """
    logging.basicConfig(level=logging.INFO if verbose or debug else logging.WARNING, format="%(message)s")


@cli.command()
@click.argument("source", type=_FILE)
@click.option("--landmarks", type=_FILE, required=True, help="A RetinaFace ONNX file that finds five points.")
@click.option("--out", type=_FILE, required=True, help="Where to write the packed data (.npz).")
@click.option("--threshold", type=click.FloatRange(0, 1), default=0.8, show_default=True)
def prepare(source: Path, landmarks: Path, out: Path, threshold: float) -> None:
    """Read FER2013 with FER+ from folder SOURCE, align its faces, and pack both versions.

    SOURCE holds mosaics/*.webp and labels.npz, or Kaggle's fer2013.csv and FER+'s fer2013new.csv.

    \b
    moodline-train prepare ~/fer2013 --landmarks retinaface.onnx --out runs/fer2013.npz
    """
    faces = data.load(source)
    with tqdm(total=len(faces.images), desc="align", unit="face", disable=None) as bar:
        packed = preprocess.pack(faces, preprocess.retinaface(landmarks), threshold, bar.update)
    preprocess.save(packed, out)
    share = float(packed.found.mean())
    click.echo(f"{out}: {len(faces.images)} faces, {share:.1%} aligned (counts in {out.with_suffix('.json')})")


@cli.command()
@click.argument("recipe", type=_FILE)
@_DATA
@click.option("--run", "folder", type=_FILE, required=True, help="Run folder; an unfinished run is taken up.")
@click.option("--export", "model", type=_FILE, help="Export the best weights to this .onnx at the end.")
def fit(recipe: Path, packed: Path, folder: Path, model: Path | None) -> None:
    """Train the RECIPE (YAML). Ctrl-C stops; the same command goes on after the last whole epoch.

    \b
    moodline-train fit configs/trainer/emotion-fer.yaml --data runs/fer2013.npz --run runs/first
    """
    faces = preprocess.open_packed(packed)
    result = Fit(load_config(recipe), faces, folder).run(_watched)
    why = " (stopped early)" if result.stopped_early else ""
    click.echo(
        f"{folder}: {result.epochs} epochs{why}, best {result.best_epoch} "
        f"with validation accuracy {result.best_score:.4f}"
    )
    if model is not None:
        _summarise(export_model(folder, faces, model).card.metrics)


@cli.command()
@click.argument("model", type=_FILE)
@_DATA
@click.option("--split", type=click.Choice(SPLITS), default="test", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def evaluate(model: Path, packed: Path, split: str, as_json: bool) -> None:
    """Measure MODEL (.onnx with its card) on one split, aligned and as whole crops.

    \b
    moodline-train evaluate engine/models/emotion-fer.onnx --data runs/fer2013.npz --json
    """
    loaded = load_model(model)
    card = loaded.card
    if card.labels != LABELS:
        raise ConfigError(f"model {card.name!r} has labels {', '.join(card.labels)}; expected {', '.join(LABELS)}")
    faces = preprocess.open_packed(packed)
    metrics = report(predictor(loaded), faces, split, card.input, card.temperature)
    if as_json:
        click.echo(json.dumps({"model": card.name, "sha256": card.sha256, **metrics}, indent=2))
    else:
        click.echo(f"model {card.name} sha256 {card.sha256}")
        _summarise(metrics)


@cli.command()
@click.argument("run", type=_FILE)
@_DATA
@click.option("--out", type=_FILE, required=True, help="The .onnx file to write, its card beside it.")
def export(run: Path, packed: Path, out: Path) -> None:
    """Export the best weights of folder RUN as ONNX with a model card, and measure them on the test split.

    \b
    moodline-train export runs/first --data runs/fer2013.npz --out engine/models/emotion-fer.onnx
    """
    if out.suffix != ".onnx":
        raise ConfigError(f"--out {str(out)!r} must end in .onnx")
    card = export_model(run, preprocess.open_packed(packed), out).card
    click.echo(f"{out}: sha256 {card.sha256}")
    _summarise(card.metrics)


def _summarise(metrics: object) -> None:
    if not isinstance(metrics, dict):
        return
    for view, truths in metrics["views"].items():
        for truth, values in truths.items():
            click.echo(
                f"{metrics['split']}, {view}, {truth}: accuracy {values['accuracy']:.4f} "
                f"(without leaked {values['accuracy_without_leaked']}), macro-F1 {values['macro_f1']:.4f}, "
                f"ECE {values['calibration_error']:.4f}, {values['images']} images"
            )


def _watched(batches: Iterable[Batch], count: int, what: str) -> Iterator[Batch]:
    return iter(tqdm(batches, total=count, desc=what, unit="batch", leave=False, disable=None))


def run(arguments: list[str]) -> int:
    """The command line as a function: 0 well, 1 failed, 2 wrong arguments or settings, 130 interrupted."""
    try:
        code = cli.main(arguments, prog_name="moodline-train", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return 2
    except click.ClickException as error:
        click.echo(f"moodline-train: {error.format_message()}", err=True)
        return 2
    except (KeyboardInterrupt, click.Abort):
        click.echo("moodline-train: interrupted", err=True)
        return 130
    except (MoodlineError, OSError) as error:
        if "--debug" in arguments:
            raise
        for line in str(error).splitlines():
            click.echo(f"moodline-train: {line}", err=True)
        return 2 if isinstance(error, ConfigError) else 1
    return code if isinstance(code, int) else 0


def main() -> None:
    """Entry point of the console script."""
    sys.exit(run(sys.argv[1:]))
