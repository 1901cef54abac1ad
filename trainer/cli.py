"""The command `moodline-train`: from labelled faces to a measured model and a report."""

import logging
import sys

import click

from engine.errors import ConfigError, MoodlineError
from trainer.commands.lazy import LazyGroup

# Name: module, and what the list of commands says.
COMMANDS = {
    "prepare": ("trainer.commands.prepare", "Pack a data set: read, align, check, and look for leaks."),
    "ask": ("trainer.commands.ask", "Keep a model's answers beside a data set, to learn from them."),
    "mix": ("trainer.commands.mix", "Blend prepared sets and label sets into one to train on."),
    "leaks": ("trainer.commands.leaks", "List pictures that stand in a data set more than once."),
    "detector": ("trainer.commands.detector", "Label pictures for a face detector; train, measure, export it."),
    "collect": ("trainer.commands.collect", "Record labelled faces of your own from a camera or a file."),
    "fit": ("trainer.commands.fit", "Train a recipe, or go on with an interrupted run."),
    "average": ("trainer.commands.average", "Average runs that began from the same weights."),
    "tune": ("trainer.commands.tune", "Search for better settings of a recipe."),
    "crossval": ("trainer.commands.crossval", "Train and score on k parts of the data."),
    "evaluate": ("trainer.commands.evaluate", "Measure a model on one split."),
    "compare": ("trainer.commands.compare", "Train many models on the same faces, and put them in one table."),
    "export": ("trainer.commands.export", "Write a trained run as ONNX with its model card."),
    "report": ("trainer.commands.report", "Write a page about a run: data, scores, pictures, limits."),
}


@click.group(
    cls=LazyGroup,
    table=COMMANDS,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("--debug", is_flag=True, help="Show a traceback with an error.")
@click.option("--verbose", "-v", is_flag=True, help="Show the log.")
def cli(debug: bool, verbose: bool) -> None:
    """Train emotion models for moodline.

    \b
    moodline-train prepare fer2013/ --out runs/fer2013
    moodline-train fit configs/trainer/emotion-ferplus.yaml --data runs/fer2013 --run runs/first
    moodline-train evaluate runs/first --data runs/fer2013
    moodline-train export runs/first --data runs/fer2013 --out runs/first/emotion-fer.onnx
    """
    logging.basicConfig(level=logging.INFO if verbose or debug else logging.WARNING, format="%(message)s")


def run(arguments: list[str]) -> int:
    """The command line as a function: 0 well, 1 failed, 2 wrong arguments or settings, 130 interrupted."""
    try:
        code = cli.main(arguments, prog_name="moodline-train", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return 2
    except click.ClickException as error:
        click.echo(f"moodline-train: {error.format_message()}", err=True)
        return 2
    except (KeyboardInterrupt, click.Abort):
        click.echo("moodline-train: interrupted", err=True)
        return 130
    except (MoodlineError, OSError) as error:
        if "--debug" in arguments:
            raise
        for line in _told(error).splitlines():
            click.echo(f"moodline-train: {line}", err=True)
        return 2 if isinstance(error, ConfigError) else 1
    return code if isinstance(code, int) else 0


def _told(error: MoodlineError | OSError) -> str:
    """What the user reads: of the system's own errors the file and the reason, without the number."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def main() -> None:
    """Entry point of the console script."""
    sys.exit(run(sys.argv[1:]))
