"""The entry point of `moodline-train`: says in one line what is missing when only the engine is installed."""

import sys
from importlib import import_module

_OURS = {"engine", "pipelines", "trainer"}


def main() -> None:
    """Run the command. Exit code 2 when the packages for training are not installed."""
    try:
        import_module("trainer.cli").main()
    except ModuleNotFoundError as error:
        name = (error.name or "").split(".")[0]
        if name in _OURS:
            raise
        sys.stderr.write(
            f"moodline-train: {name} is not installed; training needs more than the engine: "
            "make setup-dev, or pip install 'moodline[train]'\n"
        )
        sys.exit(2)
