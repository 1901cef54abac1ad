"""Where the history lives and for how long."""

from dataclasses import field

from sqlalchemy import make_url
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
            backend = make_url(url).get_backend_name()
        except (ArgumentError, ValueError) as error:
            raise ValueError("not a database URL; write sqlite:///FILE") from error
        if backend != "sqlite":
            raise ValueError(f"{backend} is not supported; write sqlite:///FILE")
        return url
