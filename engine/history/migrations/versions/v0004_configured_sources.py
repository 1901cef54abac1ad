"""Sources added over HTTP, and which ones are paused."""

import sqlalchemy as sa
from alembic import op

from engine.history.schema import Moment

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "configured_sources",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("source_id", sa.String(64), nullable=False),
        sa.Column("settings", sa.Text),
        sa.Column("paused", sa.Boolean, nullable=False),
        sa.Column("added_at", Moment, nullable=False),
        sa.Column("changed_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("name", "source_id"),
    )
