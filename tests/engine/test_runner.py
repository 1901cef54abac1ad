"""Threads around sources and stages: drain, failure, isolation."""

import threading

import pytest

from engine.channel import Channel
from engine.clock import SystemClock
from engine.errors import ChannelClosed, StageFailed
from engine.runner import Runner
from engine.worker import Outlet, Worker


class Counter:
    """A source that hands on numbers until it has done so `count` times or is stopped."""

    def __init__(self, emit, count=None):
        self._emit, self._count, self._stop = emit, count, threading.Event()
        self.checks = 0

    def run(self):
        number = 0
        while not self._stop.is_set() and number != self._count:
            try:
                self._emit(number)
            except ChannelClosed:
                return
            number += 1

    def stop(self):
        self._stop.set()

    def check(self):
        self.checks += 1


class Stuck(Counter):
    """A source whose library blocks for ever."""

    def run(self):
        threading.Event().wait()


class Add:
    """A stage that adds one, keeps what it saw, and may raise at a number."""

    def __init__(self, fail_at=None):
        self.seen, self.flushed, self.closed, self._fail_at = [], 0, 0, fail_at

    def process(self, items):
        self.seen += items
        if self._fail_at in items:
            raise ZeroDivisionError("no such number")
        return [item + 1 for item in items]

    def flush(self):
        self.flushed += 1
        return [-1]

    def close(self):
        self.closed += 1


class Beside:
    def __init__(self):
        self._stop = threading.Event()
        self.drain_s = None

    def run(self):
        self._stop.wait(60)

    def stop(self, drain_s):
        self.drain_s = drain_s
        self._stop.set()


def line(source_of, *stages, capacity=4, services=()):
    """source -> stage -> stage ..., each in a thread of its own."""
    channels = [Channel(capacity) for _ in stages]
    outlets = [Outlet(channel, 1, channel.put) for channel in channels]
    workers = [
        Worker(f"stage {place}", channel, stage, outlet)
        for place, (channel, stage, outlet) in enumerate(zip(channels, stages, [*outlets[1:], None], strict=True))
    ]
    return Runner([("numbers", source_of(outlets[0].put), outlets[0])], workers, services, SystemClock())


def test_a_finite_source_is_worked_off_to_the_last_item_and_every_stage_is_flushed_and_closed():
    first, second, relay = Add(), Add(), Beside()
    runner = line(lambda put: Counter(put, 50), first, second, services=[("relay", relay)])
    runner.run()
    assert first.seen == list(range(50))
    assert second.seen == [*range(1, 51), -1]
    assert (first.flushed, first.closed, second.flushed, second.closed) == (1, 1, 1, 1)
    assert runner.state == "stopped"
    assert relay.drain_s is not None


def test_stop_drains_an_endless_source_in_order():
    first, second = Add(), Add()
    runner = line(Counter, first, second)
    threading.Timer(0.3, runner.stop).start()
    runner.run()
    assert len(first.seen) > 10
    assert second.seen == [*(number + 1 for number in first.seen), -1]
    assert runner.abandoned == ()


def test_it_stops_by_itself_after_the_time_asked_for():
    stage = Add()
    line(Counter, stage).run(for_s=0.3)
    assert stage.closed == 1


def test_a_stage_that_raises_ends_the_run_with_its_cause():
    before, after, relay = Add(), Add(fail_at=7), Beside()
    runner = line(Counter, before, after, services=[("relay", relay)])
    with pytest.raises(StageFailed, match=r"'stage 1' failed: ZeroDivisionError: no such number") as caught:
        runner.run()
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert runner.state == "failed"
    assert before.closed == 1
    assert relay.drain_s is not None


def test_a_source_blocked_in_its_library_is_left_behind_and_named(monkeypatch):
    stage = Add()
    runner = line(Stuck, stage)
    began = threading.Timer(0.1, runner.stop)
    began.start()
    runner.run()
    assert runner.abandoned == ("capture numbers",)
    assert stage.closed == 1


def test_one_source_s_end_does_not_end_the_others():
    channel, stage = Channel(4), Add()
    outlet = Outlet(channel, 2, channel.put)
    brief, endless = Counter(outlet.put, 3), Counter(outlet.put)
    runner = Runner(
        [("brief", brief, outlet), ("endless", endless, outlet)],
        [Worker("add", channel, stage)],
        [],
        SystemClock(),
    )
    threading.Timer(0.4, runner.stop).start()
    runner.run()
    assert len(stage.seen) > 20
    assert endless.checks >= 1


def test_no_thread_outlives_the_run():
    before = threading.active_count()
    line(lambda put: Counter(put, 10), Add(), Add()).run()
    assert threading.active_count() <= before


def test_the_end_of_the_last_source_is_noticed_at_once():
    """A supervisor that only looked now and then would make every short file cost as much."""

    class OnlyNews(SystemClock):
        """Nothing but the event ends a wait."""

        def wait(self, event, timeout_s):
            assert event.wait(20), "the supervisor was never told"
            return True

    runner = line(lambda put: Counter(put, 5), Add())
    runner.clock = OnlyNews()
    runner.run()
    assert runner.state == "stopped"


def live(*stages):
    """A run that goes on without any source, and the outlet that sources may have."""
    channel = Channel(4)
    outlet = Outlet(channel, 1, channel.put)
    workers = [Worker(f"stage {place}", channel, stage) for place, stage in enumerate(stages)]
    return Runner([], workers, [], SystemClock(), holds=[outlet], lasting=True), outlet


def wait_for(event):
    assert event.wait(20)


def test_sources_added_before_and_while_it_runs_are_run_and_told_to_be_gone_by_the_supervisor():
    stage, gone = Add(), [threading.Event(), threading.Event()]
    runner, outlet = live(stage)
    runner.add("first", Counter(outlet.put, 3), outlet, gone[0].set)
    thread = threading.Thread(target=runner.run)
    thread.start()
    wait_for(gone[0])
    runner.add("second", Counter(outlet.put, 4), outlet, gone[1].set)
    wait_for(gone[1])
    assert runner.state == "running"
    runner.stop()
    thread.join(20)
    assert sorted(stage.seen) == [0, 0, 1, 1, 2, 2, 3]
    assert (stage.closed, runner.state, runner.abandoned) == (1, "stopped", ())


def test_what_follows_a_source_may_be_added_when_it_is_gone():
    stage, done = Add(), threading.Event()
    runner, outlet = live(stage)
    follow = lambda: runner.add("second", Counter(outlet.put, 1), outlet, done.set)  # noqa: E731
    runner.add("first", Counter(outlet.put, 1), outlet, follow)
    runner.lasting = False
    runner.run()
    assert done.is_set()
    assert stage.seen == [0, 0]


def test_after_the_end_a_source_is_neither_run_nor_waited_for():
    runner, outlet = live(Add())
    runner.stop()
    runner.run()
    late = Counter(outlet.put)
    runner.add("late", late, outlet)
    assert (late.checks, runner.state) == (0, "stopped")


def test_a_source_added_and_stuck_is_left_behind_and_named():
    stage = Add()
    runner, outlet = live(stage)
    runner.add("late", Stuck(outlet.put), outlet)
    runner.run(for_s=0.1)
    assert runner.abandoned == ("capture late",)
    assert stage.closed == 1


def test_an_outlet_is_closed_with_its_last_producer():
    channel = Channel(4)
    outlet = Outlet(channel, 1, channel.put)
    outlet.open()
    outlet.close()
    outlet.put(1)
    outlet.close()
    with pytest.raises(ChannelClosed):
        outlet.put(2)
