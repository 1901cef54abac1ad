"""`moodline check`: every mistake of a configuration, before it runs."""

import json
from pathlib import Path

import click

from engine.detectors.haar import Haar
from engine.errors import ConfigError, ModelError
from engine.modelcard import Task, find_model
from engine.redact import redact
from pipelines.config import PipelineConfig, json_schema, load


@click.command()
@click.argument("config", type=click.Path(path_type=Path), required=False)
@click.option("--schema", is_flag=True, help="Print the JSON Schema of the YAML file instead.")
def check(config: Path | None, schema: bool) -> int:
    """Check CONFIG and the models it names; opens no camera, device or network connection.

    \b
    Examples:
      moodline check configs/rtsp.yaml
      moodline check --schema > moodline.schema.json
    """
    if schema:
        click.echo(json.dumps(json_schema(), indent=2))
        return 0
    if config is None:
        raise click.UsageError("name a CONFIG file, or ask for --schema")
    checked = load(config)
    problems = _model_problems(checked)
    if problems:
        raise ConfigError(*(f"{config}: {problem}" for problem in problems))
    click.echo(f"{config}: ok, pipeline {checked.name!r} in mode {checked.mode}")
    for source in checked.sources:
        click.echo(f"  {source.id:<16} {redact(source.uri)}")
    return 0


def _model_problems(config: PipelineConfig) -> list[str]:
    problems = []
    tries: tuple[tuple[str, str, Task, list[str]], ...] = (
        ("detect", config.stages.detect.model, "face-detection", [Haar.name]),
        ("classify", config.stages.classify.model, "emotion", []),
    )
    for stage, name, task, built_in in tries:
        try:
            if name not in built_in:
                find_model(name, task, built_in)
        except ModelError as error:
            problems.append(f"stages.{stage}.model: {error}")
    return problems
