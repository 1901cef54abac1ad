import re
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import yaml

from pipelines.config import PipelineConfig, StagesConfig

ROOT = Path(__file__).parents[1]
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


RUNS = [path for folder in ("configs", "docker") for path in sorted((ROOT / folder).glob("*.yaml"))]
RUNS = [path for path in RUNS if "stages" in (yaml.safe_load(path.read_text(encoding="utf-8")) or {})]
FENCED = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)


def models_of(text: str) -> dict[str, str]:
    """The models that a configuration names by stage."""
    stages = (yaml.safe_load(text) or {}).get("stages") or {}
    return {stage: settings["model"] for stage, settings in stages.items() if settings and "model" in settings}


def test_every_configuration_takes_the_shipped_models_as_the_documents_say() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert "is what every\n  configuration takes" in text
    usual = {"detect": StagesConfig().detect.model, "classify": StagesConfig().classify.model}
    assert {path.name for path in RUNS} >= {"demo.yaml", "rtsp.yaml", "webcam.yaml", "gpu.yaml", "moodline.yaml"}
    for path in RUNS:
        for stage, model in models_of(path.read_text(encoding="utf-8")).items():
            assert model == usual[stage], path


def test_configurations_in_documents_take_the_shipped_models() -> None:
    shown = [block for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))
             for block in FENCED.findall(path.read_text(encoding="utf-8"))]  # fmt: skip
    whole = [block for block in shown if "\nsources:" in f"\n{block}"]
    assert whole
    assert {model for block in whole for model in models_of(block).values()} <= {StagesConfig().detect.model}
