"""`moodline models`: which networks are installed, whether they are sound, and adding one from outside."""

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import click
import numpy as np

from engine.detectors.build import LAYOUTS
from engine.detectors.haar import Haar, cascade_path
from engine.errors import ModelError, MoodlineError
from engine.items import Floats
from engine.modelcard import (
    SHIPPED,
    Model,
    ModelCard,
    card_path,
    find_model,
    installed,
    load_model,
    sha256_of,
    user_folder,
)
from engine.pixels import InputSpec
from engine.sessions import OnnxSession, open_session, warm_up
from engine.stages.classify import EmotionClassifier
from engine.stages.detect import DetectConfig

_UNHASHED = "0" * 64
_CAFFE = InputSpec(None, None, "BGR", 1.0, (104.0, 117.0, 123.0), (1.0, 1.0, 1.0))
_INSIGHTFACE = InputSpec(None, None, "RGB", 1.0, (127.5, 127.5, 127.5), (128.0, 128.0, 128.0))
_SHIPPED_EMOTION = "emotion-fer"


def _detector(name: str, layout: str, spec: InputSpec, licence: str) -> Callable[[], ModelCard]:
    card = ModelCard(name, "1", "face-detection", _UNHASHED, spec, layout, licence)
    return lambda: card


def _like_shipped() -> ModelCard:
    """The shipped classifier's card without what is true of its own weights only."""
    card = load_model(SHIPPED / f"{_SHIPPED_EMOTION}.onnx").card
    return replace(card, version="1", temperature=1.0, licence="not stated", metrics={}, data={})


TEMPLATES: dict[str, Callable[[], ModelCard]] = {
    "retinaface-mnet025": _detector("retinaface-mnet025", "retinaface", _CAFFE, "not stated"),
    "retinaface-resnet50": _detector("retinaface-resnet50", "retinaface", _CAFFE, "not stated"),
    "scrfd": _detector("scrfd", "scrfd", _INSIGHTFACE, "non-commercial research, as all insightface packs"),
    _SHIPPED_EMOTION: _like_shipped,
}


@click.group()
def models() -> None:
    """List, check and add model files."""


@models.command("list")
def list_models() -> None:
    """Every model on the search path; the nearest folder wins where two have one name."""
    rows = [("NAME", "TASK", "VERSION", "SHA256", "LICENCE", "PATH"), *_rows()]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        click.echo("  ".join([*cells, row[5]]))


def _rows() -> Iterator[tuple[str, ...]]:
    cascade = cascade_path()
    yield Haar.name, "face-detection", Haar.version(), sha256_of(cascade)[:12], "Intel (BSD)", str(cascade)
    for path in _nearest():
        try:
            card = load_model(path).card
        except ModelError as error:
            yield path.stem, "unusable", "-", "-", "-", str(error)
            continue
        yield path.stem, card.task, card.version, card.sha256[:12], card.licence, str(path)


def _nearest() -> list[Path]:
    """One file for each name: the one that `find_model` takes."""
    return list({path.stem: path for path in reversed(list(installed()))}.values())[::-1]


@models.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
def verify(names: Sequence[str]) -> None:
    """Check the hashes of the models NAME (default: all) and open each once."""
    targets = names or [Haar.name, *(path.stem for path in _nearest())]
    failed = [name for name in targets if not _is_sound(name)]
    if failed:
        raise MoodlineError(f"{len(failed)} of {len(targets)} models failed: {', '.join(failed)}")


def _is_sound(name: str) -> bool:
    try:
        found = _cascade() if name == Haar.name else _opened(find_model(name))
    except ModelError as error:
        click.echo(f"FAILED  {name}: {error}")
        return False
    click.echo(f"ok      {name}: {found}")
    return True


def _cascade() -> str:
    Haar()
    return f"face-detection, {cascade_path()}"


def _opened(model: Model) -> str:
    _probe(model)
    return f"{model.card.task}, sha256 {model.card.sha256[:12]}, {model.path}"


