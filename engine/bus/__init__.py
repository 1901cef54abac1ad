"""The bus: events for other programs, over Redis or within this process.

The only package that imports redis.
"""

from collections.abc import Sequence
from dataclasses import field
from typing import Annotated, Any, Protocol

from engine.bus.link import check_url, ping
from engine.bus.memory import MemoryBus
from engine.bus.redis_bus import RedisBus
from engine.fields import Field, Name, Text, field_validator, settings
from engine.items import EmotionEvent

__all__ = ["Bus", "BusConfig", "MemoryBus", "RedisBus", "open_bus", "ping"]

_SCHEMES = ("redis", "rediss", "unix", "memory")


class Bus(Protocol):
    """Takes events in order. One thread sends; `close` may come from another."""

    @property
    def url(self) -> str:
        """Where it leads, without credentials."""

    def publish(self, events: Sequence[EmotionEvent]) -> None:
        """Send all of `events`, or raise; what raised is sent again, the same events first.

        Raises:
            BusError: they have not been taken, or it is not known whether they have.
        """

    def heartbeat(self, run_id: str, payload: dict[str, Any]) -> None:
        """Say that the run is alive.

        Raises:
            BusError: nobody could be told.
        """

    def close(self) -> None:
        """Let go of the connection. Closing twice does nothing."""


@settings
class BusConfig:
    """`url`: `redis://`, `rediss://`, `unix://`, or `memory://` for this process alone."""

    url: Text = field(default="memory://", repr=False)
    prefix: Name = "moodline"
    maxlen: Annotated[int, Field(ge=1, le=100_000_000)] = 100_000
    """About how many events the Redis stream keeps."""

    @field_validator("url")
    @classmethod
    def _known(cls, url: str) -> str:
        scheme = url.partition("://")[0]
        if scheme not in _SCHEMES or "://" not in url:
            raise ValueError(f"unknown kind of bus; write one of {', '.join(f'{s}://' for s in _SCHEMES)}")
        if scheme != "memory":
            check_url(url)
        return url


def open_bus(config: BusConfig) -> Bus:
    """The bus that `config` describes; it connects when it has something to send."""
    if config.url.startswith("memory://"):
        # An event takes kilobytes here, and the history has them all.
        return MemoryBus(min(config.maxlen, 1_000))
    return RedisBus(config.url, config.prefix, config.maxlen)
