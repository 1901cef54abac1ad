"""Where labelled pictures come from and what their owners allow, and what a model card says of that."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engine.datarights import Commercial, DataSource, Use, merged, read_sources
from engine.errors import ConfigError

NOT_STATED = "not stated"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the images of a set come from, and what their owners allow.

    `also` names what comes with the images on terms of its own, such as other people's labels for them.
    """

    name: str
    licence: str
    url: str = ""
    commercial: Commercial = "unknown"
    also: tuple[DataSource, ...] = ()

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "Origin":
        """Read from a manifest. Those of earlier versions say nothing about commercial use.

        Raises:
            ValueError, TypeError: it is not the origin of a data set.
        """
        origin = cls(**{**raw, "also": read_sources(raw.get("also", ()), "origin.also")})
        origin.rights("trained on")
        return origin

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "also": [asdict(each) for each in self.also]}

    def rights(self, use: Use) -> tuple[DataSource, ...]:
        """The set and what came with it, as sources of a model that it was put to `use` for."""
        also = (DataSource(each.name, use, each.terms, each.commercial, each.url) for each in self.also)
        name, terms = self.name.strip() or "unnamed", self.licence.strip() or NOT_STATED
        return (DataSource(name, use, terms, self.commercial, self.url), *also)


def data_rights(
    trained_on: Sequence[Origin], measured_on: Sequence[Origin] = (), stated: Sequence[DataSource] = ()
) -> tuple[DataSource, ...]:
    """The `data_rights` of a model that learned from the sets of `trained_on`.

    What it was measured on is named where it is not among them. `stated` comes last: what it says of a name and use
    replaces what the sets say.
    """
    learned = [source for origin in trained_on for source in origin.rights("trained on")]
    known = {source.name for source in learned}
    measured = [source for origin in measured_on for source in origin.rights("measured on") if source.name not in known]
    return merged(learned, measured, stated)


def origins_of(facts: Mapping[str, Any]) -> list[Origin]:
    """The origins that a data manifest names: its own, or those of the parts of a mixture.

    Raises:
        ConfigError: one of them is damaged.
    """
    parts = facts.get("parts") or (facts.get("extra") or {}).get("parts") or [facts]
    try:
        return [Origin.from_json(part["origin"]) for part in parts if "origin" in part]
    except (ValueError, TypeError) as error:
        raise ConfigError(f"the manifest of the training data names no usable origin: {error}") from error


def sources_text(sources: Sequence[DataSource]) -> str:
    """One line for people: each source with its terms and address."""
    return "; ".join(
        f"{source.name}: {source.terms}" + (f" ({source.url})" if source.url else "") for source in sources
    )


def read_stated(path: Path | None) -> tuple[DataSource, ...]:
    """The sources in file `path`: JSON, a list as in a card's `data_rights`. None without a file.

    Raises:
        ConfigError: it cannot be read, or one of its sources is wrong.
    """
    if path is None:
        return ()
    try:
        return read_sources(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigError(f"--data-rights {str(path)!r}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"--data-rights {str(path)!r}: is not UTF-8 text (byte {error.start})") from error
    except json.JSONDecodeError as error:
        raise ConfigError(
            f"--data-rights {str(path)!r}: is not valid JSON (line {error.lineno}: {error.msg})"
        ) from error
    except ValueError as error:
        raise ConfigError(f"--data-rights {str(path)!r}: {error}") from error
