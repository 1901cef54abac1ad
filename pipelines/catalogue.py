"""The catalogue of models that can be pulled: where each is, how large, which bytes, and on what terms."""

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from engine.datarights import DataSource, read_sources
from engine.detectors.haar import Haar
from engine.errors import ConfigError
from engine.fields import AfterValidator, Field, Name, Text, settings
from engine.modelcard import ModelCard, Task
from engine.shapes import Shape
from pipelines import yamlfile
from pipelines.model_templates import FILES_ONLY, TEMPLATES

SCHEMES = ("http", "https", "file")


def _address(text: str) -> str:
    try:
        parts = urlsplit(text)
        place = parts.path if parts.scheme == "file" else parts.hostname
    except ValueError as error:
        raise ValueError(f"is no address: {error}") from error
    if parts.scheme not in SCHEMES or not place:
        raise ValueError(f"expected an address that begins with {', '.join(f'{name}://' for name in SCHEMES)}")
    return text


def _kind(name: str) -> str:
    known = [*TEMPLATES, *FILES_ONLY]
    if name in known:
        return name
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
    raise ValueError(f"there is no kind of network {name!r}; {hint}")


def _free(name: str) -> str:
    if name == Haar.name:
        raise ValueError(f"{name!r} is the built-in cascade, which needs no file; choose another name")
    return name


def _sources(raw: tuple[Any, ...]) -> tuple[DataSource, ...]:
    return read_sources(raw, "source")


Address = Annotated[str, AfterValidator(_address)]
Bytes = Annotated[int, Field(ge=1)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Kind = Annotated[str, AfterValidator(_kind)]


@settings
class Member:
    """The network within a zip archive."""

    path: Text
    size: Bytes
    sha256: Sha256


@settings
class Entry:
    """One model. `size` and `sha256` are those of what `url` gives: the network, or the archive it is in.

    `commercial` is about the weights; `data_rights`, as in a model card, about the data behind them.
    """

    name: Annotated[Name, AfterValidator(_free)]
    about: Text
    task: Task
    like: Kind
    url: Address
    size: Bytes
    sha256: Sha256
    licence: Text
    commercial: bool
    version: Text = "1"
    data_rights: Annotated[tuple[Any, ...], AfterValidator(_sources)] = ()
    member: Member | None = None

    def __post_init__(self) -> None:
        if self.task != self.template().task:
            raise ValueError(f"task is {self.task!r}, but {self.like!r} is a kind of {self.template().task!r}")

    @property
    def network_sha256(self) -> str:
        """The hash of the network itself, which is the one that its card will name."""
        return self.member.sha256 if self.member else self.sha256

    @property
    def runs(self) -> bool:
        """Whether the engine can run it. What it cannot is for `moodline-train` alone."""
        return self.like in TEMPLATES

    def template(self) -> ModelCard:
        """The card of its kind, without name, hash and licence of its own."""
        return (TEMPLATES if self.runs else FILES_ONLY)[self.like]()


def _some(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    if not entries:
        raise ValueError("lists no model; docs/models.md shows how an entry looks")
    return entries


@settings
class Catalogue:
    """All that can be pulled; every name once."""

    models: Annotated[tuple[Entry, ...], AfterValidator(_some)]

    def find(self, names: Sequence[str]) -> list[Entry]:
        """The entries of those names, each once, in that order.

        Raises:
            ConfigError: with one line for every name that is not in the catalogue, naming the nearest.
        """
        known = {entry.name: entry for entry in self.models}
        problems = [_unknown(name, list(known)) for name in names if name not in known]
        if problems:
            raise ConfigError(*problems)
        return [known[name] for name in dict.fromkeys(names)]


def _unknown(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name.lower(), known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(known)}"
    return f"{name!r} is not in the catalogue; {hint}"


_SHAPE = Shape(Catalogue)


def load(path: Path | None = None) -> Catalogue:
    """Read and check the catalogue in `path`; without one, the catalogue that ships with moodline.

    Raises:
        ConfigError: with one line per problem, each naming the file, the key, the value and the way out.
    """
    path = path or yamlfile.shipped("models.yaml")
    text = yamlfile.read(path, "catalogue of models", "docs/models.md shows how one looks")
    problems: list[str] = []
    catalogue = None
    try:
        raw = yamlfile.mapping(text, "models:", problems)
        problems += yamlfile.repeated(raw.get("models"), "models", "name")
        catalogue = _SHAPE.check(raw, problems)
    except ConfigError as error:
        problems += error.problems
    if problems or catalogue is None:
        raise ConfigError(*(f"{path}: {problem}" for problem in problems))
    return catalogue
