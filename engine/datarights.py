"""Data rights: on whose data a model was made, on what terms, and what follows for commercial use."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

Use = Literal["trained on", "distilled from", "measured on"]
Commercial = Literal["cleared", "not cleared", "unknown"]

_SAID: dict[Commercial, str] = {
    "cleared": "cleared for commercial use",
    "not cleared": "not cleared for commercial use",
    "unknown": "unknown",
}


@dataclass(frozen=True, slots=True)
class DataSource:
    """One set of data, or one teacher, that a model owes something to.

    `use` is how: `trained on` its samples or labels, `distilled from` the answers of a teacher, or only `measured on`.
    `terms` are the owners' own, in a few words. `commercial` is what they allow; `unknown` where nobody found out.
    """

    name: str
    use: Use
    terms: str
    commercial: Commercial = "unknown"
    url: str = ""

    def __post_init__(self) -> None:
        for name in ("name", "terms"):
            text = getattr(self, name)
            if not (isinstance(text, str) and text.strip()):
                raise ValueError(f"{name} must be text, got {text!r}")
        if self.use not in get_args(Use):
            raise ValueError(f"use must be {_choices(Use)}, got {self.use!r}")
        if self.commercial not in get_args(Commercial):
            raise ValueError(f"commercial must be {_choices(Commercial)}, got {self.commercial!r}")
        if self.url != "" and not _is_web_address(self.url):
            raise ValueError(f"url must begin with https:// or http:// and name a host, got {self.url!r}")


def read_sources(raw: Any, where: str = "data_rights") -> tuple[DataSource, ...]:
    """The sources in a list that was read from JSON or YAML; `where` is the key it stood at.

    Raises:
        ValueError: one sentence on the first mistake, with its place: `data_rights[1]: terms is missing`.
    """
    if not isinstance(raw, list | tuple):
        raise ValueError(f"{where} must be a list of sources, got {raw!r}")
    return tuple(_read(each, f"{where}[{number}]") for number, each in enumerate(raw))


def commercial_use(sources: Iterable[DataSource]) -> Commercial:
    """Permitted use of a model made from `sources`: no more than its strictest source allows.

    Data that a model was only measured on puts no limit on it. Without any other source nothing is known.

    >>> commercial_use([DataSource("mine", "trained on", "my own", "cleared")])
    'cleared'
    """
    found = {source.commercial for source in sources if source.use != "measured on"}
    strictest: tuple[Commercial, ...] = ("not cleared", "unknown", "cleared")
    return next((verdict for verdict in strictest if verdict in found), "unknown")


def said(commercial: Commercial) -> str:
    """A verdict in words for people."""
    return _SAID[commercial]


def merged(*groups: Sequence[DataSource]) -> tuple[DataSource, ...]:
    """All sources, each name and use once; a later group's word replaces an earlier one's."""
    known = {(source.name, source.use): source for group in groups for source in group}
    return tuple(known.values())


def _read(raw: Any, where: str) -> DataSource:
    if isinstance(raw, DataSource):
        return raw
    if not isinstance(raw, Mapping):
        raise ValueError(f"{where} must be an object with name, use and terms, got {raw!r}")
    known = [item.name for item in fields(DataSource)]
    for key in raw:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            raise ValueError(f"{where}: unknown key {key!r}" + (f", did you mean {near[0]!r}?" if near else ""))
    for key in ("name", "use", "terms"):
        if key not in raw:
            raise ValueError(f"{where}: {key} is missing")
    try:
        return DataSource(**raw)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def _is_web_address(text: Any) -> bool:
    try:
        parts = urlsplit(text) if isinstance(text, str) else None
    except ValueError:
        return False
    return parts is not None and parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc


def _choices(kind: Any) -> str:
    *first, last = (repr(choice) for choice in get_args(kind))
    return f"{', '.join(first)} or {last}"
