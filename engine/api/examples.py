"""Examples of what the API answers, for its documentation; a test holds them to the models and the event schema."""

from typing import Any

UID = "01KAXW3E8MSVK5N1KX6RPRFX9Y"
RUN = "01KAXW3E8M0000000000000000"

EVENT: dict[str, Any] = {
    "schema": "1.0",
    "type": "emotion_changed",
    "event_id": "01KAXW3E8MY9C0XRJ2JAS3TERW",
    "run_id": RUN,
    "seq": 1842,
    "source_id": "door",
    "track_id": 17,
    "track_uid": UID,
    "frame_index": 9021,
    "time_s": 301.4,
    "captured_at": "2026-11-22T10:20:30.081Z",
    "published_at": "2026-11-22T10:20:30.123Z",
    "age_s": 6.4,
    "bbox": {"x": 412, "y": 188, "width": 96, "height": 118},
    "frame": {"width": 1280, "height": 720},
    "before": {"label": "neutral", "confidence": 0.71, "dwell_s": 6.4},
    "after": {
        "label": "happiness",
        "confidence": 0.83,
        "dwell_s": 0.5,
        "scores": {"happiness": 0.83, "neutral": 0.17},
    },
    "quality": 0.77,
    "gated": [],
    "aligned": True,
    "model": {"name": "emotion-fer", "sha256": "0" * 64},
    "latency_ms": 42,
}
EVENT_STREAM = (
    'retry: 2000\n\nid: 1842\nevent: emotion_changed\ndata: {"schema":"1.0","type":"emotion_changed",...}\n\n'
    ": still here\n\n"
)
