"""The one queue, by example and by property."""

import threading
from collections import Counter, defaultdict, deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.channel import Channel
from engine.errors import ChannelClosed


def test_a_batch_is_full_at_max_items_and_keeps_arrival_order():
    channel = Channel(capacity=8)
    for number in range(4):
        channel.put(number)
    assert channel.get_batch(max_items=3, max_wait_s=60) == [0, 1, 2]


def test_a_full_lane_evicts_its_oldest_droppable_item_and_says_which():
    channel = Channel(capacity=2, droppable=lambda item: True)
    assert [channel.put(number) for number in range(4)] == [None, None, 0, 1]
    assert channel.get_batch(9) == [2, 3]
    assert channel.stats().dropped == 2


def test_a_marker_is_never_evicted():
    channel = Channel(capacity=2, droppable=lambda item: item != "end")
    channel.put("end")
    channel.put("a")
    assert channel.put("b") == "a"
    assert channel.get_batch(9) == ["end", "b"]


def test_lanes_are_served_in_turn_so_that_a_busy_one_starves_nobody():
    channel = Channel(capacity=9, lane_of=lambda item: item[0])
    for item in ("a1", "a2", "a3", "b1", "c1", "c2"):
        channel.put(item)
    assert channel.get_batch(4) == ["a1", "b1", "c1", "a2"]
    assert channel.get_batch(9) == ["c2", "a3"]


def test_per_lane_bounds_what_comes_from_one_lane():
    channel = Channel(capacity=9, lane_of=lambda item: item[0])
    for item in ("a1", "a2", "b1"):
        channel.put(item)
    assert channel.get_batch(9, per_lane=1) == ["a1", "b1"]


def test_capacity_may_differ_by_lane():
    channel = Channel(capacity=lambda lane: {"a": 1, "b": 3}[lane], lane_of=lambda item: item[0], droppable=bool)
    dropped = [channel.put(item) for item in ("a1", "a2", "b1", "b2", "b3", "b4")]
    assert dropped == [None, "a1", None, None, None, "b1"]


def test_put_waits_for_room_where_nothing_may_be_dropped():
    channel = Channel(capacity=1)
    channel.put("first")
    producer = threading.Thread(target=channel.put, args=("second",))
    producer.start()
    assert channel.get_batch(1) == ["first"]
    producer.join(timeout=10)
    assert channel.get_batch(1) == ["second"]


def test_closing_wakes_a_waiting_producer_and_a_waiting_consumer():
    full, empty = Channel(capacity=1), Channel(capacity=1)
    full.put("first")
    outcomes = []

    def expect_closed(call):
        with pytest.raises(ChannelClosed):
            call()
        outcomes.append("closed")

    threads = [
        threading.Thread(target=expect_closed, args=(lambda: full.put("second"),)),
        threading.Thread(target=expect_closed, args=(lambda: empty.get_batch(1),)),
    ]
    for thread in threads:
        thread.start()
    full.close()
    empty.close()
    for thread in threads:
        thread.join(timeout=10)
    assert outcomes == ["closed", "closed"]


def test_a_closed_channel_is_drained_before_it_says_so():
    channel = Channel(capacity=4)
    channel.put(1)
    channel.close()
    channel.close()
    assert channel.get_batch(4, max_wait_s=60) == [1]
    with pytest.raises(ChannelClosed):
        channel.get_batch(4)
    with pytest.raises(ChannelClosed):
        channel.put(2)


def test_a_capacity_below_one_is_refused():
    with pytest.raises(ValueError, match="at least 1"):
        Channel(capacity=0)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 3)),
        st.tuples(st.just("get"), st.integers(1, 5)),
    ),
    max_size=120,
)


@given(steps=steps, capacity=st.integers(1, 4), per_lane=st.one_of(st.none(), st.integers(1, 2)))
def test_it_behaves_like_its_model_whatever_is_done_to_it(steps, capacity, per_lane):
    """Against a plain dict of deques: order within a lane, bounds, counters, and what is dropped."""
    channel = Channel(capacity, lane_of=lambda item: item[0], droppable=lambda item: True)
    model, serial = defaultdict(deque), 0
    dropped = taken = 0
    for action, argument in steps:
        if action == "put":
            item, serial = (argument, serial), serial + 1
            evicted = channel.put(item)
            lane = model[argument]
            expected = lane.popleft() if len(lane) == capacity else None
            lane.append(item)
            assert evicted == expected
            dropped += expected is not None
        elif any(model.values()):
            batch = channel.get_batch(argument, per_lane=per_lane)
            for lane_id, number in Counter(item[0] for item in batch).items():
                assert per_lane is None or number <= per_lane
                mine = [item for item in batch if item[0] == lane_id]
                assert mine == [model[lane_id].popleft() for _ in mine]
            taken += len(batch)
            assert 1 <= len(batch) <= argument
        stats = channel.stats()
        assert stats.put == stats.taken + stats.dropped + stats.depth == serial
        assert (stats.taken, stats.dropped) == (taken, dropped)
        assert stats.lanes == sum(bool(lane) for lane in model.values())


@given(lanes=st.integers(2, 5), each=st.integers(1, 6))
def test_no_lane_waits_for_more_than_one_turn_of_the_others(lanes, each):
    channel = Channel(capacity=each, lane_of=lambda item: item[0])
    for lane in range(lanes):
        for number in range(each):
            channel.put((lane, number))
    order = [channel.get_batch(1)[0][0] for _ in range(lanes * each)]
    for start in range(0, len(order), lanes):
        assert set(order[start : start + lanes]) == set(range(lanes))


def test_many_threads_lose_nothing_and_double_nothing():
    channel = Channel(capacity=3, lane_of=lambda item: item[0])
    received, lock = [], threading.Lock()

    def produce(lane):
        for number in range(200):
            channel.put((lane, number))

    def consume():
        try:
            while True:
                batch = channel.get_batch(5, max_wait_s=0.001)
                with lock:
                    received.extend(batch)
        except ChannelClosed:
            return

    producers = [threading.Thread(target=produce, args=(lane,)) for lane in range(4)]
    consumers = [threading.Thread(target=consume) for _ in range(2)]
    for thread in producers + consumers:
        thread.start()
    for thread in producers:
        thread.join(timeout=30)
    channel.close()
    for thread in consumers:
        thread.join(timeout=30)
    assert sorted(received) == [(lane, number) for lane in range(4) for number in range(200)]
