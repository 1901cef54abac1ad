"""What the history is asked with and what it answers."""

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

T = TypeVar("T")

_LAST = 2**63 - 1
_BEYOND = 2**63
_NUMBER = re.compile(r"-?[0-9]{1,19}")


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
class RunRecord:
    """One run. `state` is `running`, `ended`, or `interrupted` where it never said that it ended."""

    run_id: str
    name: str
    state: str
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """One source as its events tell. `state`, `cause` and `detail` are of its latest `status`, None before one."""

    source_id: str
    run_id: str
    first_seen: datetime
    last_seen: datetime
    state: str | None
    cause: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class Sample:
    """The latest smoothed reading of a track within the second that begins at `at`. `scores` sum to about 1."""

    at: datetime
    label: str | None
    confidence: float
    scores: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatsFilter:
    """Which samples, and how wide a bucket is, in whole seconds. `start <= at < end`."""

    start: datetime
    end: datetime
    bucket_s: int
    source_id: str | None = None

    def __post_init__(self) -> None:
        if self.bucket_s < 1:
            raise ValueError(f"bucket_s must be at least 1, got {self.bucket_s}")


@dataclass(frozen=True, slots=True)
class EmotionBucket:
    """How much one emotion was seen in `bucket_s` seconds from `start`, at one source or (None) at all of them.

    `seconds` is face time: two faces in one second count two. `share` is the part of all face time of that source
    and bucket, those of no clear emotion (label None) included. `tracks` counts faces, each once.
    """

    start: datetime
    source_id: str | None
    label: str | None
    seconds: int
    share: float
    tracks: int


@dataclass(frozen=True, slots=True)
class Removed:
    """How many rows were deleted; `unsent` of the events had not been broadcast yet."""

    events: int = 0
    samples: int = 0
    tracks: int = 0
    unsent: int = 0

    def __add__(self, other: "Removed") -> "Removed":
        return Removed(
            self.events + other.events,
            self.samples + other.samples,
            self.tracks + other.tracks,
            self.unsent + other.unsent,
        )


@dataclass(frozen=True, slots=True)
class Erasure:
    """Somebody had a track erased, known by its fingerprint alone; `id` grows from one to the next."""

    id: int
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of an answer; `next_cursor` asks for the next part and is None on the last."""

    items: tuple[T, ...]
    next_cursor: str | None


def encode_cursor(kind: str, *place: int) -> str:
    """An opaque cursor: after that place in the answer to a query of that kind.

    >>> decode_cursor("events", encode_cursor("events", 7, 8), 2)
    (7, 8)
    """
    text = ":".join([kind, *(str(number) for number in place)])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(kind: str, cursor: str, length: int) -> tuple[int, ...]:
    """The `length` numbers in `cursor`.

    Raises:
        BadCursor: it was not made by `encode_cursor` for the same `kind`.
    """
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except (binascii.Error, ValueError) as error:
        raise BadCursor("not a cursor of this query") from error
    found, *digits = text.split(":")
    place = tuple(int(one) if _NUMBER.fullmatch(one) else _BEYOND for one in digits)
    if found != kind or len(place) != length or any(abs(number) > _LAST for number in place):
        raise BadCursor("not a cursor of this query")
    return place
