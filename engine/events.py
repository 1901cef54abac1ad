"""The event contract: how what happened becomes the JSON document that is stored and broadcast."""

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal

from engine import ids
from engine.clock import Clock, rfc3339
from engine.items import Box, EmotionEvent, FaceChip, SourceStatus, TrackEnded, Unseen
from engine.words import sure_of

SCHEMA_VERSION = "1.0"
Reason = Literal["undecided", "faded", "unreadable", "unseen"]


@cache
def event_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) that every document satisfies."""
    text = (resources.files("engine") / "schemas" / "event.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


@dataclass(frozen=True, slots=True)
class Emotion:
    """What a track is judged to show. `label` is None where nothing is said; then `reason` says why.

    `gates` are those of the last chip of a face that is `unreadable`.
    """

    label: str | None
    confidence: float
    dwell_s: float
    scores: dict[str, float]
    reason: Reason | None = None
    gates: tuple[str, ...] = ()

    @property
    def sure(self) -> float | None:
        """The confidence, where it may stand beside the label; None where there is no label or another class leads."""
        return sure_of(self.after())

    def before(self) -> dict[str, Any]:
        return {
            "label": self.label,
            "confidence": round(self.confidence, 4),
            "dwell_s": round(self.dwell_s, 3),
        }

    def after(self) -> dict[str, Any]:
        reason = {"reason": self.reason} if self.reason else {}
        return {
            **self.before(),
            "scores": {label: round(score, 4) for label, score in self.scores.items()},
            **reason,
        }


class EventBuilder:
    """Numbers events without gaps. One thread; `replay` leaves out wall-clock times, which would differ."""

    def __init__(self, run_id: str, model: tuple[str, str], clock: Clock, replay: bool) -> None:
        self._run_id = run_id
        self._model = {"name": model[0], "sha256": model[1]}
        self._clock = clock
        self._replay = replay
        self._seq = 0

    def of_track(
        self,
        kind: str,
        seen: FaceChip | Unseen | TrackEnded,
        before: Emotion | None,
        after: Emotion | None,
        since_s: float | None = None,
    ) -> EmotionEvent:
        """An event of type `new`, `emotion_changed`, `update` or `end`; `since_s` is when a change began."""
        since = {} if since_s is None else {"since_s": round(since_s, 3)}
        quality = seen.quality if isinstance(seen, FaceChip) else None
        return self._event(
            kind,
            seen,
            {
                "track_id": seen.key.track_id,
                "track_uid": seen.track_uid,
                "frame_index": seen.frame_index,
                "age_s": round(seen.age_s, 3),
                "bbox": pixel_box(seen.box, seen.frame_size),
                "frame": {"width": seen.frame_size[0], "height": seen.frame_size[1]},
                **since,
                "before": before.before() if before else None,
                "after": after.after() if after else None,
                "quality": round(quality.score, 4) if quality else None,
                "gated": list(quality.gated) if quality else [],
                "aligned": quality.aligned if quality else None,
                "model": self._model,
                "latency_ms": self._latency_ms(seen.received_s),
            },
        )

    def of_source(self, status: SourceStatus) -> EmotionEvent:
        """An event of type `status`."""
        cause = status.cause.value if status.cause else None
        return self._event(
            "status",
            status,
            {
                "track_id": None,
                "track_uid": None,
                "state": status.state,
                "cause": cause,
                "detail": status.detail,
            },
        )

    def _event(
        self, kind: str, seen: FaceChip | Unseen | TrackEnded | SourceStatus, body: dict[str, Any]
    ) -> EmotionEvent:
        self._seq += 1
        source_id = seen.source_id if isinstance(seen, SourceStatus) else seen.key.source_id
        document = {
            "schema": SCHEMA_VERSION,
            "type": kind,
            "event_id": ids.numbered(self._run_id, self._seq),
            "run_id": self._run_id,
            "seq": self._seq,
            "source_id": source_id,
            "time_s": round(seen.time_s, 3),
            "captured_at": rfc3339(seen.captured_at),
            "published_at": None if self._replay else rfc3339(self._clock.utc()),
            **body,
        }
        return EmotionEvent(
            document["event_id"], self._run_id, self._seq, kind, source_id, document["track_uid"], document
        )

    def _latency_ms(self, received_s: float) -> int | None:
        if self._replay or not received_s:
            return None
        return max(0, round((self._clock.monotonic() - received_s) * 1000))


def gap_event(run_id: str, first_seq: int, last_seq: int, clock: Clock) -> EmotionEvent:
    """What is broadcast in place of the run's events from `first_seq` to `last_seq`, which are gone.

    It takes the number of the last of them, and an id of its own.
    """
    event_id = ids.derive(run_id, "gap", first_seq, last_seq)
    document = {
        "schema": SCHEMA_VERSION,
        "type": "gap",
        "event_id": event_id,
        "run_id": run_id,
        "seq": last_seq,
        "first_seq": first_seq,
        "count": last_seq - first_seq + 1,
        "published_at": rfc3339(clock.utc()),
    }
    return EmotionEvent(event_id, run_id, last_seq, "gap", "", None, document)


def pixel_box(box: Box, frame_size: tuple[int, int]) -> dict[str, int]:
    """Whole pixels inside the frame, at least one wide and high."""
    width, height = frame_size
    left = min(max(round(box[0]), 0), width - 1)
    top = min(max(round(box[1]), 0), height - 1)
    right = min(max(round(box[2]), left + 1), width)
    bottom = min(max(round(box[3]), top + 1), height)
    return {"x": left, "y": top, "width": right - left, "height": bottom - top}
