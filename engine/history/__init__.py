"""The history: every event as one durable row, and what can be asked about them.

The only package that imports SQLAlchemy.
"""

from engine.history.config import HistoryConfig
from engine.history.outbox import Outbox
from engine.history.records import (
    BadCursor,
    EmotionBucket,
    Erasure,
    EventFilter,
    Page,
    Removed,
    RunRecord,
    Sample,
    SourceRecord,
    StatsFilter,
    TrackFilter,
    TrackRecord,
)
from engine.history.retention import Retention
from engine.history.sources import SourceStore, StoredSource
from engine.history.store import History

__all__ = [
    "BadCursor",
    "EmotionBucket",
    "Erasure",
    "EventFilter",
    "History",
    "HistoryConfig",
    "Outbox",
    "Page",
    "Removed",
    "Retention",
    "RunRecord",
    "Sample",
    "SourceRecord",
    "SourceStore",
    "StatsFilter",
    "StoredSource",
    "TrackFilter",
    "TrackRecord",
]
