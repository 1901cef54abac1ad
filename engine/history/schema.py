"""The tables of the history database."""

from datetime import UTC, datetime

from sqlalchemy import Column, DateTime, Dialect, Float, Index, Integer, MetaData, String, Table, Text
from sqlalchemy.types import TypeDecorator

metadata = MetaData()


class Moment(TypeDecorator[datetime]):
    """A timezone-aware datetime, kept in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return value and value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return value and value.replace(tzinfo=UTC)


runs = Table(
    "runs",
    metadata,
    Column("run_id", String(64), primary_key=True),
    Column("name", String(64), nullable=False),
    Column("started_at", Moment, nullable=False),
)

# AUTOINCREMENT: an id is never given twice, so a cursor stays right when old rows are deleted.
events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("event_id", String(26), nullable=False, unique=True),
    Column("run_id", String(64), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("type", String(32), nullable=False),
    Column("source_id", String(64), nullable=False),
    Column("track_uid", String(26)),
    Column("label", String(64)),
    Column("captured_at", Moment, nullable=False),
    Column("stored_at", Moment, nullable=False),
    Column("payload", Text, nullable=False),
    Index("events_by_source", "source_id"),
    Index("events_by_type", "type"),
    Index("events_by_track", "track_uid"),
    Index("events_by_label", "label"),
    Index("events_by_time", "captured_at"),
    sqlite_autoincrement=True,
)

tracks = Table(
    "tracks",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("track_uid", String(26), nullable=False, unique=True),
    Column("run_id", String(64), nullable=False),
    Column("source_id", String(64), nullable=False),
    Column("track_id", Integer, nullable=False),
    Column("first_seen", Moment, nullable=False),
    Column("last_seen", Moment, nullable=False),
    Column("duration_s", Float, nullable=False),
    Column("label", String(64)),
    Column("confidence", Float),
    Column("state", String(8), nullable=False),
    Column("events", Integer, nullable=False),
    Column("stored_at", Moment, nullable=False),
    Index("tracks_by_source", "source_id"),
    Index("tracks_by_label", "label"),
    Index("tracks_by_time", "last_seen"),
    sqlite_autoincrement=True,
)

cursors = Table(
    "cursors",
    metadata,
    Column("consumer", String(64), primary_key=True),
    Column("row_id", Integer, nullable=False),
)
