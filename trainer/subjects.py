"""What can be evaluated: a run folder, an ONNX model with its card, or a classifier in memory; one shape for all."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from engine import pixels
from engine.errors import ConfigError, ModelError
from engine.items import Floats, Image
from engine.modelcard import Model, find_model, load_model, sha256_of
from engine.sessions import open_session
from trainer.convnet import ConvNet
from trainer.models import open_model

Kind = Literal["logits", "probabilities"]
_KINDS: dict[str, Kind] = {"logits": "logits", "probabilities": "probabilities"}


class Predicts(Protocol):
    """The half of a classifier that evaluation needs."""

    @property
    def labels(self) -> tuple[str, ...]: ...

    def predict_proba(self, images: Image, /) -> Floats:
        """Probabilities float32 `(N, C)` of gray faces uint8 `(N, S, S)`."""


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A model under evaluation.

    `score` takes gray faces uint8 `(N, S, S)` and gives float32 `(N, C)`, of the `kind` that it says.
    `temperature` None is fitted on the validation split of the data; `temperature_from` says where another
    came from. `label_set` names the labels of the data it learned, where known. `threads` is how many its
    calls use, None where its libraries decide. With `colour` the faces may also be BGR `(N, S, S, 3)`.
    """

    name: str
    labels: tuple[str, ...]
    score: Callable[[Image], Floats]
    kind: Kind = "logits"
    label_set: str | None = None
    sha256: str | None = None
    parameters: int | None = None
    temperature: float | None = None
    temperature_from: str | None = None
    threads: int | None = None
    colour: bool = False

    def logits(self, images: Image) -> Floats:
        """Scores as float32 logits `(N, C)`: as they are, or the logarithm of probabilities.

        Raises:
            ModelError: the scores have another shape, or probabilities do not sum to 1.
        """
        scores = np.asarray(self.score(images), np.float32)
        if scores.shape != (len(images), len(self.labels)):
            wanted = (len(images), len(self.labels))
            raise ModelError(f"model {self.name!r} gives scores {scores.shape}, expected {wanted}")
        if self.kind == "logits":
            return scores
        # Not a number passes here: who calls can name the image.
        if (np.abs(scores.sum(1) - 1) > 1e-3).any() or (scores < 0).any():
            raise ModelError(f"model {self.name!r} gives probabilities that are negative or do not sum to 1")
        return np.log(np.maximum(scores, 1e-7))


def from_classifier(classifier: Predicts, name: str, **facts: Any) -> Subject:
    """A classifier in memory; its `logits` are used where it offers them. `facts` are fields of `Subject`."""
    logits: Callable[[Image], Floats] | None = getattr(classifier, "logits", None)
    if logits is not None:
        colour = bool(getattr(classifier, "takes_colour", False))
        return Subject(name, tuple(classifier.labels), logits, **{"threads": 1, "colour": colour, **facts})
    return Subject(name, tuple(classifier.labels), classifier.predict_proba, "probabilities", **facts)


def from_onnx(model: Model, label_set: str | None = None) -> Subject:
    """An ONNX model on one thread of the CPU, with the labels and the temperature of its card.

    The card's layout may also be `probabilities`, for networks of others: those are measured and never served.

    Raises:
        ModelError: it is no emotion model with logits or probabilities.
    """
    card = model.card
    kind = _KINDS.get(card.layout)
    if card.task != "emotion" or kind is None:
        raise ModelError(
            f"model {card.name!r} is for {card.task} with {card.layout}, not an emotion model with logits or "
            "probabilities"
        )
    session = open_session(model, "cpu", threads=1)
    parameters = card.data.get("parameters")
    return Subject(
        card.name,
        card.labels,
        lambda images: session.run(pixels.to_tensor(list(images), card.input))[0],
        kind,
        label_set=label_set or card.data.get("label_set"),
        sha256=card.sha256,
        parameters=parameters if isinstance(parameters, int) else None,
        temperature=float(card.temperature),
        temperature_from="card",
        threads=1,
        colour=True,
    )


def open_subject(place: str, label_set: str | None = None, data_sha256: str | None = None) -> Subject:
    """The model at `place`: an `.onnx` file, a run folder, or the name of an installed model.

    A run meets the data it was trained on (`data_sha256`) without a temperature, to be fitted on the
    validation split; other data must not choose it, so there it brings the one of its last evaluation, or 1.

    Raises:
        ConfigError: nothing is there, the folder is no run, or the model cannot be trusted or opened.
    """
    path = Path(place)
    if path.is_dir():
        return _open_run(path, label_set, data_sha256)
    if path.suffix != ".onnx" and (path.suffix or len(path.parts) > 1):
        raise ConfigError(f"model {place!r} is neither a run folder nor an .onnx file")
    try:
        return from_onnx(load_model(path) if path.suffix == ".onnx" else find_model(place, "emotion"), label_set)
    except ModelError as error:
        # Another model has to be named: a matter of arguments, unlike a model that fails while it is measured.
        raise ConfigError(str(error)) from error


def trained_on(run: Path) -> str | None:
    """SHA-256 of the data that the run in this folder learned from; None where its manifest does not say.

    Raises:
        ConfigError: the manifest is damaged.
    """
    data = _read(run / "manifest.json").get("data")
    return data.get("sha256") if isinstance(data, dict) else None


def with_temperature(subject: Subject, run: Path | None) -> Subject:
    """`subject`, and where it has no temperature that of the last evaluation of its folder `run`, or 1."""
    if subject.temperature is not None:
        return subject
    return replace(subject, **(_earlier_temperature(run) if run else {"temperature": 1.0, "temperature_from": "none"}))


def _open_run(run: Path, label_set: str | None, data_sha256: str | None) -> Subject:
    known: dict[str, Any] = {}
    if data_sha256 is not None and trained_on(run) not in (None, data_sha256):
        known = _earlier_temperature(run)
    if (run / "best.pt").is_file():
        net = ConvNet.open(run, label_set)
        known["parameters"] = sum(value.numel() for value in net.net.parameters())
        return from_classifier(net, run.resolve().name, sha256=sha256_of(run / "best.pt"), label_set=label_set, **known)
    if (run / "model.json").is_file():
        model = open_model(run)
        known["parameters"] = model.parameters
        return from_classifier(model, run.resolve().name, sha256=sha256_of(run / "model.npz"), **known)
    if "heads" in _read(run / "manifest.json"):
        ConvNet.open(run)  # a network's run that was interrupted: says what it lacks
    raise ConfigError(f"run {str(run)!r} holds no trained model; train one with: moodline-train fit RECIPE --run {run}")


def _earlier_temperature(run: Path) -> dict[str, Any]:
    for split in ("validation", "test"):
        model = _read(run / f"metrics-{split}.json").get("model", {})
        if model.get("temperature_from") == "validation":
            return {"temperature": float(model["temperature"]), "temperature_from": "validation of its own data"}
    return {"temperature": 1.0, "temperature_from": "none"}


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read ({error})") from error
    return facts if isinstance(facts, dict) else {}
