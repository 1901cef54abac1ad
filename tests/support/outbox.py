"""Collects what a capture emits, and waits for what a test expects."""

from collections.abc import Callable
from threading import Condition

from engine.errors import ChannelClosed
from engine.items import Frame, SourceStatus
from engine.ledger import Ledger, Outcome


class Outbox:
    """An `emit`: every frame is settled as inferred. After `closes_after` frames it is closed."""

    def __init__(self, ledger: Ledger, closes_after: int | None = None) -> None:
        self.frames: list[Frame] = []
        self.statuses: list[SourceStatus] = []
        self.all: list[Frame | SourceStatus] = []
        self._ledger = ledger
        self._closes_after = closes_after
        self._changed = Condition()

    def __call__(self, item: Frame | SourceStatus) -> None:
        if self._closes_after is not None and len(self.frames) >= self._closes_after:
            raise ChannelClosed
        with self._changed:
            self.all.append(item)
            if isinstance(item, Frame):
                self.frames.append(item)
                self._ledger.settle(item.source_id, Outcome.INFERRED)
            else:
                self.statuses.append(item)
            self._changed.notify_all()

    @property
    def states(self) -> list[str]:
        return [status.state for status in self.statuses]

    def wait_until(self, met: Callable[["Outbox"], bool], timeout_s: float = 15.0) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: met(self), timeout_s), (
                f"still {self.states}, {len(self.frames)} frames"
            )
