"""How events become rows and rows become events."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from engine import jsontext
from engine.items import EmotionEvent
from engine.words import sure_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_DATED_BACK = 60
"""A label is entered for as many whole seconds before it was told at most."""
_UNREAD = ("unreadable", "unseen")


def event_row(event: EmotionEvent, stored_at: datetime) -> dict[str, Any]:
    """The row of table `events`."""
    document = event.document
    return {
        "event_id": event.event_id,
        "run_id": event.run_id,
        "seq": event.seq,
        "type": event.type,
        "source_id": event.source_id,
        "track_uid": event.track_uid,
        "label": _shown(document).get("label"),
        "captured_at": datetime.fromisoformat(document["captured_at"]),
        "stored_at": stored_at,
        "payload": jsontext.dumps(document).decode(),
    }


def event_of(row: Any) -> EmotionEvent:
    """The event of a row, its document equal to the one stored."""
    return EmotionEvent(
        row.event_id,
        row.run_id,
        row.seq,
        row.type,
        row.source_id,
        row.track_uid,
        jsontext.loads(row.payload),
    )


def track_rows(events: Iterable[EmotionEvent], stored_at: datetime) -> list[dict[str, Any]]:
    """One row of table `tracks` for each track in `events`, as its last event leaves it.

    An `end` tells when it was decided on, not when the face was last seen: `last_seen` of an ended track is
    right only once it has been set to `first_seen` plus `duration_s`.
    """
    rows: dict[str, dict[str, Any]] = {}
    for event in events:
        if event.track_uid is None:
            continue
        row = _track_row(event, stored_at)
        earlier = rows.get(event.track_uid)
        if earlier:
            row["first_seen"] = earlier["first_seen"]
            row["events"] += earlier["events"]
        rows[event.track_uid] = row
    return list(rows.values())


def _track_row(event: EmotionEvent, stored_at: datetime) -> dict[str, Any]:
    document = event.document
    seen = datetime.fromisoformat(document["captured_at"])
    shown = _shown(document)
    return {
        "track_uid": event.track_uid,
        "run_id": event.run_id,
        "source_id": event.source_id,
        "track_id": document["track_id"],
        "first_seen": seen - timedelta(seconds=document["age_s"]),
        "last_seen": seen,
        "duration_s": float(document["age_s"]),
        "label": shown.get("label"),
        "confidence": sure_of(shown),
        "state": "ended" if event.type == "end" else "active",
        "events": 1,
        "stored_at": stored_at,
        "lasted_s": float(document["age_s"]) if event.type == "end" else None,
    }


def sample_rows(events: Iterable[EmotionEvent]) -> list[dict[str, Any]]:
    """The rows of table `samples` that `events` give: the latest reading of each track and second.

    A change counts from when its evidence began, so the seconds since then are among the rows. An `end` tells when
    it was decided on and reads nothing. Time in which no chip was good enough gives no sample.
    """
    rows: dict[tuple[str, int], dict[str, Any]] = {}
    for event in events:
        reading = event.document.get("after")
        if event.track_uid is None or not reading or reading.get("reason") in _UNREAD:
            continue
        row = {
            "track_uid": event.track_uid,
            "source_id": event.source_id,
            "label": reading["label"],
            "confidence": float(reading["confidence"]),
            "scores": jsontext.dumps(reading.get("scores") or {}).decode(),
        }
        for second in _seconds(event.document):
            rows[event.track_uid, second] = {**row, "second": second}
    return list(rows.values())


def _seconds(document: dict[str, Any]) -> range:
    """The whole seconds since 1970 that an event's reading stands for."""
    now = datetime.fromisoformat(document["captured_at"])
    since = now - timedelta(seconds=document["time_s"] - document.get("since_s", document["time_s"]))
    return range(max(second_of(since), second_of(now) - _DATED_BACK), second_of(now) + 1)


def second_of(moment: datetime) -> int:
    """The whole second since 1970 within which `moment` lies."""
    return (moment - _EPOCH) // _SECOND


def source_rows(events: Iterable[EmotionEvent]) -> list[dict[str, Any]]:
    """One row of table `sources` for each source in `events`; `state` is None where no event tells it."""
    rows: dict[str, dict[str, Any]] = {}
    for event in events:
        seen = datetime.fromisoformat(event.document["captured_at"])
        row = rows.setdefault(
            event.source_id,
            {"source_id": event.source_id, "first_seen": seen, "state": None, "cause": None, "detail": ""},
        )
        row.update(run_id=event.run_id, last_seen=max(seen, row.get("last_seen", seen)))
        if event.type == "status":
            row.update({name: event.document[name] for name in ("state", "cause", "detail")})
    return list(rows.values())


def _shown(document: dict[str, Any]) -> dict[str, Any]:
    """What the face shows: the state after the event, at the end of a track the one before it."""
    return document.get("after") or document.get("before") or {}
