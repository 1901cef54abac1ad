"""YAML in, a frozen and fully checked configuration out; all mistakes in one go."""

import difflib
import os
import re
from collections.abc import Iterator
from dataclasses import field
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import TypeAdapter, ValidationError

from engine.api.config import ApiConfig
from engine.bus import BusConfig
from engine.errors import ConfigError
from engine.fields import Name, settings
from engine.history import HistoryConfig
from engine.sources.config import SourceConfig
from engine.stages.chip import ChipConfig
from engine.stages.classify import ClassifyConfig
from engine.stages.detect import DetectConfig
from engine.stages.smooth import SmoothConfig
from engine.stages.track import TrackConfig

_MAX_BYTES = 1_000_000
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


@settings
class StagesConfig:
    """One block per stage; each has defaults that suit one CPU box."""

    detect: DetectConfig = field(default_factory=DetectConfig)
    track: TrackConfig = field(default_factory=TrackConfig)
    chip: ChipConfig = field(default_factory=ChipConfig)
    classify: ClassifyConfig = field(default_factory=ClassifyConfig)
    smooth: SmoothConfig = field(default_factory=SmoothConfig)


@settings
class PipelineConfig:
    """A whole pipeline. `live` plays files in real time; `replay` reads them as fast as it can."""

    name: Name
    sources: tuple[SourceConfig, ...]
    mode: Literal["live", "replay"] = "live"
    stages: StagesConfig = field(default_factory=StagesConfig)
    bus: BusConfig = field(default_factory=BusConfig)
    history: HistoryConfig = field(default_factory=HistoryConfig)
    api: ApiConfig = field(default_factory=ApiConfig)


_ADAPTER = TypeAdapter(PipelineConfig)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the YAML file."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_ADAPTER.json_schema()}


def load(path: Path) -> PipelineConfig:
    """Read and check one YAML file. Opens nothing else.

    Raises:
        ConfigError: with one line per problem, each naming the file, the key, the value and the way out.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ConfigError(f"{path}: larger than {_MAX_BYTES} bytes; this is no pipeline configuration")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such file; `moodline demo` needs none, configs/ has examples") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text (byte {error.start})") from error
    try:
        return parse(text)
    except ConfigError as error:
        raise ConfigError(*(f"{path}: {problem}" for problem in error.problems)) from error


def parse(text: str) -> PipelineConfig:
    """Like `load`, from the text itself."""
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
        raise ConfigError("expected keys such as name: and sources:, found " + type(raw).__name__)
    problems: list[str] = []
    raw = _expand(raw, "", problems)
    config = _validate(raw, problems)
    if problems or config is None:
        raise ConfigError(*problems)
    return config


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


def _validate(raw: dict[str, Any], problems: list[str]) -> PipelineConfig | None:
    problems += _repeated_ids(raw)
    try:
        config = _ADAPTER.validate_python(raw)
    except ValidationError as error:
        problems += [_describe(item) for item in error.errors(include_url=False)]
        return None
    if not config.sources:
        problems.append("sources: is empty; name at least one camera, for example {id: door, uri: webcam:0}")
    return config


def _repeated_ids(raw: dict[str, Any]) -> Iterator[str]:
    first: dict[Any, int] = {}
    sources = raw.get("sources")
    for place, source in enumerate(sources if isinstance(sources, list) else ()):
        name = source.get("id") if isinstance(source, dict) else None
        if isinstance(name, str) and name in first:
            yield f"sources[{place}].id: {name!r} is already the id of sources[{first[name]}]; ids must differ"
        elif isinstance(name, str):
            first[name] = place


def _describe(problem: Any) -> str:
    location = list(problem["loc"])
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
    kind, value = problem["type"], problem["input"]
    if kind in {"unexpected_keyword_argument", "extra_forbidden"}:
        near = difflib.get_close_matches(str(location[-1]), _known_keys(location[:-1]), n=1)
        return f"{path}: unknown key" + (f"; did you mean {near[0]!r}?" if near else _list_keys(location[:-1]))
    if kind in {"missing", "missing_argument", "missing_keyword_only_argument"}:
        return f"{path}: is missing"
    message = problem["msg"].removeprefix("Value error, ").removeprefix("Input ")
    if isinstance(value, dict | list) or kind == "value_error":
        return f"{path}: {message}"
    return f"{path}: {value!r} {message}"


def _list_keys(location: list[Any]) -> str:
    keys = _known_keys(location)
    return f"; known are {', '.join(keys)}" if keys else ""


def _known_keys(location: list[Any]) -> list[str]:
    """The keys that may stand at `location`, read from the JSON Schema."""
    schema = _ADAPTER.json_schema()
    node: Any = schema
    for part in [*location, None]:
        while "$ref" in node:
            node = schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
        if part is None:
            break
        node = node.get("items", {}) if isinstance(part, int) else node.get("properties", {}).get(part, {})
    return list(node.get("properties", {}))
