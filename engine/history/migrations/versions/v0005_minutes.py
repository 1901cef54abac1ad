"""Samples added up by minute; those there are follow with the next events, some minutes with each batch."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "minutes",
        sa.Column("minute", sa.BigInteger, nullable=False),
        sa.Column("source_id", sa.String(64), nullable=False),
        sa.Column("label", sa.String(64)),
        sa.Column("track_uid", sa.String(26), nullable=False),
        sa.Column("seconds", sa.Integer, nullable=False),
    )
    op.create_index("minutes_by_time", "minutes", ["minute", "source_id", "label", "track_uid", "seconds"])
    op.create_index("minutes_of_track", "minutes", ["track_uid", "minute"])
