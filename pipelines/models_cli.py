"""`moodline models`: which networks are installed and sound, adding one, and pulling one from the catalogue."""

import click

from pipelines.lazy import LazyGroup

_COMMANDS = {
    "list": ("pipelines.model_list_cli:list_models", "Every model on the search path, or all that can be pulled."),
    "verify": ("pipelines.model_list_cli", "Check the hashes of models and open each once."),
    "add": ("pipelines.model_add_cli", "Copy an ONNX file to your models and write its card."),
    "pull": ("pipelines.model_pull_cli:pull_models", "Download models of the catalogue."),
}


@click.group(cls=LazyGroup, table=_COMMANDS)
def models() -> None:
    """List, check, add and pull model files."""
