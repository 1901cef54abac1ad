"""The tables of 0.1: runs, events, tracks and one cursor per consumer."""

import sqlalchemy as sa
from alembic import op

from engine.history.schema import Moment, RowId

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "runs",
        sa.Column("run_id", sa.String(64), primary_key=True),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("started_at", Moment, nullable=False),
    )
    op.create_table(
        "events",
        sa.Column("id", RowId, primary_key=True),
        sa.Column("event_id", sa.String(26), nullable=False, unique=True),
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("type", sa.String(32), nullable=False),
        sa.Column("source_id", sa.String(64), nullable=False),
        sa.Column("track_uid", sa.String(26)),
        sa.Column("label", sa.String(64)),
        sa.Column("captured_at", Moment, nullable=False),
        sa.Column("stored_at", Moment, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "tracks",
        sa.Column("id", RowId, primary_key=True),
        sa.Column("track_uid", sa.String(26), nullable=False, unique=True),
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.Column("source_id", sa.String(64), nullable=False),
        sa.Column("track_id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("first_seen", Moment, nullable=False),
        sa.Column("last_seen", Moment, nullable=False),
        sa.Column("duration_s", sa.Float, nullable=False),
        sa.Column("label", sa.String(64)),
        sa.Column("confidence", sa.Float),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("events", sa.Integer, nullable=False),
        sa.Column("stored_at", Moment, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "cursors",
        sa.Column("consumer", sa.String(64), primary_key=True),
        sa.Column("row_id", RowId, nullable=False),
    )
    for name, table, column in INDICES:
        op.create_index(name, table, [column])


INDICES = (
    ("events_by_source", "events", "source_id"),
    ("events_by_type", "events", "type"),
    ("events_by_track", "events", "track_uid"),
    ("events_by_label", "events", "label"),
    ("events_by_time", "events", "captured_at"),
    ("tracks_by_source", "tracks", "source_id"),
    ("tracks_by_label", "tracks", "label"),
    ("tracks_by_time", "tracks", "last_seen"),
)
