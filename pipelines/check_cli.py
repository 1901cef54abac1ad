"""`moodline check`: every mistake of a configuration, before it runs."""

import json
from pathlib import Path

import click

from engine.words import printable
from pipelines.checking import load_checked
from pipelines.config import json_schema


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
    checked = load_checked(config)
    click.echo(f"{config}: ok, pipeline {checked.name!r} in mode {checked.mode}")
    for source in checked.sources:
        click.echo(f"  {source.id:<16} {printable(source.shown)}")
    return 0
