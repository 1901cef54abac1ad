"""The tables of the history database, as the newest migration leaves them."""

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Dialect,
    Float,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)
from sqlalchemy.types import TypeDecorator

metadata = MetaData()

# SQLite numbers rows by itself only in a column whose type is INTEGER.
RowId = BigInteger().with_variant(Integer, "sqlite")


class Moment(TypeDecorator[datetime]):
    """A timezone-aware datetime, kept in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


runs = Table(
    "runs",
    metadata,
    Column("run_id", String(64), primary_key=True),
    Column("name", String(64), nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("ended_at", Moment),
    # running, ended, or interrupted: it never said that it ended.
    Column("state", String(16), nullable=False, server_default="running"),
)

sources = Table(
    "sources",
    metadata,
    Column("source_id", String(64), primary_key=True),
    Column("run_id", String(64), nullable=False),
    Column("first_seen", Moment, nullable=False),
    Column("last_seen", Moment, nullable=False),
    Column("state", String(16)),
    Column("cause", String(16)),
    Column("detail", Text, nullable=False),
)

# AUTOINCREMENT: an id is never given twice, so a cursor stays right when old rows are deleted.
# Every list is ordered by (captured_at, id); a question that leaves the type open is asked once for each type,
# so that four indices serve all eight combinations of source, type and label (engine/history/queries.py).
events = Table(
    "events",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("event_id", String(26), nullable=False, unique=True),
    Column("run_id", String(64), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("type", String(32), nullable=False),
    Column("source_id", String(64), nullable=False),
    Column("track_uid", String(26)),
    Column("label", String(64)),
    Column("captured_at", Moment, nullable=False),
    Column("stored_at", Moment, nullable=False),
    Column("payload", Text, nullable=False),
    Index("events_of_run", "run_id", "seq"),
    Index("events_of_track", "track_uid", "captured_at", "id"),
    Index("events_by_type", "type", "captured_at", "id"),
    Index("events_by_type_label", "type", "label", "captured_at", "id"),
    Index("events_by_source_type", "source_id", "type", "captured_at", "id"),
    Index("events_by_source_type_label", "source_id", "type", "label", "captured_at", "id"),
    sqlite_autoincrement=True,
)

tracks = Table(
    "tracks",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("track_uid", String(26), nullable=False, unique=True),
    Column("run_id", String(64), nullable=False),
    Column("source_id", String(64), nullable=False),
    Column("track_id", BigInteger, nullable=False),
    Column("first_seen", Moment, nullable=False),
    Column("last_seen", Moment, nullable=False),
    Column("duration_s", Float, nullable=False),
    Column("label", String(64)),
    Column("confidence", Float),
    Column("state", String(8), nullable=False),
    Column("events", Integer, nullable=False),
    Column("stored_at", Moment, nullable=False),
    # `duration_s` once it has ended: an index on what changes with every event would cost as much as all others.
    Column("lasted_s", Float),
    Index("tracks_by_start", "first_seen", "id"),
    Index("tracks_by_source_start", "source_id", "first_seen", "id"),
    Index("tracks_by_label_start", "label", "first_seen", "id"),
    Index("tracks_by_source_label_start", "source_id", "label", "first_seen", "id"),
    Index("tracks_by_lasting", "lasted_s"),
    Index("tracks_by_state", "state", "run_id"),
    sqlite_autoincrement=True,
    # Room in each page for what an update leaves behind, so that no index hears of it.
    postgresql_with={"fillfactor": 70},
)

# The latest reading of a track in each whole second since 1970 of `captured_at`.
samples = Table(
    "samples",
    metadata,
    Column("track_uid", String(26), nullable=False),
    Column("second", BigInteger, nullable=False),
    Column("source_id", String(64), nullable=False),
    Column("label", String(64)),
    Column("confidence", Float, nullable=False),
    Column("scores", Text, nullable=False),
    PrimaryKeyConstraint("track_uid", "second"),
    # All that the statistics ask for, so that they need not look at the rows themselves.
    Index("samples_by_time", "second", "source_id", "label", "track_uid"),
    sqlite_with_rowid=False,
)

# The samples of a track in one whole minute since 1970, added up for each label: what statistics read (minutes.py).
minutes = Table(
    "minutes",
    metadata,
    Column("minute", BigInteger, nullable=False),
    Column("source_id", String(64), nullable=False),
    Column("label", String(64)),
    Column("track_uid", String(26), nullable=False),
    Column("seconds", Integer, nullable=False),
    Index("minutes_by_time", "minute", "source_id", "label", "track_uid", "seconds"),
    Index("minutes_of_track", "track_uid", "minute"),
)

# `position` is a row id where `run_id` is empty, and otherwise the `seq` of the last event of that run.
cursors = Table(
    "cursors",
    metadata,
    Column("consumer", String(64), nullable=False),
    Column("run_id", String(64), nullable=False),
    Column("position", BigInteger, nullable=False),
    PrimaryKeyConstraint("consumer", "run_id"),
)

# Which tracks somebody had erased, for a week, so that every run of this database forgets them elsewhere (erasures.py).
erasures = Table(
    "erasures",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("fingerprint", String(40), nullable=False),
    Column("erased_at", Moment, nullable=False),
    Index("erasures_by_track", "fingerprint"),
    sqlite_autoincrement=True,
)
