"""What is asked of one source over HTTP, checked exactly as the configuration file is."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from engine.errors import ConfigError
from engine.fields import settings
from engine.redact import redact
from engine.shapes import Shape
from engine.sources.config import SourceConfig


@settings
class NewSource(SourceConfig):
    """What is sent to add a source: the keys of the configuration file, and whether it begins paused."""

    paused: bool = False

    __repr__ = SourceConfig.__repr__


_SHAPE = Shape(NewSource)
_MOST_KEYS, _LONGEST_KEY, _LONGEST = 32, 64, 2048


def checked(raw: Mapping[str, Any]) -> tuple[SourceConfig, bool]:
    """What is asked for, and whether it is to be paused. Raises `ConfigError`, without credentials."""
    _check_sizes(raw)
    problems: list[str] = []
    found = _SHAPE.check(raw, problems)
    if found is None:
        raise ConfigError(*(redact(problem) for problem in problems))
    return _plain(found), found.paused


def changed(old: SourceConfig, paused: bool, raw: Mapping[str, Any]) -> tuple[SourceConfig, bool]:
    """`old` with the keys of `raw`, of which null means the default."""
    if raw.get("id", old.id) != old.id:
        raise ConfigError("id: cannot be changed; add another source instead")
    changes = dict(raw)
    if changes.get("uri") == old.shown:
        # As it was read: what is not shown stays.
        del changes["uri"]
    merged = {**keys(old), "paused": paused, **changes, "id": old.id}
    return checked({key: value for key, value in merged.items() if value is not None})


def _check_sizes(raw: Mapping[str, Any]) -> None:
    """Explaining what is wrong with a request must not be more work than sending it."""
    if len(raw) > _MOST_KEYS or any(len(key) > _LONGEST_KEY for key in raw):
        raise ConfigError(f"body: more than {_MOST_KEYS} keys, or one longer than {_LONGEST_KEY} characters")
    long = [key for key, value in raw.items() if isinstance(value, str) and len(value) > _LONGEST]
    if long:
        raise ConfigError(*(f"{redact(key)}: longer than {_LONGEST} characters" for key in long))


def _plain(found: NewSource) -> SourceConfig:
    return SourceConfig(**{field.name: getattr(found, field.name) for field in fields(SourceConfig)})


def keys(config: SourceConfig) -> dict[str, Any]:
    """The keys besides `id` that are not at their defaults, credentials included."""
    default = SourceConfig(id=config.id, uri=config.uri)
    values = {field.name: getattr(config, field.name) for field in fields(SourceConfig)}
    return {name: value for name, value in values.items() if name == "uri" or value != getattr(default, name)}
