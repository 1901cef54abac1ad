"""YAML files of settings, read strictly; `engine.shapes` checks what they hold."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from engine.errors import ConfigError

_MAX_BYTES = 1_000_000
_KINDS = {type(None): "nothing", list: "a list", str: "text", int: "a number", float: "a number"}
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def shipped(name: str) -> Path:
    """The file `configs/NAME` of the source tree or the installed package."""
    here = Path(__file__).parent
    for folder in (here.parent / "configs", here / "configs"):
        if (folder / name).is_file():
            return folder / name
    raise ConfigError(f"configs/{name} is missing from this installation; install moodline again")


def read(path: Path, what: str, hint: str) -> str:
    """The text of `path`, which should be `what`; `hint` says what helps where there is none.

    Raises:
        ConfigError: it is missing, too large, unreadable or no text.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ConfigError(f"{path}: larger than {_MAX_BYTES} bytes; this is no {what}")
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such file; {hint}") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text (byte {error.start})") from error


def mapping(text: str, expected: str, problems: list[str]) -> dict[str, Any]:
    """The keys and values of `text`, with `${NAME}` filled in; what is not set is added to `problems`.

    Raises:
        ConfigError: the text is no YAML, or no mapping, which should have had keys such as `expected`.
    """
    try:
        raw = yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - a SafeLoader that refuses more
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ConfigError(f"{where}{error.problem or 'not YAML'}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"not YAML: {error}") from error
    except (ValueError, TypeError, RecursionError) as error:  # what PyYAML lets through: dates, tags, depth
        raise ConfigError(f"not YAML that makes sense here: {error}") from error
    if not isinstance(raw, dict):
        raise ConfigError(f"expected keys such as {expected}, found {_KINDS.get(type(raw), type(raw).__name__)}")
    filled: dict[str, Any] = _expand(raw, "", problems)
    return filled


class _StrictLoader(yaml.SafeLoader):
    """Refuses what YAML silently accepts: a key given twice, and aliases (a few lines can hide gigabytes)."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event = self.get_event()  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem="aliases are not supported", problem_mark=event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem="a key must be plain text", problem_mark=key.start_mark)
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"key {key.value!r} is given twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _expand(value: Any, where: str, problems: list[str]) -> Any:
    """Fill in `${NAME}` from the environment."""
    if isinstance(value, dict):
        return {key: _expand(item, f"{where}.{key}".lstrip("."), problems) for key, item in value.items()}
    if isinstance(value, list):
        return [_expand(item, f"{where}[{place}]", problems) for place, item in enumerate(value)]
    if not isinstance(value, str):
        return value
    unset = [name for name in _VARIABLE.findall(value) if name not in os.environ]
    problems += [f"{where}: the environment variable {name} is not set; export {name}=…" for name in unset]
    return _VARIABLE.sub(lambda match: os.environ.get(match[1], match[0]), value)


def repeated(entries: Any, where: str, key: str) -> Iterator[str]:
    """One problem for each of the list `entries` whose `key` an earlier one has."""
    first: dict[Any, int] = {}
    for place, entry in enumerate(entries if isinstance(entries, list) else ()):
        name = entry.get(key) if isinstance(entry, dict) else None
        if isinstance(name, str) and name in first:
            yield f"{where}[{place}].{key}: {name!r} is already the {key} of {where}[{first[name]}]; {key}s must differ"
        elif isinstance(name, str):
            first[name] = place
