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
    "since_s": 301.0,
    "before": {"label": "neutral", "confidence": 0.71, "dwell_s": 6.0},
    "after": {
        "label": "happiness",
        "confidence": 0.83,
        "dwell_s": 0.4,
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

_TRACK: dict[str, Any] = {
    "track_uid": UID,
    "run_id": RUN,
    "source_id": "door",
    "track_id": 17,
    "first_seen": "2026-11-22T10:20:23.681Z",
    "last_seen": "2026-11-22T10:20:30.081Z",
    "duration_s": 6.4,
    "label": "happiness",
    "confidence": 0.83,
    "state": "active",
    "events": 9,
}
_OUTCOMES = {
    "inferred": 60,
    "skipped_interval": 20,
    "skipped_motion": 5,
    "dropped_stale": 4,
    "dropped_queue": 5,
    "lost": 2,
    "damaged": 3,
    "failed": 1,
}
_SOURCE: dict[str, Any] = {
    "source_id": "door",
    "uri": "rtsp://***@10.0.0.7/live",
    "state": "online",
    "cause": None,
    "detail": "",
    "frames": {
        "captured": 100,
        "in_flight": 2,
        "outcomes": _OUTCOMES,
    },
    "width": 1280,
    "height": 720,
    "fps": 14.8,
    "last_frame_age_s": 0.04,
    "lag_s": 0.03,
    "reconnects": 3,
    "tracks": 2,
}
_SHOWN = {
    "stage": "classify",
    "name": "emotion-fer",
    "version": "2",
    "sha256": "0" * 64,
    "device": "cpu",
    "commercial": "not cleared",
}
_CARD: dict[str, Any] = {
    "task": "emotion",
    "licence": "Apache-2.0",
    "labels": ["neutral", "happiness"],
    "layout": "logits",
    "alignment": "arcface-112",
    "temperature": 0.74,
    "input": {"width": 48, "height": 48, "colour": "GRAY", "scale": 0.0039, "mean": [0.5], "std": [0.25]},
    "metrics": {"split": "test", "accuracy": 0.86},
    "data": {"training_images": 26755},
    "limits": ["Contempt, disgust and fear are mostly missed."],
    "data_rights": [
        {
            "name": "FER2013",
            "use": "trained on",
            "terms": "no licence; Kaggle challenge terms",
            "commercial": "not cleared",
            "url": "https://www.kaggle.com/c/challenges-in-representation-learning-facial-expression-recognition-challenge",
        }
    ],
}
NEW_SOURCE = {"id": "yard", "uri": "rtsp://user:password@10.0.0.8/live", "fps": 10}
SOURCE_CHANGE = {"paused": True}
_DETAIL: dict[str, Any] = {
    **_SOURCE,
    "source_id": "yard",
    "uri": "rtsp://***@10.0.0.8/live",
    "origin": "api",
    "paused": False,
    "settings": {
        "fps": 10.0,
        "transport": "tcp",
        "open_timeout_s": 5.0,
        "read_timeout_s": 5.0,
        "stall_after_s": 3.0,
        "max_lag_s": 3.0,
        "frozen_after_s": 20.0,
        "loop": False,
        "rotate": 0,
        "mirror": False,
        "max_pixels": 9437184,
    },
}
_SINK = {"url": "sqlite:///moodline.db", "state": "ok", "detail": "", "pending": 0, "cause": None, "lost": 0}
_BUCKETS = [
    {"start": "2026-11-22T10:20:00.000Z", "source_id": "door", "label": label, "seconds": seconds, "share": share}
    for label, seconds, share in (("happiness", 45, 0.75), ("neutral", 15, 0.25))
]
ANSWERS: dict[str, Any] = {
    "status": {
        "run_id": RUN,
        "name": "lobby",
        "version": "0.1.0",
        "state": "running",
        "started_at": "2026-11-22T10:00:00.000Z",
        "uptime_s": 1230.1,
        "ready": True,
        "sources": [_SOURCE],
        "models": [_SHOWN],
        "channels": {"frames": {"put": 100, "taken": 98, "dropped": 2, "depth": 0, "lanes": 1}},
        "events": {"new": 4, "emotion_changed": 9},
        "chips": {"classified": 90, "gated": 2, "dropped_queue": 0},
        "history": _SINK,
        "bus": {**_SINK, "url": "redis://***@queue:6379/0"},
        "removed": {"captured": 0, "in_flight": 0, "outcomes": dict.fromkeys(_OUTCOMES, 0)},
    },
    "session": {
        "name": "lobby",
        "version": "0.1.0",
        "tokens": True,
        "scopes": ["read", "operate"],
        "aggregate_only": False,
        "bucket_s": None,
        "browser_cameras": True,
        "sources": True,
        "thumbnails": False,
        "docs": False,
    },
    "cards": {"items": [{**_SHOWN, "card": _CARD, "report": True}]},
    "sources": {"items": [{**_SOURCE, "origin": "file", "paused": False}]},
    "source": _DETAIL,
    "add_source": _DETAIL,
    "change_source": {**_DETAIL, "state": "paused", "paused": True},
    "tracks": {"items": [_TRACK], "next_cursor": None},
    "track": _TRACK,
    "track_history": {"items": [EVENT], "next_cursor": None},
    "timeline": {
        "items": [
            {"at": "2026-11-22T10:20:30.000Z", "label": "happiness", "confidence": 0.83, "scores": {"happiness": 0.83}}
        ],
        "next_cursor": None,
    },
    "erase": {"events": 9, "samples": 7, "stream": 9},
    "events": {"items": [EVENT], "next_cursor": None},
    "stats": {
        "from": "2026-11-22T10:20:00.000Z",
        "to": "2026-11-22T10:21:00.000Z",
        "bucket_s": 60,
        "items": [{**bucket, "tracks": 1} for bucket in _BUCKETS],
    },
    "healthz": {"status": "ok"},
    "readyz": {"status": "ready"},
}
"""What each operation answers, by its name."""

DETAILS = {
    400: "the Host header names another host; add the name to api.allowed_hosts if it is ours",
    401: "send a token of the API as: Authorization: Bearer TOKEN",
    403: "this token is not for that; it takes one with the scope operate",
    404: f"track {UID} is not known",
    409: "source 'yard' is there already; change it, or choose another id",
    411: "send the body with a Content-Length",
    413: "the body is larger than 1048576 bytes",
    415: "send the body as Content-Type: application/json",
    422: "limit: Input should be less than or equal to 1000",
    424: "rtsp://***@10.0.0.8/live: user name or password refused; check them in uri",
    429: "too many wrong tokens from this address",
    503: "history sqlite:///moodline.db: database is locked",
}
"""What a problem says, by its status."""
