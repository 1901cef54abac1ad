"""Query parameters: bounded, and refused with the nearest name when unknown."""

import difflib
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from engine.fields import Name
from engine.history import EventFilter, StatsFilter, TrackFilter

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")


def _moment(value: Any) -> Any:
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        raise ValueError("write an RFC 3339 time such as 2026-11-22T10:20:30Z (in a URL, + is written %2B)")
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except OverflowError as error:
        raise ValueError("the time is out of range") from error


def _written(pattern: str, message: str) -> BeforeValidator:
    """Refuses what Python would read as a number and people would not write as one: `1_0`, ` 10`, `+10`, `١٠`."""
    shape = re.compile(pattern, re.ASCII)

    def check(value: Any) -> Any:
        if isinstance(value, str) and not shape.fullmatch(value):
            raise ValueError(message)
        return value

    return BeforeValidator(check)


WHOLE = _written(r"-?\d+", "write a whole number in digits, such as 10")
DECIMAL = _written(r"-?(\d+\.?\d*|\.\d+)([eE]-?\d+)?|nan|-?inf", "write a number such as 1.5")
Moment = Annotated[AwareDatetime, BeforeValidator(_moment)]
Label = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,64}$")]
Duration = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False), DECIMAL]
Limit = Annotated[int, Field(ge=1, le=1000), WHOLE]
EventType = Literal["new", "emotion_changed", "update", "end", "status"]
BucketSeconds = Annotated[int, Field(ge=1, le=604_800), WHOLE]
MAX_BUCKETS = 1000
Cursor = Annotated[str, Field(min_length=1, max_length=128)]


class BadRange(ValueError):
    """A time that cannot be answered for; the message begins with the parameter."""


class NoQuery(BaseModel):
    """Takes no parameter."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _known(cls, values: Any) -> Any:
        known = [field.alias or name for name, field in cls.model_fields.items()]
        unknown = next((name for name in values if name not in known), None) if values else None
        if unknown is None:
            return values
        near = difflib.get_close_matches(unknown[:64], known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"this takes {', '.join(known) or 'none'}"
        raise PydanticCustomError(
            "unknown_parameter", "unknown parameter; {hint}", {"hint": hint, "parameter": unknown[:64]}
        )


class PageQuery(NoQuery):
    """Which part of an answer."""

    limit: Limit = 100
    cursor: Cursor | None = Field(default=None, description="`next_cursor` of the page before.")


class TrackQuery(PageQuery):
    """Which tracks."""

    source_id: Name | None = None
    label: Label | None = Field(default=None, description="The latest emotion.")
    start: Moment | None = Field(default=None, alias="from", description="Seen at or after this time.")
    end: Moment | None = Field(default=None, alias="to", description="Seen before this time.")
    min_duration_s: Duration | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.start and self.end and self.start > self.end:
            raise ValueError("from is later than to")
        return self

    def track_filter(self) -> TrackFilter:
        """The same, as the history is asked."""
        return TrackFilter(
            source_id=self.source_id,
            label=self.label,
            start=self.start,
            end=self.end,
            min_duration_s=self.min_duration_s,
        )


class StreamQuery(NoQuery):
    """Which events to follow."""

    source_id: Name | None = None
    type: EventType | None = None
    label: Label | None = Field(default=None, description="The emotion that the event says; of an end, the last.")
    track_uid: Name | None = None

    def event_filter(self) -> EventFilter:
        """The same, as the history is asked."""
        return EventFilter(source_id=self.source_id, type=self.type, label=self.label, track_uid=self.track_uid)


class StatsQuery(NoQuery):
    """Which time, and in which steps."""

    start: Moment | None = Field(default=None, alias="from", description="An hour before `to` by default.")
    end: Moment | None = Field(default=None, alias="to", description="Now by default.")
    bucket_s: BucketSeconds = Field(default=60, description="Width of a bucket in seconds; buckets begin at multiples.")
    source_id: Name | None = None
    label: Label | None = Field(default=None, description="Only this emotion; shares stay those of all.")
    by_source: bool = Field(default=True, description="Each source for itself, or all together.")

    def stats_filter(self, now: datetime) -> StatsFilter:
        """The same, as the history is asked.

        Raises:
            BadRange: it ends before it begins, or has too many buckets.
        """
        end = self.end or now
        try:
            start = self.start or end - timedelta(hours=1)
        except OverflowError as error:
            raise BadRange("from: the time is out of range") from error
        if start > end:
            raise BadRange("from is later than to")
        if (end - start).total_seconds() / self.bucket_s > MAX_BUCKETS:
            raise BadRange(f"bucket_s: gives more than {MAX_BUCKETS} buckets; take wider ones, or a shorter time")
        return StatsFilter(start=start, end=end, bucket_s=self.bucket_s, source_id=self.source_id)


class EventQuery(TrackQuery):
    """Which events."""

    label: Label | None = Field(default=None, description="The emotion that the event says; of an end, the last.")
    start: Moment | None = Field(default=None, alias="from", description="Captured at or after this time.")
    end: Moment | None = Field(default=None, alias="to", description="Captured before this time.")
    min_duration_s: Duration | None = Field(default=None, description="Of tracks that have lasted so long by now.")
    type: EventType | None = None
    track_uid: Name | None = None

    def event_filter(self) -> EventFilter:
        """The same, as the history is asked."""
        return EventFilter(
            source_id=self.source_id,
            type=self.type,
            label=self.label,
            track_uid=self.track_uid,
            start=self.start,
            end=self.end,
            min_duration_s=self.min_duration_s,
        )
