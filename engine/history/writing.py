"""Events become rows: statements that SQLite and PostgreSQL both understand, each for a whole batch."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Table, case, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from engine.history import schema
from engine.history.rows import event_row, sample_rows, source_rows, track_rows
from engine.items import EmotionEvent


def upsert_into(connection: Connection, table: Table) -> Any:
    """An `INSERT` that can say `ON CONFLICT`, in the words of the database."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def store(connection: Connection, events: Sequence[EmotionEvent], now: datetime) -> None:
    """Store `events` and what they say of their tracks, sources and runs."""
    connection.execute(insert(schema.events), [event_row(event, now) for event in events])
    if tracks := track_rows(events, now):
        _place_last_sight(connection, tracks)
        connection.execute(_upsert_tracks(connection), tracks)
    if samples := sample_rows(events):
        connection.execute(_upsert_samples(connection), samples)
    connection.execute(_upsert_sources(connection), source_rows(events))


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


def _upsert_tracks(connection: Connection) -> Any:
    statement = upsert_into(connection, schema.tracks)
    names = ("last_seen", "duration_s", "label", "confidence", "state", "stored_at")
    latest: dict[str, Any] = {name: statement.excluded[name] for name in names}
    latest["events"] = schema.tracks.c.events + statement.excluded.events
    return statement.on_conflict_do_update(index_elements=["track_uid"], set_=latest)


def _upsert_samples(connection: Connection) -> Any:
    statement = upsert_into(connection, schema.samples)
    latest = {name: statement.excluded[name] for name in ("source_id", "label", "confidence", "scores")}
    return statement.on_conflict_do_update(index_elements=["track_uid", "second"], set_=latest)


def _upsert_sources(connection: Connection) -> Any:
    statement = upsert_into(connection, schema.sources)
    new, old = statement.excluded, schema.sources.c
    latest: dict[str, Any] = {name: new[name] for name in ("run_id", "last_seen")}
    latest["state"] = func.coalesce(new.state, old.state)
    for name in ("cause", "detail"):
        latest[name] = case((new.state.is_(None), old[name]), else_=new[name])
    return statement.on_conflict_do_update(index_elements=["source_id"], set_=latest)