@models.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--like", required=True, type=click.Choice(list(TEMPLATES)), help="What kind of network it is.")
@click.option("--name", help="What to call it; the kind's name if not given.")
@click.option("--licence", help="The terms of the weights, for the card.")
def add(file: Path, like: str, name: str | None, licence: str | None) -> None:
    """Copy the ONNX file FILE to your models and write its card, after trying that it fits."""
    name = _checked_name(name or like)
    card = replace(TEMPLATES[like](), name=name)
    if licence:
        card = replace(card, licence=licence)
    model = install(file, card, user_folder())
    instead = " instead of the shipped one" if (SHIPPED / model.path.name).exists() else ""
    click.echo(f"added {model.path} ({model.card.sha256[:12]}); `model: {name}` now means it{instead}")


def _checked_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name):
        raise click.BadParameter(f"{name!r} is not 1 to 64 letters, digits, - or _", param_hint="--name")
    if name == Haar.name:
        raise click.BadParameter(f"{name!r} is the built-in cascade; choose another", param_hint="--name")
    return name


def install(file: Path, card: ModelCard, folder: Path) -> Model:
    """Put a copy of `file` with its card into `folder`, hash and fixed input size filled in.

    The network is tried first and the copy finished in a folder of its own; then both files take their
    places. Whatever fails before that leaves an older model of the same name as it was.

    Raises:
        ModelError: the network does not fit the card, or the folder cannot be written.
    """
    try:
        card = _completed(Model(file, replace(card, sha256=sha256_of(file))))
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".adding-", dir=folder) as scratch:
            copy = Path(scratch) / f"{card.name}.onnx"
            shutil.copyfile(file, copy)
            card_path(copy).write_text(card.to_json(), encoding="utf-8")
            load_model(copy)
            for part in (copy, card_path(copy)):
                part.replace(folder / part.name)
    except OSError as error:
        raise ModelError(f"{str(file)!r} cannot be added to {str(folder)!r}: {error.strerror}") from error
    return load_model(folder / f"{card.name}.onnx")


def _completed(model: Model) -> ModelCard:
    """The card with the sizes that the network fixes, after a trial run."""
    height, width = _probe(model).input_shape[2:]
    spec = model.card.input
    return replace(model.card, input=replace(spec, height=height or spec.height, width=width or spec.width))


def _probe(model: Model) -> OnnxSession:
    """Open `model` on the CPU and run it once the way its stage will.

    Raises:
        ModelError: it cannot be opened, or its outputs are not those of its layout.
    """
    session, card = open_session(model, "cpu"), model.card
    batch, channels, height, width = session.input_shape
    spec = card.input
    shape = (batch or 1, channels or spec.channels, height or spec.height or 96, width or spec.width or 160)
    warm_up(session, np.zeros(shape, np.float32))
    try:
        _try_out(session, card)
        if card.layout == "retinaface":
            _check_probabilities(session.run(np.zeros(shape, np.float32)), card)
    except (ValueError, IndexError, TypeError) as error:
        raise ModelError(f"model {card.name!r} does not fit layout {card.layout!r}: {error}") from error
    return session


def _try_out(session: OnnxSession, card: ModelCard) -> None:
    if card.task == "emotion":
        EmotionClassifier(session, card, max_batch=1)
    elif card.layout in LAYOUTS:
        LAYOUTS[card.layout](session, card, DetectConfig()).detect([np.full((96, 160, 3), 127, np.uint8)])
    else:
        raise ModelError(f"model {card.name!r} has the unknown layout {card.layout!r}")


def _check_probabilities(outputs: Sequence[Floats], card: ModelCard) -> None:
    """Exports made in training mode give logits, which would pass for absurdly sure faces."""
    scores = next(output for output in outputs if output.shape[-1] == 2)
    if not np.allclose(scores.sum(axis=-1), 1, atol=1e-3):
        raise ModelError(f"model {card.name!r}: scores are no probabilities; export it with its softmax")
