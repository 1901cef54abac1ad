"""`moodline-train evaluate`: measure a model on one split."""

import json
from pathlib import Path

import click

from engine.errors import ConfigError
from engine.modelcard import load_model
from trainer import preprocess
from trainer.data import LABELS, SPLITS
from trainer.evaluate import report
from trainer.export import predictor

_FILE = click.Path(path_type=Path)
_DATA = click.option("--data", "packed", type=_FILE, required=True, help="The file written by `prepare`.")


@click.command()
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
        summarise(metrics)


def summarise(metrics: object) -> None:
    if not isinstance(metrics, dict):
        return
    for view, truths in metrics["views"].items():
        for truth, values in truths.items():
            click.echo(
                f"{metrics['split']}, {view}, {truth}: accuracy {values['accuracy']:.4f} "
                f"(without leaked {values['accuracy_without_leaked']}), macro-F1 {values['macro_f1']:.4f}, "
                f"ECE {values['calibration_error']:.4f}, {values['images']} images"
            )
