"""Identifiers."""

from engine import ids


def test_fresh_ids_differ_and_sort_by_time():
    made = [ids.new_ulid() for _ in range(100)]
    assert len(set(made)) == 100
    assert made[0][:8] <= made[-1][:8]


def test_derived_ids_depend_on_the_run_and_every_part():
    run = ids.new_ulid()
    made = {ids.derive(run, "track", "door", 1), ids.derive(run, "track", "door", 11),
            ids.derive(run, "track", "door1", 1), ids.derive(ids.new_ulid(), "track", "door", 1)}  # fmt: skip
    assert len(made) == 4
    assert all(len(name) == 26 for name in made)


def test_derived_ids_carry_the_time_of_their_run():
    run = ids.new_ulid()
    assert ids.derive(run, "event", 1)[:10] == run[:10]
    assert ids.derive("night-shift", "event", 1)[:10] == "0" * 10


def test_ids_of_events_differ_by_run_and_sort_as_their_numbers():
    runs = [ids.new_ulid(), ids.new_ulid(), "night-shift", "day-shift"]
    made = [ids.numbered(run, number) for run in runs for number in (1, 2, 31, 32, 33, 1024, 2**40 - 1)]
    assert len(set(made)) == len(made)
    assert {len(name) for name in made} == {26}
    of_run = [ids.numbered(runs[0], number) for number in (1, 2, 31, 32, 33, 1024, 2**40 - 1)]
    assert of_run == sorted(of_run)
    assert of_run[0][:10] == runs[0][:10]
