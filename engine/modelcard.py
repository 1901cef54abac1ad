"""Model cards: what a model file is, expects and promises, and the check that it is that file."""

import difflib
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from math import inf
from pathlib import Path
from typing import Any, Literal, get_args

from engine.datarights import Commercial, DataSource, commercial_use, read_sources
from engine.errors import ModelError
from engine.pixels import InputSpec

Task = Literal["emotion", "face-detection"]
Landmarks = Literal["best", "mean"]
SHIPPED = Path(__file__).parent / "models"


@dataclass(frozen=True, slots=True)
class ModelCard:
    """The contents of `<model>.json` beside `<model>.onnx`.

    `layout` says how outputs are decoded (`logits`, `retinaface`, `scrfd`); `alignment` is the face
    template the input was trained on; `temperature` divides the logits before the softmax. `landmarks` says whether
    a detector's landmarks are those of the best prior, as published, or the mean over all that found the face.
    `limits` are sentences for people: where the model is known to fail, and what was not measured.
    `data_rights` names the data and the teachers the model was made from, and their terms; empty is unknown.
    """

    name: str
    version: str
    task: Task
    sha256: str
    input: InputSpec
    layout: str
    licence: str
    labels: tuple[str, ...] = ()
    alignment: str | None = None
    temperature: float = 1.0
    landmarks: Landmarks = "best"
    metrics: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    limits: tuple[str, ...] = ()
    data_rights: tuple[DataSource, ...] = ()

    def __post_init__(self) -> None:
        if self.task not in get_args(Task):
            raise ValueError(f"task must be {' or '.join(get_args(Task))}, got {self.task!r}")
        for name in ("name", "version", "layout", "licence"):
            if not isinstance(getattr(self, name), str):
                raise ValueError(f"{name} must be text, got {getattr(self, name)!r}")
        if not (isinstance(self.labels, tuple) and all(isinstance(label, str) for label in self.labels)):
            raise ValueError(f"labels must be a list of names, got {self.labels!r}")
        if not (isinstance(self.limits, tuple) and all(isinstance(limit, str) for limit in self.limits)):
            raise ValueError(f"limits must be a list of sentences, got {self.limits!r}")
        if self.task == "emotion" and not len(set(self.labels)) == len(self.labels) >= 2:
            raise ValueError("an emotion model needs at least two different labels, each once")
        if not (isinstance(self.temperature, int | float) and 0 < self.temperature < inf):
            raise ValueError(f"temperature must be positive, got {self.temperature!r}")
        if self.landmarks not in get_args(Landmarks):
            raise ValueError(f"landmarks must be {' or '.join(get_args(Landmarks))}, got {self.landmarks!r}")
        if not (isinstance(self.sha256, str) and re.fullmatch("[0-9a-f]{64}", self.sha256)):
            raise ValueError("sha256 must be 64 hexadecimal digits")

    @property
    def commercial(self) -> Commercial:
        """What the terms of its data allow; `unknown` where the card says nothing."""
        return commercial_use(self.data_rights)

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "ModelCard":
        """Raises `ValueError` with one sentence when the text is not a card."""
        try:
            raw = json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError(f"not JSON (line {error.lineno}: {error.msg})") from error
        if not isinstance(raw, dict):
            raise ValueError("not a JSON object")
        known = {item.name for item in fields(cls)}
        for key in raw.keys() - known:
            near = difflib.get_close_matches(key, known, n=1)
            raise ValueError(f"unknown key {key!r}" + (f", did you mean {near[0]!r}?" if near else ""))
        try:
            raw["input"] = _input_spec(raw["input"])
            for key in ("labels", "limits"):
                if isinstance(raw.get(key), list):
                    raw[key] = tuple(raw[key])
            raw["data_rights"] = read_sources(raw.get("data_rights", ()))
            return cls(**raw)
        except KeyError as error:
            raise ValueError(f"key {error.args[0]!r} is missing") from error
        except TypeError as error:
            raise ValueError(str(error).replace("ModelCard.__init__()", "card")) from error


