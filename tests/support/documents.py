"""Events made by hand, of the shape that the event contract gives them."""

from typing import Any

from engine import ids
from engine.items import EmotionEvent

RUN = "01KAXW3E8M0000000000000000"
_MODEL = {"name": "emotion-fer", "sha256": "0" * 64}


def emotion(label: str | None, confidence: float = 0.8) -> dict[str, Any]:
    """What a face shows, without scores."""
    return {"label": label, "confidence": confidence, "dwell_s": 1.5}


def event(
    seq: int,
    kind: str = "new",
    *,
    source_id: str = "door",
    track_id: int = 1,
    label: str | None = "happiness",
    before: str | None = None,
    age_s: float = 1.0,
    at: str = "2026-11-22T10:20:30.081Z",
    run_id: str = RUN,
) -> EmotionEvent:
    """One event of a track; `at` is its `captured_at`."""
    track_uid = ids.derive(run_id, "track", source_id, track_id)
    after = None if kind == "end" else {**emotion(label), "scores": {label: 0.8} if label else {}}
    body = {
        "track_id": track_id,
        "track_uid": track_uid,
        "frame_index": seq,
        "age_s": age_s,
        "bbox": {"x": 412, "y": 188, "width": 96, "height": 118},
        "frame": {"width": 1280, "height": 720},
        "before": emotion(label if kind == "end" else before) if kind == "end" or before else None,
        "after": after,
        "quality": 0.77,
        "gated": [],
        "aligned": True,
        "model": _MODEL,
        "latency_ms": 42,
    }
    return _event(seq, kind, source_id, track_uid, at, run_id, body)


def status(
    seq: int, state: str = "online", *, source_id: str = "door", detail: str = "", run_id: str = RUN
) -> EmotionEvent:
    """One event of a source."""
    body = {"track_id": None, "track_uid": None, "state": state, "cause": None, "detail": detail}
    return _event(seq, "status", source_id, None, "2026-11-22T10:20:30.081Z", run_id, body)


def _event(
    seq: int, kind: str, source_id: str, track_uid: str | None, at: str, run_id: str, body: dict[str, Any]
) -> EmotionEvent:
    document = {
        "schema": "1.0",
        "type": kind,
        "event_id": ids.numbered(run_id, seq),
        "run_id": run_id,
        "seq": seq,
        "source_id": source_id,
        "time_s": seq / 10,
        "captured_at": at,
        "published_at": at,
        **body,
    }
    return EmotionEvent(document["event_id"], run_id, seq, kind, source_id, track_uid, document)
