"""Logging: standard loggers, rendered by structlog on standard error, without credentials."""

import logging
import sys
from contextlib import suppress
from typing import Any

import click
import structlog

from engine.redact import redact
from engine.words import plain
from pipelines.loglimit import Repeats


def configure(debug: bool = False, json: bool = False) -> None:
    """Send all log records to standard error; other libraries only from warnings on."""
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _without_credentials,
        _plain,
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0, pad_level=False)
    )
    # A line that cannot be written must not become many: there may be no room on the disk or no file left to open.
    logging.raiseExceptions = debug
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    handler.addFilter(Repeats())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    level = logging.DEBUG if debug else logging.INFO
    for name in ("engine", "pipelines"):
        logging.getLogger(name).setLevel(level)


def quiet() -> None:
    """From now on only warnings, for commands that draw a progress bar; `--debug` stays as it is."""
    for name in ("engine", "pipelines"):
        logger = logging.getLogger(name)
        logger.setLevel(logger.level if logger.level < logging.INFO else logging.WARNING)


def say(text: str) -> None:
    """Tell whoever watches standard error. That nobody does (`| head -1`, a full disk) must not end a run."""
    with suppress(OSError):
        click.echo("\n".join(map(plain, redact(text).split("\n"))), err=True)


def _without_credentials(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    return {key: redact(value) if isinstance(value, str) else value for key, value in event.items()}


def _plain(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """What others wrote, such as a server's reason phrase, neither steers the terminal nor forges a line."""
    shown = {key: plain(value) if isinstance(value, str) else value for key, value in event.items()}
    if isinstance(trace := event.get("exception"), str):
        shown["exception"] = "\n".join(map(plain, trace.split("\n")))
    return shown