def _input_spec(spec: Any) -> InputSpec:
    if not isinstance(spec, dict):
        raise ValueError(f"input must be an object, got {spec!r}")
    return InputSpec(**{**spec, "mean": tuple(spec["mean"]), "std": tuple(spec["std"])})


@dataclass(frozen=True, slots=True)
class Model:
    """A model file together with its card."""

    path: Path
    card: ModelCard


def card_path(model: Path) -> Path:
    return model.with_suffix(".json")


def report_path(model: Path) -> Path:
    """Where the trainer's report on a model lies, if there is one."""
    return model.with_suffix(".report.html")


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load_model(path: Path) -> Model:
    """The model at `path` with its card, after checking that the file is the one the card describes.

    Raises:
        ModelError: file or card missing or unreadable, or hash different.
    """
    if not path.is_file():
        raise ModelError(f"model {str(path)!r} does not exist")
    beside = card_path(path)
    if not beside.is_file():
        raise ModelError(
            f"model {str(path)!r} has no card ({beside.name}); write one with: moodline models add {path} --like NAME"
        )
    try:
        card = ModelCard.from_json(beside.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise ModelError(f"model card {str(beside)!r}: {error}") from error
    try:
        found = sha256_of(path)
    except OSError as error:
        raise ModelError(f"model {str(path)!r} cannot be read: {error.strerror}") from error
    if found != card.sha256:
        raise ModelError(
            f"model {str(path)!r} is not the file its card describes: "
            f"sha256 {found[:12]}… instead of {card.sha256[:12]}…; restore the file or write a new card"
        )
    return Model(path, card)


def search_path() -> tuple[Path, ...]:
    """Where models are looked for by name: `MOODLINE_MODELS`, the user's folder, the shipped ones."""
    named = [Path(part) for part in os.environ.get("MOODLINE_MODELS", "").split(os.pathsep) if part]
    try:
        return (*(path.expanduser() for path in named), user_folder(), SHIPPED)
    except (RuntimeError, ModelError):  # a system account without a home
        return (*named, SHIPPED)


def user_folder() -> Path:
    """Where `moodline models add` puts models: `$XDG_DATA_HOME/moodline/models`.

    Raises:
        ModelError: nobody knows the user's home.
    """
    base = os.environ.get("XDG_DATA_HOME")
    try:
        return Path(base or Path.home() / ".local" / "share") / "moodline" / "models"
    except RuntimeError as error:
        raise ModelError("this account has no home folder; set XDG_DATA_HOME to where models are kept") from error


def find_model(name: str, task: Task | None = None, built_in: Sequence[str] = ()) -> Model:
    """The model called `name` on the search path, or at the path `name` when it ends in `.onnx`.

    `task` and `built_in` only help to suggest: models of that task, and names that need no file.

    Raises:
        ModelError: when there is none (naming the nearest), or `load_model` refuses it.
    """
    if name.endswith(".onnx"):
        return load_model(Path(name))
    for folder in search_path():
        if (folder / f"{name}.onnx").is_file():
            return load_model(folder / f"{name}.onnx")
    names = sorted({*built_in, *(path.stem for path in installed() if task in (None, _task_of(path)))})
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there is {', '.join(names) or 'none'}"
    raise ModelError(
        f"model {name!r} is not installed; {hint} "
        "(add one: moodline models add FILE --like NAME, or moodline models list --available)"
    )


def _task_of(path: Path) -> str | None:
    try:
        return ModelCard.from_json(card_path(path).read_text(encoding="utf-8")).task
    except (OSError, ValueError):
        return None


def installed() -> Iterator[Path]:
    """Every `.onnx` file on the search path, nearest folder first."""
    for folder in search_path():
        if folder.is_dir():
            yield from sorted(folder.glob("*.onnx"))
