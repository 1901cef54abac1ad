"""Logging: standard loggers, rendered by structlog on standard error, without credentials."""

import logging
import sys
from contextlib import suppress
from typing import Any

import click

from engine.redact import redact
from engine.words import printable
from pipelines.loglimit import Repeats

_json: logging.Formatter | None = None
"""What `say` writes through; None where people read."""


def configure(debug: bool = False, json: bool = False) -> None:
    """Send all log records to standard error; other libraries only from warnings on."""
    global _json
    formatter = _Formatter(json)
    # A line that cannot be written must not become many: there may be no room on the disk or no file left to open.
    logging.raiseExceptions = debug
    _json = formatter if json else None
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    handler.addFilter(Repeats())
    logging.captureWarnings(json)
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    level = logging.DEBUG if debug else logging.INFO
    for name in ("engine", "pipelines"):
        logging.getLogger(name).setLevel(level)


class _Formatter(logging.Formatter):
    """structlog's, imported with the first record: most short commands have none."""

    def __init__(self, json: bool) -> None:
        super().__init__()
        self._json = json
        self._native: logging.Formatter | None = None

    def format(self, record: logging.LogRecord) -> str:
        if self._native is None:
            self._native = _structlog(self._json)
        return self._native.format(record)


def _structlog(json: bool) -> logging.Formatter:
    import structlog

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
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )


def quiet() -> None:
    """From now on only warnings, for commands that draw a progress bar; `--debug` stays as it is."""
    for name in ("engine", "pipelines"):
        logger = logging.getLogger(name)
        logger.setLevel(logger.level if logger.level < logging.INFO else logging.WARNING)


def say(text: str) -> None:
    """Tell whoever watches standard error. That nobody does (`| head -1`, a full disk) must not end a run.

    With `--log-format json` each line is a record as well: standard error is then JSON lines and nothing else.
    """
    with suppress(OSError):
        if _json:
            for line in filter(None, map(str.strip, text.splitlines())):
                click.echo(_json.format(logging.LogRecord("moodline", logging.INFO, "", 0, line, None, None)), err=True)
        else:
            click.echo("\n".join(map(printable, redact(text).split("\n"))), err=True)


def is_json() -> bool:
    """Whether standard error is JSON lines, which a progress bar must not break."""
    return _json is not None


def _without_credentials(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    return {key: redact(value) if isinstance(value, str) else value for key, value in event.items()}


def _plain(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """What others wrote, such as a server's reason phrase, neither steers the terminal nor forges a line."""
    shown = {key: printable(value) if isinstance(value, str) else value for key, value in event.items()}
    if isinstance(trace := event.get("exception"), str):
        shown["exception"] = "\n".join(map(printable, trace.split("\n")))
    return shown
