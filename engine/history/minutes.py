"""Samples added up by minute, for statistics over hours and days: one row per minute, track and label.

Whoever appends adds up each minute a minute after it has passed (`roll`). Up to the minute noted as the position of
the consumer `minutes`, the table says what the samples say: what comes later, or is removed, is added up again
there and then. All of it happens in the transaction that changes the samples.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select

from engine.history.rows import second_of
from engine.history.schema import cursors, minutes, samples
from engine.history.writing import set_position

WIDTH_S = 60
_CONSUMER = "minutes"
_AT_ONCE = 3
"""So many minutes are added up in one transaction: an older history catches up without a long one."""


def added_up(connection: Connection) -> int:
    """The first minute since 1970 that is not added up yet."""
    query = select(cursors.c.position).where(cursors.c.consumer == _CONSUMER, cursors.c.run_id == "")
    return int(connection.scalar(query) or 0)


def roll(connection: Connection, now: datetime, stored: Iterable[dict[str, Any]]) -> None:
    """Add up what has passed by `now`, and again what the rows just `stored` in `samples` change."""
    done = added_up(connection)
    again(connection, {(row["track_uid"], row["second"] // WIDTH_S) for row in stored}, done)
    end = second_of(now) // WIDTH_S - 1
    begun = done
    for _ in range(_AT_ONCE):
        first = _first_from(connection, done) if done < end else None
        if first is None or first >= end:
            break
        connection.execute(_ADD_MINUTE, {"start": first * WIDTH_S, "stop": (first + 1) * WIDTH_S})
        done = first + 1
    if done > begun:
        set_position(connection, _CONSUMER, "", done)


def again(connection: Connection, places: Iterable[tuple[str, int]], done: int) -> None:
    """Add up these tracks' minutes anew, as far as they are before minute `done`."""
    found = [
        {"uid": uid, "at": minute, "start": minute * WIDTH_S, "stop": (minute + 1) * WIDTH_S}
        for uid, minute in sorted(places)
        if minute < done
    ]
    if found:
        connection.execute(_FORGET, found)
        connection.execute(_ADD_OF_TRACK, found)


def forget_before(connection: Connection, uids: Sequence[str], seconds: Sequence[int]) -> None:
    """The samples of each track up to that second are gone."""
    if not uids:
        return
    places = [(uid, second // WIDTH_S) for uid, second in zip(uids, seconds, strict=True)]
    connection.execute(_FORGET_BEFORE, [{"uid": uid, "at": minute} for uid, minute in places])
    again(connection, places, added_up(connection))


def forget_track(connection: Connection, track_uid: str) -> None:
    connection.execute(delete(minutes).where(minutes.c.track_uid == track_uid))


def _first_from(connection: Connection, minute: int) -> int | None:
    """The first minute from there on that has samples."""
    query = select(func.min(samples.c.second)).where(samples.c.second >= minute * WIDTH_S)
    second = connection.scalar(query)
    return None if second is None else int(second) // WIDTH_S


_COLUMNS = ("minute", "source_id", "label", "track_uid", "seconds")
_KEYS = (samples.c.source_id, samples.c.label, samples.c.track_uid)
_WITHIN = (samples.c.second >= bindparam("start"), samples.c.second < bindparam("stop"))
_ADD = select(func.min(samples.c.second) // WIDTH_S, *_KEYS, func.count()).where(*_WITHIN).group_by(*_KEYS)
_ADD_MINUTE = insert(minutes).from_select(_COLUMNS, _ADD)
_ADD_OF_TRACK = insert(minutes).from_select(_COLUMNS, _ADD.where(samples.c.track_uid == bindparam("uid")))
_FORGET = delete(minutes).where(minutes.c.track_uid == bindparam("uid"), minutes.c.minute == bindparam("at"))
_FORGET_BEFORE = delete(minutes).where(minutes.c.track_uid == bindparam("uid"), minutes.c.minute < bindparam("at"))
