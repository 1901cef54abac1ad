"""Tracks are found by how long they have lasted without an index that changes with every event."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("tracks", sa.Column("lasted_s", sa.Float))
    op.execute("UPDATE tracks SET lasted_s = duration_s WHERE state <> 'active'")
    op.drop_index("tracks_by_duration")
    op.drop_index("tracks_of_run")
    op.create_index("tracks_by_lasting", "tracks", ["lasted_s"])
    op.create_index("tracks_by_state", "tracks", ["state", "run_id"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE tracks SET (fillfactor = 70)")
