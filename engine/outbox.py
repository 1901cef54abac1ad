"""What has yet to be broadcast: the rows of a history past a cursor."""

from typing import Protocol

from engine.history import History
from engine.items import EmotionEvent


class Outbox(Protocol):
    """Events in order, each until it is confirmed. Every method raises `HistoryError` when the database fails."""

    def take(self, limit: int) -> list[tuple[int, EmotionEvent]]:
        """The next unconfirmed events, all of one run, each with its row id; the same again until `done`."""

    def done(self, row_id: int) -> None:
        """All that was taken up to that row is confirmed."""

    def pending(self) -> int:
        """How many rows are unconfirmed."""

    def last(self) -> EmotionEvent | None:
        """The newest confirmed event; None when there is none, or it is no longer there."""

    def again(self, count: int) -> int:
        """Up to `count` of the newest confirmed rows become unconfirmed; how many did."""


class CursorOutbox:
    """All rows of `history`, in order of their ids, past the cursor of `consumer`."""

    def __init__(self, history: History, consumer: str) -> None:
        self._history = history
        self._consumer = consumer
        self._position: int | None = None
        self._saved: int | None = None

    def take(self, limit: int) -> list[tuple[int, EmotionEvent]]:
        self._save()
        rows = self._history.events_after(self._at(), limit)
        return [row for row in rows if row[1].run_id == rows[0][1].run_id]

    def done(self, row_id: int) -> None:
        self._position = row_id
        self._save()

    def pending(self) -> int:
        return self._history.pending(self._consumer)

    def last(self) -> EmotionEvent | None:
        rows = self._history.events_after(self._at() - 1, 1)
        return rows[0][1] if rows and rows[0][0] == self._at() else None

    def again(self, count: int) -> int:
        end = self._at()
        self._position = max(0, end - count)
        self._save()
        return end - self._position if not self._position else self._between(self._position, end)

    def _between(self, start: int, end: int) -> int:
        rows = self._history.events_after(start, 1)
        return max(0, end - rows[0][0] + 1) if rows else 0

    def _at(self) -> int:
        if self._position is None:
            self._position = self._saved = self._history.cursor(self._consumer)
        return self._position

    def _save(self) -> None:
        if self._at() != self._saved:
            self._history.set_cursor(self._consumer, self._at())
            self._saved = self._position
