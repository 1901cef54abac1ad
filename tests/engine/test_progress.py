"""A call that does not return is noticed, named once, and ends the run in time; one that takes long is not."""

import logging
import threading
from typing import Any

import pytest

from engine.channel import Channel
from engine.clock import SystemClock
from engine.errors import StageFailed, StageStuck
from engine.progress import STUCK_S, Progress, Watch, tick
from engine.runner import Runner
from engine.stage import Chain
from engine.testing import FakeClock
from engine.worker import Outlet, Worker


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def looked(watch: Watch, clock: FakeClock, seconds: float, step_s: float = 0.25) -> list[str]:
    """The stages that are stuck after so many seconds of looking."""
    for _ in range(round(seconds / step_s)):
        watch.look()
        clock.advance(step_s)
    return [one.stage for one in watch.look()]


def test_a_call_that_does_not_return_is_told_once_within_ten_seconds(
    clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    watch, progress = Watch(clock), Progress()
    watch.add(lambda: "classify", progress)
    progress.begin()
    assert looked(watch, clock, 7) == []
    with caplog.at_level(logging.INFO):
        assert looked(watch, clock, 2.5) == ["classify"]
        assert looked(watch, clock, 30) == ["classify"]
        assert len(caplog.messages) == 1
        progress.end()
        assert looked(watch, clock, 1) == []
    assert [one.split(",")[0] for one in caplog.messages[1:]] == ["stage classify works again"]


@pytest.mark.parametrize("what", ["waits for items", "makes progress within its batch", "ends and begins again"])
def test_whoever_gets_on_is_not_stuck(clock: FakeClock, what: str) -> None:
    watch, progress = Watch(clock), Progress()
    watch.add(lambda: "detect", progress)
    progress.begin()
    for _ in range(100):
        if what == "waits for items":
            progress.end()
        elif what == "makes progress within its batch":
            tick()
        else:
            progress.end()
            progress.begin()
        clock.advance(1)
        assert watch.look() == ()


def test_a_process_that_was_suspended_has_not_hung(clock: FakeClock) -> None:
    watch, progress = Watch(clock), Progress()
    watch.add(lambda: "detect", progress)
    progress.begin()
    watch.look()
    watch.look()
    clock.advance(3600)
    assert watch.look() == ()


def test_another_worker_that_gets_on_hides_nothing(clock: FakeClock) -> None:
    watch, hangs, works = Watch(clock), Progress(), Progress()
    watch.add(lambda: "detect 0", hangs)
    watch.add(lambda: "detect 1", works)
    hangs.begin()
    works.begin()
    for _ in range(20):
        clock.advance(1)
        tick()  # of the one that began last on this thread
        watch.look()
    assert [one.stage for one in watch.stuck] == ["detect 0"]


class Hang:
    """A stage whose call blocks until it is let go."""

    def __init__(self) -> None:
        self.let_go = threading.Event()

    def process(self, items: Any) -> Any:
        self.let_go.wait(60)
        return items

    def flush(self) -> Any:
        return ()

    def close(self) -> None:
        """Nothing to free."""


class Pass(Hang):
    def process(self, items: Any) -> Any:
        return items


class Two:
    """A source of two numbers that then waits to be stopped."""

    def __init__(self, put: Any) -> None:
        self._put, self._stop = put, threading.Event()

    def run(self) -> None:
        self._put(1)
        self._put(2)
        self._stop.wait(60)

    def stop(self) -> None:
        self._stop.set()

    def check(self) -> None:
        """Nothing can be wrong."""


def runner_with(stage: Any, exit_s: float | None, clock: Any) -> Runner:
    channel: Channel[Any] = Channel(4)
    outlet: Outlet[Any] = Outlet(channel, 1, channel.put)
    workers = [Worker("detect 0", channel, stage)]
    return Runner([("numbers", Two(outlet.put), outlet)], workers, (), clock, stall_exit_s=exit_s)


class Fast(SystemClock):
    """A second of it is a hundredth of a second."""

    def monotonic(self) -> float:
        return super().monotonic() * 100


@pytest.mark.parametrize("place", ["first", "second", "inner"])
def test_a_run_ends_when_a_stage_does_not_return_and_names_it(place: str) -> None:
    hang, go = Hang(), Pass()
    chains: dict[str, Any] = {"first": (hang, go), "second": (go, hang), "inner": (go, Chain(go, hang))}
    runner = runner_with(Chain(*chains[place]), 10, Fast())
    try:
        with pytest.raises(StageStuck, match=r"stage 'hang' hangs: its call has not returned for \d+ s") as caught:
            runner.run()
    finally:
        hang.let_go.set()
    assert isinstance(caught.value, StageFailed)
    assert runner.abandoned == ("detect 0",)
    assert [one.stage for one in runner.stuck] == ["hang"]


def test_without_a_limit_it_is_told_and_the_run_goes_on() -> None:
    hang = Hang()
    runner = runner_with(hang, None, Fast())
    thread = threading.Thread(target=runner.run)
    thread.start()
    while not runner.stuck:
        assert thread.is_alive()
    assert runner.stuck[0].stage == "detect 0"
    assert runner.stuck[0].for_s >= STUCK_S
    hang.let_go.set()
    while runner.stuck:
        assert thread.is_alive()
    runner.stop()
    thread.join(20)
    assert runner.state == "stopped"


def test_memory_that_is_not_there_is_named() -> None:
    class Greedy(Hang):
        def process(self, items: Any) -> Any:
            raise MemoryError

    with pytest.raises(StageFailed, match="this machine is out of memory; run fewer cameras"):
        runner_with(Greedy(), None, SystemClock()).run()
