"""Retention runs beside the engine and never stops it."""

from datetime import timedelta

from engine.errors import HistoryError
from engine.history import Retention
from engine.testing import FakeClock


class Store:
    """Remembers what it was asked to remove; may be broken."""

    def __init__(self, stop_after, broken=False):
        self.asked, self._stop_after, self._broken, self.retention = [], stop_after, broken, None

    def prune(self, older_than):
        self.asked.append(older_than)
        if len(self.asked) == self._stop_after:
            self.retention.stop(0)
        if self._broken:
            raise HistoryError("the disk is full")
        return 3


def run(store, days):
    clock = FakeClock()
    store.retention = Retention(store, clock, days)
    store.retention.run()
    return clock


def test_it_prunes_at_the_start_and_every_hour():
    store = Store(stop_after=3)
    start = FakeClock().utc()
    run(store, 2.0)
    assert store.asked == [start - timedelta(days=2) + timedelta(hours=hour) for hour in range(3)]


def test_a_full_disk_is_tried_again():
    store = Store(stop_after=2, broken=True)
    run(store, 1.0)
    assert len(store.asked) == 2


def test_without_a_limit_it_ends_at_once():
    store = Store(stop_after=1)
    run(store, None)
    assert store.asked == []
