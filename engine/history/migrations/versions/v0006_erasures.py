"""Which tracks were erased, for the runs that still have to forget them elsewhere."""

import sqlalchemy as sa
from alembic import op

from engine.history.schema import Moment, RowId

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "erasures",
        sa.Column("id", RowId, primary_key=True),
        sa.Column("fingerprint", sa.String(40), nullable=False),
        sa.Column("erased_at", Moment, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("erasures_by_track", "erasures", ["fingerprint"])
