"""Settings of any class from YAML files, and back to text."""

from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import yaml

from engine.errors import ConfigError
from engine.shapes import Shape

T = TypeVar("T")


class _None:
    def __repr__(self) -> str:
        return "none"


_NONE = _None()


def read_yaml(path: Path) -> Any:
    """The plain data in YAML file `path`.

    Raises:
        ConfigError: when it cannot be read or is no YAML.
    """
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"recipe {str(path)!r} cannot be read ({getattr(error, 'strerror', error)})") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"recipe {path}: not YAML ({' '.join(str(error).split())})") from error


def to_settings(kind: type[T], raw: Any, where: str) -> T:
    """Settings of class `kind` from plain data; `where` begins each problem's line.

    Raises:
        ConfigError: one problem for each key that is unknown, missing or out of range.
    """
    if not isinstance(raw, dict):
        found = "nothing" if raw is None else type(raw).__name__
        raise ConfigError(f"{where}: expected keys and values, found {found}")
    problems: list[str] = []
    settings = Shape(kind).check(raw, problems)
    if settings is None:
        raise ConfigError(*(f"{where}: {problem}" for problem in problems))
    return settings


def plain(config: Any) -> Any:
    """A settings dataclass as dicts and lists, as YAML and JSON know them."""
    return _listed(asdict(config))


def differences(there: Any, here: Any, key: str = "") -> list[str]:
    """In what two pieces of plain data differ, one text for each value: `augment.turn: 3 there, 5 here`."""
    if isinstance(there, dict) and isinstance(here, dict):
        names = [*there, *(name for name in here if name not in there)]
        pairs = ((f"{key}.{name}".lstrip("."), there.get(name, _NONE), here.get(name, _NONE)) for name in names)
        return [text for name, old, new in pairs for text in differences(old, new, name)]
    return [] if there == here else [f"{key}: {there!r} there, {here!r} here".removeprefix(": ")]


def to_yaml(value: Any) -> str:
    """Plain data as YAML in its own order."""
    text: str = yaml.safe_dump(value, sort_keys=False)
    return text


def _listed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _listed(each) for key, each in value.items()}
    return [_listed(each) for each in value] if isinstance(value, list | tuple) else value
