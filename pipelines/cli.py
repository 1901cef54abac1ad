"""The `moodline` command. Errors are one line that names the key, the value and the way out."""

import sys

import click

from engine import __version__
from engine.errors import ConfigError, ModelError, MoodlineError
from engine.redact import redact
from pipelines import logs
from pipelines.analyze_cli import analyze
from pipelines.check_cli import check
from pipelines.doctor_cli import doctor
from pipelines.events_cli import events
from pipelines.models_cli import models
from pipelines.run_cli import demo, run

FAILED, WRONG, INTERRUPTED = 1, 2, 130


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "-V", "--version", prog_name="moodline")
@click.option("--debug", is_flag=True, help="Show tracebacks and debug messages.")
@click.option(
    "--log-format", type=click.Choice(["console", "json"]), default="console", show_default=True,
    help="How messages on standard error look.",
)  # fmt: skip
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


for command in (run, demo, analyze, check, doctor, models, events):
    root.add_command(command)


def main() -> None:
    """Entry point. Exit codes: 0 done, 1 failed while running, 2 wrong configuration or arguments, 130
    interrupted."""
    try:
        code = root.main(standalone_mode=False)
    except click.UsageError as error:
        error.show()
        code = WRONG
    except click.ClickException as error:
        error.show()
        code = FAILED
    except (click.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    except MoodlineError as error:
        if "--debug" in sys.argv:
            raise
        for line in str(error).splitlines():
            click.echo(f"moodline: {redact(line)}", err=True)
        code = WRONG if isinstance(error, ConfigError | ModelError) else FAILED
    sys.exit(code if isinstance(code, int) else 0)
