"""What differs between two configurations, key by key."""

from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from engine.sources.config import SourceConfig
from pipelines.config import PipelineConfig


def changed_keys(old: PipelineConfig, new: PipelineConfig) -> dict[str, tuple[Any, Any]]:
    """Every key, `sources` apart, with its two values where they differ; a list is one value."""
    values = dict(_leaves(new, ""))
    return {key: (value, values[key]) for key, value in _leaves(old, "") if value != values[key]}


def _leaves(block: Any, where: str) -> Iterator[tuple[str, Any]]:
    for key in (each.name for each in fields(block)):
        value, path = getattr(block, key), f"{where}.{key}".lstrip(".")
        if is_dataclass(value):
            yield from _leaves(value, path)
        elif path != "sources":
            yield path, value


def source_changes(old: Sequence[SourceConfig], new: Sequence[SourceConfig]) -> list[str]:
    """Ids and what became of them, such as `desk added`. Addresses are not told: they may hold passwords."""
    before, after = {one.id: one for one in old}, {one.id: one for one in new}
    words = [f"{name} removed" for name in before if name not in after]
    words += [f"{name} changed" for name, one in after.items() if name in before and before[name] != one]
    return words + [f"{name} added" for name in after if name not in before]
