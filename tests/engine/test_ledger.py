"""The frame ledger."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.ledger import Ledger, Outcome


@given(st.lists(st.sampled_from([None, *Outcome]), max_size=60))
def test_captured_is_the_sum_of_outcomes_at_every_moment(steps):
    ledger, underway = Ledger(), 0
    ledger.register("door")
    for step in steps:
        if step is None:
            ledger.enter("door")
            underway += 1
        elif underway:
            ledger.settle("door", step)
            underway -= 1
        counts = ledger.snapshot()["door"]
        assert counts.captured == sum(counts.outcomes.values())
        assert counts.in_flight == underway


def test_a_frame_cannot_have_two_outcomes():
    ledger = Ledger()
    ledger.enter("door")
    ledger.settle("door", Outcome.INFERRED)
    with pytest.raises(ValueError, match="no frame of 'door'"):
        ledger.settle("door", Outcome.FAILED)


def test_it_holds_while_threads_count_and_look():
    ledger, done = Ledger(), threading.Event()
    wrong = []

    def work(source):
        for _ in range(2000):
            ledger.enter(source)
            ledger.settle(source, Outcome.DROPPED_QUEUE)

    def look():
        while not done.is_set():
            wrong.extend(c for c in ledger.snapshot().values() if c.captured != sum(c.outcomes.values()))

    watcher = threading.Thread(target=look)
    watcher.start()
    workers = [threading.Thread(target=work, args=(name,)) for name in ("a", "a", "b")]
    for thread in workers:
        thread.start()
    for thread in workers:
        thread.join(timeout=30)
    done.set()
    watcher.join(timeout=30)
    assert not wrong
    assert {name: counts.captured for name, counts in ledger.snapshot().items()} == {"a": 4000, "b": 2000}


def test_what_a_failed_run_leaves_behind_is_counted_as_failed():
    ledger = Ledger()
    for _ in range(3):
        ledger.enter("door")
    ledger.settle("door", Outcome.INFERRED)
    ledger.fail_in_flight()
    counts = ledger.snapshot()["door"]
    assert (counts.in_flight, counts.captured, counts.outcomes[Outcome.FAILED]) == (0, 3, 2)


def test_a_removed_source_s_counts_stay_in_the_total_once_its_last_frame_is_settled():
    ledger = Ledger()
    for _ in range(3):
        ledger.enter("door")
    ledger.settle("door", Outcome.INFERRED)
    ledger.remove("door")
    assert (ledger.snapshot()["door"].in_flight, ledger.removed().captured) == (2, 0)
    ledger.settle("door", Outcome.DROPPED_QUEUE)
    ledger.settle("door", Outcome.INFERRED)
    assert ledger.snapshot() == {}
    assert ledger.counts("door").captured == 0
    removed = ledger.removed()
    assert (removed.captured, removed.outcomes[Outcome.INFERRED], removed.outcomes[Outcome.DROPPED_QUEUE]) == (3, 2, 1)


def test_a_source_that_comes_back_while_frames_are_on_the_way_keeps_its_counts():
    ledger = Ledger()
    ledger.enter("door")
    ledger.remove("door")
    ledger.register("door")
    ledger.settle("door", Outcome.INFERRED)
    assert (ledger.counts("door").captured, ledger.removed().captured) == (1, 0)


def test_ever_new_sources_leave_nothing_behind_but_a_sum():
    ledger = Ledger()
    for number in range(300):
        ledger.register(f"camera-{number}")
        ledger.enter(f"camera-{number}")
        ledger.remove(f"camera-{number}")
        ledger.settle(f"camera-{number}", Outcome.SKIPPED_INTERVAL)
    ledger.remove("nobody")
    assert (ledger.snapshot(), ledger.removed().captured) == ({}, 300)


def test_what_removed_sources_leave_behind_in_a_failed_run_is_counted_as_failed():
    ledger = Ledger()
    ledger.enter("door")
    ledger.remove("door")
    ledger.fail_in_flight()
    assert ledger.removed().outcomes[Outcome.FAILED] == 1
