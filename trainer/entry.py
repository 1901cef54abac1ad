"""The entry point of `moodline-train`: says in one line what is missing when only the engine is installed."""

import sys
from importlib import import_module

_NEEDED = {"torch", "onnx", "tqdm", "click"}


def main() -> None:
    """Run the command. Exit code 2 when the packages for training are not installed."""
    try:
        cli = import_module("trainer.cli")
    except ModuleNotFoundError as error:
        if error.name not in _NEEDED:
            raise
        sys.stderr.write(
            f"moodline-train: {error.name} is not installed; training needs more than the engine: make setup-dev\n"
        )
        sys.exit(2)
    cli.main()
