"""Events become rows: statements that SQLite and PostgreSQL both understand, each for a whole batch."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Table, select
from sqlalchemy.dialects import postgresql, sqlite

from engine.history import schema
from engine.history.inserting import Insert, updated
from engine.history.rows import event_row, sample_rows, source_rows, track_rows
from engine.items import EmotionEvent

_EVENTS = Insert(
    schema.events,
    ("event_id", "run_id", "seq", "type", "source_id", "track_uid", "label", "captured_at", "stored_at", "payload"),
)
_TRACKS = Insert(
    schema.tracks,
    ("track_uid", "run_id", "source_id", "track_id", "first_seen", "last_seen", "duration_s", "label", "confidence",
     "state", "events", "stored_at", "lasted_s"),
    updated(
        ("last_seen", "duration_s", "label", "confidence", "state", "stored_at", "lasted_s"),
        ("track_uid",),
        events="tracks.events + excluded.events",
    ),
)  # fmt: skip
_SAMPLES = Insert(
    schema.samples,
    ("track_uid", "second", "source_id", "label", "confidence", "scores"),
    updated(("source_id", "label", "confidence", "scores"), ("track_uid", "second")),
)
_SOURCES = Insert(
    schema.sources,
    ("source_id", "run_id", "first_seen", "last_seen", "state", "cause", "detail"),
    updated(
        ("run_id", "last_seen"),
        ("source_id",),
        state="coalesce(excluded.state, sources.state)",
        cause="CASE WHEN excluded.state IS NULL THEN sources.cause ELSE excluded.cause END",
        detail="CASE WHEN excluded.state IS NULL THEN sources.detail ELSE excluded.detail END",
    ),
)


def upsert_into(connection: Connection, table: Table) -> Any:
    """An `INSERT` that can say `ON CONFLICT`, in the words of the database."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def store(connection: Connection, events: Sequence[EmotionEvent], now: datetime) -> list[dict[str, Any]]:
    """Store `events` and what they say of their tracks, sources and runs; the samples that are stored."""
    _EVENTS(connection, [event_row(event, now) for event in events])
    tracks = track_rows(events, now)
    _place_last_sight(connection, tracks)
    _TRACKS(connection, tracks)
    samples = sample_rows(events)
    _SAMPLES(connection, samples)
    _SOURCES(connection, source_rows(events))
    return samples


def know_runs(connection: Connection, run_ids: Sequence[str], now: datetime) -> None:
    """Rows of runs that nobody began here, so that what they left is found."""
    rows = [{"run_id": run_id, "name": "", "started_at": now} for run_id in run_ids]
    connection.execute(upsert_into(connection, schema.runs).on_conflict_do_nothing(), rows)


def set_position(connection: Connection, consumer: str, run_id: str, position: int) -> None:
    """Note how far `consumer` is."""
    statement = upsert_into(connection, schema.cursors)
    statement = statement.on_conflict_do_update(
        index_elements=["consumer", "run_id"], set_={"position": statement.excluded.position}
    )
    connection.execute(statement, {"consumer": consumer, "run_id": run_id, "position": position})


def _place_last_sight(connection: Connection, tracks: Sequence[dict[str, Any]]) -> None:
    """Set `last_seen` of the ended ones among `tracks`, counted from when the face was first seen."""
    ended = [row for row in tracks if row["state"] == "ended"]
    if not ended:
        return
    known = schema.tracks.c
    query = select(known.track_uid, known.first_seen).where(known.track_uid.in_([row["track_uid"] for row in ended]))
    first_seen: dict[str, datetime] = {row.track_uid: row.first_seen for row in connection.execute(query)}
    for row in ended:
        first = first_seen.get(row["track_uid"], row["first_seen"])
        row["last_seen"] = first + timedelta(seconds=row["duration_s"])
