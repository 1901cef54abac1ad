"""Sources and samples, ends of runs, a cursor for each run, and indices that bear ten million events."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

from engine.history.rows import event_of, sample_rows, source_rows
from engine.history.schema import Moment, events, samples, sources

revision = "0002"
down_revision = "0001"

AT_ONCE = 5000
OLD_INDICES = (
    "events_by_source",
    "events_by_type",
    "events_by_track",
    "events_by_label",
    "events_by_time",
    "tracks_by_source",
    "tracks_by_label",
    "tracks_by_time",
)
INDICES = (
    ("events_of_run", "events", ("run_id", "seq")),
    ("events_of_track", "events", ("track_uid", "captured_at", "id")),
    ("events_by_type", "events", ("type", "captured_at", "id")),
    ("events_by_type_label", "events", ("type", "label", "captured_at", "id")),
    ("events_by_source_type", "events", ("source_id", "type", "captured_at", "id")),
    ("events_by_source_type_label", "events", ("source_id", "type", "label", "captured_at", "id")),
    ("tracks_by_start", "tracks", ("first_seen", "id")),
    ("tracks_by_source_start", "tracks", ("source_id", "first_seen", "id")),
    ("tracks_by_label_start", "tracks", ("label", "first_seen", "id")),
    ("tracks_by_source_label_start", "tracks", ("source_id", "label", "first_seen", "id")),
    ("tracks_by_duration", "tracks", ("duration_s",)),
    ("tracks_of_run", "tracks", ("run_id", "state")),
    ("samples_by_time", "samples", ("second", "source_id", "label", "track_uid")),
)


def upgrade() -> None:
    for name in OLD_INDICES:
        op.drop_index(name)
    _runs()
    _create()
    for name, table, columns in INDICES:
        op.create_index(name, table, columns)
    _cursors()
    _fill(op.get_bind())


def _runs() -> None:
    op.add_column("runs", sa.Column("ended_at", Moment))
    op.add_column("runs", sa.Column("state", sa.String(16), nullable=False, server_default="running"))
    op.execute(
        "INSERT INTO runs (run_id, name, started_at) SELECT run_id, '', min(stored_at) FROM events "
        "WHERE run_id NOT IN (SELECT run_id FROM runs) GROUP BY run_id"
    )


def _create() -> None:
    op.create_table(
        "sources",
        sa.Column("source_id", sa.String(64), primary_key=True),
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.Column("first_seen", Moment, nullable=False),
        sa.Column("last_seen", Moment, nullable=False),
        sa.Column("state", sa.String(16)),
        sa.Column("cause", sa.String(16)),
        sa.Column("detail", sa.Text, nullable=False),
    )
    op.create_table(
        "samples",
        sa.Column("track_uid", sa.String(26), nullable=False),
        sa.Column("second", sa.BigInteger, nullable=False),
        sa.Column("source_id", sa.String(64), nullable=False),
        sa.Column("label", sa.String(64)),
        sa.Column("confidence", sa.Float, nullable=False),
        sa.Column("scores", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("track_uid", "second"),
        sqlite_with_rowid=False,
    )


def _cursors() -> None:
    """What each consumer was done with, told for each run as well."""
    op.rename_table("cursors", "old_cursors")
    op.create_table(
        "cursors",
        sa.Column("consumer", sa.String(64), nullable=False),
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("consumer", "run_id", name="cursors_key"),
    )
    op.execute("INSERT INTO cursors SELECT consumer, '', row_id FROM old_cursors")
    op.execute(
        "INSERT INTO cursors SELECT c.consumer, e.run_id, max(e.seq) FROM old_cursors c "
        "JOIN events e ON e.id <= c.row_id GROUP BY c.consumer, e.run_id"
    )
    op.drop_table("old_cursors")


def _fill(connection: sa.Connection) -> None:
    """Samples and sources of the events there are."""
    known: dict[str, dict[str, Any]] = {}
    for rows in _in_pieces(connection):
        found = [event_of(row) for row in rows]
        if readings := sample_rows(found):
            # The latest reading of a second counts, and rows come oldest first.
            connection.execute(sa.insert(samples).prefix_with("OR REPLACE"), readings)
        for row in source_rows(found):
            earlier = known.setdefault(row["source_id"], row)
            kept = {"first_seen": earlier["first_seen"]}
            if row["state"] is None:
                kept |= {name: earlier[name] for name in ("state", "cause", "detail")}
            known[row["source_id"]] = {**row, **kept}
    if known:
        connection.execute(sa.insert(sources), list(known.values()))


def _in_pieces(connection: sa.Connection) -> Iterator[Any]:
    last = 0
    while rows := connection.execute(
        sa.select(events).where(events.c.id > last).order_by(events.c.id).limit(AT_ONCE)
    ).all():
        yield rows
        last = rows[-1].id
