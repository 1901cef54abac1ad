"""Erasures: the note of each erased track, for events that are still on the way and for what keeps tracks elsewhere."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, func, select

from engine.history.database import Database
from engine.history.records import Erasure
from engine.history.schema import erasures
from engine.ids import fingerprint
from engine.items import EmotionEvent


def note(connection: Connection, track_uid: str, now: datetime) -> None:
    """The track is erased as of `now`; to be called in the transaction that deletes its rows."""
    connection.execute(erasures.insert(), {"fingerprint": fingerprint(track_uid), "erased_at": now})


def noted(database: Database, after: int) -> tuple[Erasure, ...]:
    """Erasures with a higher id than `after`, oldest first."""
    query = select(erasures.c.id, erasures.c.fingerprint).where(erasures.c.id > after).order_by(erasures.c.id)
    with database.read() as connection:
        return tuple(Erasure(row.id, row.fingerprint) for row in connection.execute(query))


def forget(database: Database, older_than: datetime) -> None:
    """Drop the notes from before `older_than`; they are overwritten, where the database can."""
    old = erasures.c.erased_at < older_than
    with database.read() as connection:
        if not connection.scalar(select(func.count()).where(old)):
            return
    with database.write(shreds=True) as connection:
        connection.execute(delete(erasures).where(old))


def not_erased(connection: Connection, events: Sequence[EmotionEvent]) -> Sequence[EmotionEvent]:
    """`events` without those that were captured before their track was erased: they were on the way meanwhile."""
    tracks = {uid: fingerprint(uid) for uid in {event.track_uid for event in events} if uid is not None}
    if not tracks:
        return events
    query = select(erasures.c.fingerprint, func.max(erasures.c.erased_at).label("at"))
    query = query.where(erasures.c.fingerprint.in_(list(tracks.values()))).group_by(erasures.c.fingerprint)
    erased: dict[str, datetime] = {row.fingerprint: row.at for row in connection.execute(query)}
    if not erased:
        return events
    return [
        event
        for event in events
        if (at := erased.get(tracks.get(event.track_uid or "", ""))) is None
        or datetime.fromisoformat(event.document["captured_at"]) > at
    ]
