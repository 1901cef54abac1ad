"""Time as a collaborator: monotonic seconds for logic, UTC for people reading a record."""

import time
from datetime import UTC, datetime
from threading import Event
from typing import Protocol


class Clock(Protocol):
    """All methods may be called from any thread."""

    def monotonic(self) -> float:
        """Seconds that never go back."""

    def utc(self) -> datetime:
        """Now, timezone-aware."""

    def wait(self, event: Event, timeout_s: float) -> bool:
        """Sleep until `event` is set or the time is over; whether it is set."""


class SystemClock:
    """The machine's clocks."""

    def monotonic(self) -> float:
        return time.monotonic()

    def utc(self) -> datetime:
        return datetime.now(UTC)

    def wait(self, event: Event, timeout_s: float) -> bool:
        return event.wait(timeout_s)


def rfc3339(moment: datetime) -> str:
    """`2026-11-22T10:20:30.081Z`: RFC 3339 in UTC with milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
