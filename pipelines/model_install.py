"""A network from outside takes its place among the models: tried first, then put there in one go."""

import os
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from engine.detectors.build import LAYOUTS
from engine.devices import warm_up
from engine.errors import ModelError
from engine.items import Floats
from engine.modelcard import Model, ModelCard, card_path, load_model, sha256_of
from engine.pixels import to_tensor
from engine.sessions import OnnxSession, open_session
from engine.stages.classify import EmotionClassifier
from engine.stages.detect import DetectConfig
from pipelines.model_leftovers import SCRATCH, adding


def install(file: Path, card: ModelCard, folder: Path, ours: bool = False) -> Model:
    """Put `file` with its card into `folder`, hash and fixed input size filled in. It is copied, or, where it is
    `ours` and never changes, linked, which takes no room.

    The network is tried first and the copy finished in a folder of its own; then both files take their
    places. Whatever fails before that leaves an older model of the same name as it was.

    Raises:
        ModelError: the network does not fit the card, or the folder cannot be written.
    """
    try:
        model = Model(file, replace(card, sha256=sha256_of(file)))
    except OSError as error:
        raise _not_added(file, folder, error) from error
    return place(file, _completed(model), folder, ours)


def place(file: Path, card: ModelCard, folder: Path, ours: bool = False) -> Model:
    """Like `install`, with a card that is complete: the network itself is not tried."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with adding(folder), tempfile.TemporaryDirectory(prefix=SCRATCH, dir=folder) as scratch:
            copy = Path(scratch) / f"{card.name}.onnx"
            _duplicate(file, copy, ours)
            card_path(copy).write_text(card.to_json(), encoding="utf-8")
            load_model(copy)
            for part in (copy, card_path(copy)):
                _to_disk(part)
            # The network first: who is killed in between leaves its card in the scratch, and `adding` finishes it.
            for part in (copy, card_path(copy)):
                part.replace(folder / part.name)
    except OSError as error:
        raise _not_added(file, folder, error) from error
    return load_model(folder / f"{card.name}.onnx")


def _duplicate(file: Path, copy: Path, ours: bool) -> None:
    if ours:
        with suppress(OSError):  # another file system, or one without links
            os.link(file, copy)
            return
    shutil.copyfile(file, copy)


def _to_disk(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _not_added(file: Path, folder: Path, error: OSError) -> ModelError:
    return ModelError(f"{str(file)!r} cannot be added to {str(folder)!r}: {error.strerror}")


def _completed(model: Model) -> ModelCard:
    """The card with the sizes that the network fixes, after a trial run."""
    height, width = probe(model).input_shape[2:]
    spec = model.card.input
    return replace(model.card, input=replace(spec, height=height or spec.height, width=width or spec.width))


def probe(model: Model) -> OnnxSession:
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
        _check_output(session, card)
    elif card.layout in LAYOUTS:
        LAYOUTS[card.layout](session, card, DetectConfig()).detect([np.full((96, 160, 3), 127, np.uint8)])
    else:
        raise ModelError(f"model {card.name!r} has the unknown layout {card.layout!r}")


def _check_output(session: OnnxSession, card: ModelCard) -> None:
    """Probabilities taken for logits would make every face look unsure, and the other way round is not a number."""
    height, width = card.input.height or 48, card.input.width or 48
    faces = np.random.default_rng(0).integers(0, 256, (session.input_shape[0] or 4, height, width, 3), np.uint8)
    scores = session.run(to_tensor(list(faces), card.input))[0]
    sums = bool((scores >= 0).all() and np.allclose(scores.sum(axis=-1), 1, atol=1e-3))
    if sums != (card.layout == "probabilities"):
        right = "probabilities" if sums else "logits"
        raise ModelError(f"model {card.name!r} gives {right}, not {card.layout} as its card says: --output {right}")


def _check_probabilities(outputs: Sequence[Floats], card: ModelCard) -> None:
    """Exports made in training mode give logits, which would pass for absurdly sure faces."""
    scores = next(output for output in outputs if output.shape[-1] == 2)
    if not np.allclose(scores.sum(axis=-1), 1, atol=1e-3):
        raise ModelError(f"model {card.name!r}: scores are no probabilities; export it with its softmax")
