"""Retention runs beside the engine and never stops it."""

import logging
from collections.abc import Callable
from datetime import timedelta

from engine.errors import HistoryError
from engine.history import EventFilter, History, Retention
from engine.history.retention import EVERY_S
from engine.testing import FakeClock
from tests.support.documents import event


class Store:
    """Remembers what it was asked to remove; may be broken."""

    def __init__(self, stop_after, broken=False):
        self.asked, self._stop_after, self._broken, self.retention = [], stop_after, broken, None
        self.dropped_unsent = 0

    def prune(self, older_than):
        self._ask(older_than)
        return 3

    def prune_to(self, limit_bytes):
        self._ask(limit_bytes)
        self.dropped_unsent += 2
        return 5

    def shrink(self):
        """There is nothing to give back."""

    def _ask(self, what):
        self.asked.append(what)
        if len(self.asked) == self._stop_after:
            self.retention.stop(0)
        if self._broken:
            raise HistoryError("the disk is full")


def run(store, days, megabytes=None):
    clock = FakeClock()
    store.retention = Retention(store, clock, days, megabytes)
    store.retention.run()
    return clock


def test_it_prunes_at_the_start_and_every_minute():
    store = Store(stop_after=3)
    start = FakeClock().utc()
    run(store, 2.0)
    assert store.asked == [start - timedelta(days=2) + turn * timedelta(seconds=EVERY_S) for turn in range(3)]


def test_both_limits_hold_and_what_was_not_broadcast_is_told(caplog):
    store = Store(stop_after=2)
    caplog.set_level(logging.INFO, "engine.history.retention")
    run(store, 2.0, 1.5)
    assert store.asked[1:] == [1_500_000]
    assert [record.getMessage() for record in caplog.records] == [
        "removed 3 events older than 2 days",
        "removed 5 events to stay below 1.5 MB",
        "2 of the removed events had not been broadcast yet",
    ]


def test_a_full_disk_is_tried_again():
    store = Store(stop_after=2, broken=True)
    run(store, 1.0)
    assert len(store.asked) == 2


def test_without_a_limit_it_ends_at_once():
    store = Store(stop_after=1)
    run(store, None)
    assert store.asked == []


def test_a_history_stays_below_its_size_while_events_come(history_url: str, opened: Callable[..., History]):
    history = opened(history_url)
    limit = 2_000_000
    for batch in range(12):
        first = batch * 250
        history.append([event(n, track_id=n // 10) for n in range(first + 1, first + 251)])
        one_round(history, limit)
        assert history.size_bytes() <= limit
    kept = history.events_after(0, 10_000)
    assert [one.seq for _, one in kept] == list(range(3001 - len(kept), 3001))  # the newest
    assert 200 < len(kept) < 2000
    assert history.events(EventFilter(track_uid=event(1, track_id=0).track_uid), 10).items == ()
    assert history.track(str(event(1, track_id=0).track_uid)) is None


def one_round(history: History, limit: int) -> None:
    class Once(FakeClock):
        def wait(self, event, timeout_s):
            event.set()
            return True

    Retention(history, Once(), None, limit / 1e6).run()
