"""The `moodline` command. Errors are one line that names the key, the value and the way out."""

import os
import sys

import click

from engine import __version__
from engine.errors import ConfigError, ModelError, MoodlineError, StageStuck
from engine.words import printable
from pipelines import logs
from pipelines.entry import wants_json
from pipelines.lazy import LazyGroup
from pipelines.signals import leave

FAILED, WRONG, INTERRUPTED = 1, 2, 130

# Name: module, and what the list of commands says. Loaded when called, since some take a second to import.
COMMANDS = {
    "run": ("pipelines.run_cli", "Run CONFIG: cameras in, emotion events out, headless."),
    "demo": ("pipelines.run_cli", "Show the whole engine on built-in footage."),
    "analyze": ("pipelines.analyze_cli", "Analyse one file: annotated video, events, summary."),
    "check": ("pipelines.check_cli", "Find every mistake in CONFIG before it runs."),
    "doctor": ("pipelines.doctor_cli", "Look this machine over."),
    "models": ("pipelines.models_cli", "List, check, add and pull model files."),
    "history": ("pipelines.history_cli", "Look into, export, prune and erase what a run has stored."),
    "events": ("pipelines.events_cli", "Follow the events of a run on Redis."),
}


@click.group(
    cls=LazyGroup,
    table=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, "-V", "--version", prog_name="moodline")
@click.option("--debug", is_flag=True, help="Show tracebacks and debug messages.")
@click.option(
    "--log-format",
    type=click.Choice(["console", "json"]),
    default="console",
    show_default=True,
    help="How messages on standard error look.",
)
def root(debug: bool, log_format: str) -> None:
    """Streaming facial-emotion analytics: cameras in, dependable emotion events out.

    \b
    Examples:
      moodline demo                              built-in footage, no camera or network needed
      moodline run configs/rtsp.yaml             cameras, headless, until Ctrl-C
      moodline analyze party.mp4 -o seen.mp4     one file, annotated video and a summary
      moodline check configs/rtsp.yaml           find every mistake before it runs
      moodline events --url redis://localhost    follow what is being published
    """
    logs.configure(debug=debug, json=log_format == "json")


def _show(error: click.ClickException) -> None:
    """With `--log-format json` the message alone, as a record; else with the command's usage."""
    if logs.is_json():
        logs.say(f"moodline: {error.format_message()}")
    else:
        error.show()


def main() -> None:
    """Entry point.

    Exit codes: 0 done, 1 failed while running, 2 wrong configuration or arguments, 130 interrupted.
    """
    if wants_json(sys.argv):
        logs.configure(json=True)  # for what goes wrong before the options are read
    try:
        code = root.main(standalone_mode=False)
    except click.ClickException as error:
        _show(error)
        code = WRONG if isinstance(error, click.UsageError) else FAILED
    except (click.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    except MoodlineError as error:
        if "--debug" in sys.argv:
            raise
        code = _failed(error)
    except OSError as error:
        code = _unwritten(error)
    code = code if isinstance(code, int) else 0
    try:
        if sys.stdout is not None:  # it may be closed: `moodline ... >&-`
            sys.stdout.flush()
    except OSError as error:
        code = _unwritten(error)
    sys.exit(code)


def _failed(error: MoodlineError) -> int:
    """Say what failed, a line for each problem; the exit code. A process with a stuck thread ends here."""
    for line in error.problems if isinstance(error, ConfigError) else (str(error),):
        logs.say(f"moodline: {printable(line)}")
    code = WRONG if isinstance(error, ConfigError | ModelError) else FAILED
    if isinstance(error, StageStuck):
        leave(code)
    return code


def _unwritten(error: OSError) -> int:
    """The system refused, most likely to write standard output: say so; the end of the interpreter writes nowhere."""
    if "--debug" in sys.argv:
        raise error
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if not isinstance(error, BrokenPipeError):
        logs.say(f"moodline: {printable(str(error))}")
    return FAILED
