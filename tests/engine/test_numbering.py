"""Numbers per name."""

import threading
from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from engine.numbering import Numbering


@given(st.lists(st.sampled_from("abcdefg"), max_size=80), st.integers(1, 4))
def test_no_name_gets_a_number_twice_however_few_are_remembered(names, kept):
    numbering, given_to = Numbering(1, kept), defaultdict(list)
    for name in names:
        given_to[name].append(numbering.take(name))
    for numbers in given_to.values():
        assert numbers == sorted(set(numbers))


def test_numbers_of_a_remembered_name_have_no_gap_whatever_others_take():
    numbering = Numbering(0)
    taken = [numbering.take("door") for _ in range(5) if numbering.take("desk") >= 0]
    assert taken == list(range(5))


def test_memory_is_bounded_with_ever_new_names():
    numbering = Numbering(1, kept=10)
    for number in range(1000):
        numbering.take(f"camera-{number}")
    assert len(numbering._next) == 10


def test_threads_never_share_a_number():
    numbering, taken = Numbering(0), []
    threads = [
        threading.Thread(target=lambda: taken.extend(numbering.take("door") for _ in range(500))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(taken) == list(range(2000))
