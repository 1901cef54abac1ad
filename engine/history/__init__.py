"""The history: every event as one durable row, and what can be asked about them.

The only package that imports SQLAlchemy.
"""

from engine.history.config import HistoryConfig
from engine.history.records import BadCursor, EventFilter, Page, TrackFilter, TrackRecord
from engine.history.retention import Retention
from engine.history.store import History

__all__ = ["BadCursor", "EventFilter", "History", "HistoryConfig", "Page", "Retention", "TrackFilter", "TrackRecord"]
