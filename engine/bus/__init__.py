"""The bus: events for other programs, over Redis or within this process.

The only package that imports redis.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Protocol

from engine.bus.memory import MemoryBus
from engine.exports import exports
from engine.fields import Field, Name, Text, field_validator, settings
from engine.items import EmotionEvent

__all__ = ["Bus", "BusConfig", "MemoryBus", "RedisBus", "open_bus", "ping"]

if TYPE_CHECKING:
    from engine.bus.link import ping
    from engine.bus.redis_bus import RedisBus

__getattr__ = exports(__name__, {"RedisBus": "engine.bus.redis_bus", "ping": "engine.bus.link"})

_PLAIN = re.compile(r"memory://(?s:.*)|redis://[A-Za-z0-9.-]+(:[1-9][0-9]{0,3})?(/[0-9]{0,2})?")
"""What needs no second look: redis-py takes a sixth of a second to import."""


class Bus(Protocol):
    """Takes events in order. One thread sends; `close` may come from another."""

    @property
    def url(self) -> str:
        """Where it leads, without credentials."""

    @property
    def keeps(self) -> int:
        """How many of the newest events it should get again when it has lost them."""

    @property
    def note(self) -> str:
        """What a person should know although events are taken; empty when all is well."""

    def resume(self, last: EmotionEvent) -> None:
        """An earlier process had `last` taken, and all before it.

        Raises:
            BusForgot: as `publish`.
            BusError: it cannot be told.
        """

    def sent(self, run_id: str) -> int:
        """The number of the run's last event that it knows it has taken; 0 when it knows of none.

        Raises:
            BusError: it cannot be asked.
        """

    def publish(self, events: Sequence[EmotionEvent]) -> None:
        """Send all of `events`, which are of one run and in order, or raise; then they are sent again.

        Raises:
            BusForgot: it has lost what it had taken, which should be sent again first.
            BusError: they have not been taken, or it is not known whether they have.
        """

    def heartbeat(self, run_id: str, payload: dict[str, Any], sources: Mapping[str, dict[str, Any]]) -> None:
        """Say that the run is alive, and how each of its sources is.

        Raises:
            BusForgot: as `publish`.
            BusError: nobody could be told.
        """

    def erase(self, fingerprints: Collection[str]) -> Mapping[str, int]:
        """Delete what it keeps of the tracks with these `fingerprints`; how many events of each.

        Raises:
            BusError: part of them may still be there.
        """

    def forget_older(self, than: datetime) -> None:
        """Delete what it was given before `than`.

        Raises:
            BusError: it may still be there.
        """

    def close(self) -> None:
        """Let go of the connection. Closing twice does nothing."""


@settings
class BusConfig:
    """`url`: `redis://`, `rediss://`, `unix://`, `redis+sentinel://`, `redis+cluster://`, or `memory://` for
    this process alone."""

    url: Text = field(default="memory://", repr=False)
    prefix: Name = "moodline"
    maxlen: Annotated[int, Field(ge=1, le=100_000_000)] = 100_000
    """About how many events the Redis stream keeps."""

    @field_validator("url")
    @classmethod
    def _known(cls, url: str) -> str:
        if _PLAIN.fullmatch(url):
            return url
        from engine.bus.address import SCHEMES, parse

        scheme, divider, _ = url.partition("://")
        if scheme not in SCHEMES or not divider:
            known = ", ".join(f"{each}://" for each in (*SCHEMES, "memory"))
            raise ValueError(f"unknown kind of bus; write one of {known}")
        parse(url)
        return url


def open_bus(config: BusConfig) -> Bus:
    """The bus that `config` describes; it connects when it has something to send."""
    if config.url.startswith("memory://"):
        # An event takes kilobytes here, and the history has them all.
        return MemoryBus(min(config.maxlen, 1_000))
    from engine.bus.redis_bus import RedisBus

    return RedisBus(config.url, config.prefix, config.maxlen)
