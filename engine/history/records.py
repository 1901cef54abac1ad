"""What the history is asked with and what it answers."""

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

T = TypeVar("T")

_LAST_ROW = 2**63 - 1


class BadCursor(ValueError):
    """The cursor did not come from a page of the same kind of query."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackFilter:
    """Which tracks; None asks for nothing in particular.

    A track counts as within `[start, end)` when it was seen at any moment of it. `label` is its latest.
    """

    source_id: str | None = None
    label: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    min_duration_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """Which events; None asks for nothing in particular.

    `start <= captured_at < end`. `label` is what the event says the face shows, for `end` showed last.
    `min_duration_s` asks for events of tracks that have lasted that long by now.
    """

    source_id: str | None = None
    type: str | None = None
    label: str | None = None
    track_uid: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    min_duration_s: float | None = None


@dataclass(frozen=True, slots=True)
class TrackRecord:
    """One track as it is known now. `state` is `active` or `ended`; `events` counts all it ever had.

    `first_seen` and `last_seen` are its first and, as far as events tell, its last sight, `duration_s` apart.
    """

    track_uid: str
    run_id: str
    source_id: str
    track_id: int
    first_seen: datetime
    last_seen: datetime
    duration_s: float
    label: str | None
    confidence: float | None
    state: str
    events: int


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of an answer; `next_cursor` asks for the next part and is None on the last."""

    items: tuple[T, ...]
    next_cursor: str | None


def encode_cursor(kind: str, row_id: int) -> str:
    """An opaque cursor: after row `row_id` of the query `kind`.

    >>> decode_cursor("events", encode_cursor("events", 7))
    7
    """
    return base64.urlsafe_b64encode(f"{kind}:{row_id}".encode()).decode().rstrip("=")


def decode_cursor(kind: str, cursor: str) -> int:
    """The row id in `cursor`.

    Raises:
        BadCursor: it was not made by `encode_cursor` for the same `kind`.
    """
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except (binascii.Error, ValueError) as error:
        raise BadCursor("not a cursor of this query") from error
    found, _, digits = text.partition(":")
    row_id = int(digits) if digits.isdigit() and len(digits) <= 19 else -1
    if found != kind or not 0 <= row_id <= _LAST_ROW:
        raise BadCursor("not a cursor of this query")
    return row_id
