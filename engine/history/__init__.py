"""The history: every event as one durable row, and what can be asked about them.

The only package that imports SQLAlchemy.
"""

from typing import TYPE_CHECKING

from engine.exports import exports
from engine.history.config import HistoryConfig
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

if TYPE_CHECKING:
    from engine.history.outbox import Outbox
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

__getattr__ = exports(
    __name__,
    {
        "History": "engine.history.store",
        "Outbox": "engine.history.outbox",
        "Retention": "engine.history.retention",
        "SourceStore": "engine.history.sources",
        "StoredSource": "engine.history.sources",
    },
)
