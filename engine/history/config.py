"""Where the history lives and for how long."""

import re
from dataclasses import field

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from engine.fields import Positive, Text, field_validator, settings


@settings
class HistoryConfig:
    """`url` is `sqlite:///relative.db`, `sqlite:////absolute.db`, or `sqlite://` to forget at the end."""

    url: Text = field(default="sqlite:///moodline.db", repr=False)
    retention_days: Positive | None = 30
    """Rows older than this are deleted; null keeps everything."""

    @field_validator("url")
    @classmethod
    def _known(cls, url: str) -> str:
        try:
            parsed = make_url(url)
        except (ArgumentError, ValueError) as error:
            raise ValueError("not a database URL; write sqlite:///FILE") from error
        if parsed.drivername != "sqlite":
            raise ValueError(f"{parsed.drivername} is not supported; write sqlite:///FILE")
        if parsed.host or parsed.username or parsed.port or "\x00" in url:
            raise ValueError("a file has no host; write sqlite:///relative.db or sqlite:////absolute.db")
        _check_options(parsed)
        return url


def _check_options(url: URL) -> None:
    """SQLAlchemy would ignore or stumble over anything else."""
    for name, value in url.query.items():
        if name != "timeout":
            raise ValueError(f"unknown option {name}; known is timeout, in seconds")
        if not isinstance(value, str) or not re.fullmatch(r"\d{1,4}(\.\d{1,3})?", value):
            raise ValueError("timeout must be one number of seconds")
