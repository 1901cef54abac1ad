"""Where the history lives, for how long, and how large it may grow."""

import re
from dataclasses import field
from typing import TYPE_CHECKING

from engine.fields import Positive, Text, field_validator, settings
from engine.redact import ENCODE

if TYPE_CHECKING:
    from sqlalchemy import URL

_PLAIN_FILE = re.compile(r"sqlite://(/[^?\x00]*)?")
"""What needs no second look: a path or nothing, and no options. SQLAlchemy takes a quarter of a second to import."""
_WAYS = "write sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/DATABASE"
_POSTGRES = "postgresql+psycopg"
_POSTGRES_OPTIONS = (
    "sslmode", "sslrootcert", "sslcert", "sslkey", "host", "port", "connect_timeout", "application_name", "passfile",
)  # fmt: skip


@settings
class HistoryConfig:
    """`url` is `sqlite:///relative.db`, `sqlite:////absolute.db`, `sqlite://` to forget at the end, or a server:
    `postgresql+psycopg://user:password@host/database`."""

    url: Text = field(default="sqlite:///moodline.db", repr=False)
    retention_days: Positive | None = 30
    """Rows older than this are deleted; null keeps everything."""
    retention_mb: Positive | None = None
    """Above this size, in units of a million bytes, the oldest rows are deleted; null sets no limit."""

    @field_validator("url")
    @classmethod
    def _known(cls, url: str) -> str:
        if _PLAIN_FILE.fullmatch(url):
            return url
        from sqlalchemy import make_url
        from sqlalchemy.exc import ArgumentError

        try:
            parsed = make_url(url)
        except (ArgumentError, ValueError) as error:
            raise ValueError(f"not a database URL; {_WAYS}") from error
        if parsed.drivername == "sqlite":
            _check_file(parsed)
        elif parsed.drivername == _POSTGRES:
            _check_server(parsed)
        else:
            raise ValueError(f"{parsed.drivername} is not supported; {_WAYS}")
        return url


def _check_file(url: "URL") -> None:
    if url.host or url.username or url.port or "\x00" in (url.database or ""):
        raise ValueError("a file has no host; write sqlite:///relative.db or sqlite:////absolute.db")
    # SQLAlchemy would ignore or stumble over anything else.
    for name, value in url.query.items():
        if name != "timeout":
            raise ValueError(f"unknown option {name}; known is timeout, in seconds")
        if not isinstance(value, str) or not re.fullmatch(r"\d{1,4}(\.\d{1,3})?", value):
            raise ValueError("timeout must be one number of seconds")


def _check_server(url: "URL") -> None:
    if "@" in (url.host or ""):
        raise ValueError(f"the host holds an @; {ENCODE}")
    if not url.database or "\x00" in url.render_as_string(hide_password=False):
        raise ValueError(f"names no database; {_WAYS}")
    for name, value in url.query.items():
        if name not in _POSTGRES_OPTIONS:
            raise ValueError(f"unknown option {name}; known are {', '.join(_POSTGRES_OPTIONS)}")
        if not isinstance(value, str):
            raise ValueError(f"{name} must be given once")
