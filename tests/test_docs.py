import re
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import yaml

from pipelines.config import PipelineConfig

ROW = re.compile(r"^\| `([^`]+)` \| (?:`([^`]+)`)? ?\|", re.MULTILINE)


def settings(config: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every key under `config` with its default; MISSING where it must be given."""
    hints = get_type_hints(config)
    for item in fields(config):
        inner = get_args(hints[item.name])
        if is_dataclass(hints[item.name]):
            yield from settings(hints[item.name], f"{prefix}{item.name}.")
        elif inner and is_dataclass(inner[0]):
            yield from settings(inner[0], f"{prefix}{item.name}[].")
        else:
            default = item.default_factory() if callable(item.default_factory) else item.default
            yield f"{prefix}{item.name}", getattr(default, "default", default)


def test_the_table_of_settings_has_every_key_with_its_default() -> None:
    text = (Path(__file__).parents[1] / "docs" / "configuration.md").read_text(encoding="utf-8")
    told = {key: yaml.safe_load(default) if default else MISSING for key, default in ROW.findall(text)}
    real = {key: list(value) if isinstance(value, tuple) else value for key, value in settings(PipelineConfig)}
    assert len(real) > 40
    assert told == real
