"""Removal: what is too old or too much goes, oldest first and in short transactions; a track goes on request."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, delete, select

from engine.history import erasures, minutes
from engine.history.database import Database
from engine.history.records import Removed
from engine.history.rows import second_of
from engine.history.schema import cursors, events, runs, samples, tracks

BUS = "bus"
"""The consumer whose cursor tells what was broadcast."""
_AT_ONCE = 1000
_AT_ONCE_BY_SIZE = 200


Tell = Callable[[int], object]


def remove_older(database: Database, older_than: datetime, tell: Tell) -> Removed:
    """Delete what was stored before `older_than`, broadcast or not; `tell` hears of each piece."""
    removed = Removed()
    while chunk := _remove_first(database, _AT_ONCE, older_than):
        removed += chunk
        tell(chunk.events)
    with database.write(appends=True) as connection:
        _forget_runs(connection, older_than)
    return removed


def remove_down_to(database: Database, limit_bytes: int, tell: Tell) -> Removed:
    """Delete the oldest events until what is left takes up `limit_bytes` at most; `tell` hears of each piece."""
    removed = Removed()
    while database.size_bytes() > limit_bytes and (chunk := _remove_first(database, _AT_ONCE_BY_SIZE)):
        removed += chunk
        tell(chunk.events)
    return removed


def erase_track(database: Database, track_uid: str, now: datetime) -> Removed:
    """Delete all that is known of a track, whatever is still to be broadcast of it, beyond recovery from the file.

    Its id is noted in the same transaction: runs that use this database then forget the track elsewhere.
    """
    of_track = events.c.track_uid == track_uid
    with database.write(appends=True, shreds=True) as connection:
        rows = connection.execute(select(events.c.run_id, events.c.seq).where(of_track)).all()
        removed = Removed(
            events=connection.execute(delete(events).where(of_track)).rowcount,
            samples=connection.execute(delete(samples).where(samples.c.track_uid == track_uid)).rowcount,
            tracks=connection.execute(delete(tracks).where(tracks.c.track_uid == track_uid)).rowcount,
            unsent=_count_unsent(connection, rows),
        )
        minutes.forget_track(connection, track_uid)
        erasures.note(connection, track_uid, now)
    database.settle()
    return removed


def _remove_first(database: Database, count: int, older_than: datetime | None = None) -> Removed | None:
    """Delete the oldest `count` events, or those of them that are older; None when there was nothing to delete."""
    columns = (events.c.id, events.c.run_id, events.c.seq, events.c.track_uid, events.c.captured_at, events.c.stored_at)
    with database.write(appends=True) as connection:
        # Ids grow as time does, so the rows to delete are the first ones.
        rows = connection.execute(select(*columns).order_by(events.c.id).limit(count)).all()
        rows = [row for row in rows if older_than is None or row.stored_at < older_than]
        if not rows:
            return None
        unsent = _count_unsent(connection, rows)
        connection.execute(delete(events).where(events.c.id.in_([row.id for row in rows])))
        return Removed(len(rows), *_remove_of_tracks(connection, rows), unsent)


def _remove_of_tracks(connection: Connection, rows: Sequence[Any]) -> tuple[int, int]:
    """Samples as old as the events in `rows`, and tracks of which no event is left; how many of each."""
    seconds: dict[str, int] = {}
    for row in rows:
        if row.track_uid is not None:
            seconds[row.track_uid] = max(second_of(row.captured_at), seconds.get(row.track_uid, 0))
    removed = 0
    for track_uid, second in seconds.items():
        terms = (samples.c.track_uid == track_uid, samples.c.second <= second)
        removed += connection.execute(delete(samples).where(*terms)).rowcount
    minutes.forget_before(connection, list(seconds), list(seconds.values()))
    left = select(events.c.id).where(events.c.track_uid == tracks.c.track_uid).correlate(tracks).exists()
    gone = connection.execute(delete(tracks).where(tracks.c.track_uid.in_(list(seconds)), ~left)).rowcount
    return removed, gone


def _count_unsent(connection: Connection, rows: Sequence[Any]) -> int:
    """How many of `rows` (`run_id`, `seq`) lie past the cursor of the bus; 0 when nothing was ever broadcast."""
    query = select(cursors.c.run_id, cursors.c.position).where(cursors.c.consumer == BUS)
    sent: dict[str, int] = {row.run_id: row.position for row in connection.execute(query)}
    return sum(row.seq > sent.get(row.run_id, -1) for row in rows) if sent else 0


def _forget_runs(connection: Connection, older_than: datetime) -> None:
    """Drop ended runs of which no event is left, and their cursors."""
    left = select(events.c.id).where(events.c.run_id == runs.c.run_id).correlate(runs).exists()
    old = and_(runs.c.state != "running", runs.c.started_at < older_than)
    gone = list(connection.scalars(select(runs.c.run_id).where(old, ~left)))
    if gone:
        connection.execute(delete(cursors).where(cursors.c.run_id.in_(gone)))
        connection.execute(delete(runs).where(runs.c.run_id.in_(gone)))
