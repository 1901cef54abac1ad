"""Events on their way into the history: few transactions, and a slow disk keeps nobody waiting."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from engine.history import History
from engine.stages.publish import Publish
from engine.worker import Worker
from pipelines import lanes
from tests.support.documents import event


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    opened = History(f"sqlite:///{tmp_path}/h.db?timeout=0.05")
    opened.open()
    yield opened
    opened.close()


class Counting(Publish):
    """Remembers how many events came at a time."""

    def __init__(self, history: History, may_wait: bool = False) -> None:
        super().__init__(history, lambda: None, None, lambda: may_wait)
        self.batches: list[int] = []

    def process(self, items):
        self.batches.append(len(items))
        return super().process(items)


def publisher(stage: Publish, channel) -> Thread:
    worker = Worker("publish", channel, stage, None, lanes.STORED_AT_ONCE, lanes.STORE_WITHIN_S)
    thread = Thread(target=worker.run, daemon=True)
    thread.start()
    return thread


def test_events_that_come_one_by_one_are_stored_together(history: History) -> None:
    channel, stage = lanes.event_channel(), Counting(history)
    thread = publisher(stage, channel)
    for n in range(1, 301):
        channel.put(event(n))
    channel.close()
    thread.join(30)
    assert [one.seq for _, one in history.events_after(0, 1000)] == list(range(1, 301))
    assert sum(stage.batches) == 300
    assert len(stage.batches) < 30


def test_while_the_disk_is_away_events_wait_and_whoever_makes_them_does_not(history: History, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "h.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    channel, stage = lanes.event_channel(), Counting(history, may_wait=True)
    thread = publisher(stage, channel)
    for n in range(1, lanes.EVENTS + 1):
        channel.put(event(n))  # would wait for ever if the channel were full
    assert channel.stats().dropped == 0
    other.execute("ROLLBACK")
    other.close()
    channel.close()
    thread.join(60)
    assert [one.seq for _, one in history.events_after(0, 10_000)] == list(range(1, lanes.EVENTS + 1))
