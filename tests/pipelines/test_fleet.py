"""Sources that come and go while a run lasts: one thread each, in order, nothing left behind."""

import gc
import threading
from collections import Counter
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest

from engine.channel import Channel
from engine.clock import SystemClock
from engine.errors import Cause, SourceError
from engine.items import Frame, SourceStatus
from engine.ledger import Ledger, Outcome
from engine.numbering import Numbering
from engine.runner import Outlet, Runner, Worker
from engine.sources.config import SourceConfig
from engine.sources.picture import NO_LOSSES, Picture
from engine.stages.capture import Capture
from pipelines.fleet import RunningFleet
from tests.support.redis_server import until

IMAGE = np.zeros((4, 6, 3), np.uint8)


class Camera:
    """Counts its connections; `blocked` is a library that does not come back before it is set free."""

    def __init__(self):
        self.opened = self.closed = self.reading = self.most = 0
        self.free, self.stuck = Event(), Event()
        self.free.set()

    def __call__(self, _config):
        self.opened += 1
        self.reading += 1
        self.most = max(self.most, self.reading)
        return self

    started_at = None
    losses = NO_LOSSES

    def read(self):
        if not self.free.is_set():
            self.stuck.set()
            self.free.wait(30)
        threading.Event().wait(0.002)
        return Picture(IMAGE, None)

    def close(self):
        self.reading -= 1
        self.closed += 1


class Sink:
    """Keeps what arrives, and settles frames as the detector would."""

    def __init__(self, ledger):
        self.items, self._ledger = [], ledger

    def process(self, items):
        for item in items:
            if isinstance(item, Frame):
                self._ledger.settle(item.source_id, Outcome.INFERRED)
            self.items.append(item)
        return ()

    def flush(self):
        return ()

    def close(self):
        pass

    def states(self, source_id):
        return [item.state for item in self.items if isinstance(item, SourceStatus) and item.source_id == source_id]

    def indices(self, source_id):
        return [item.index for item in self.items if isinstance(item, Frame) and item.source_id == source_id]


class Rig:
    """A live run of two workers, in a thread of its own."""

    def __init__(self, lasting=True, workers=2):
        self.ledger = Ledger()
        self.channels = [
            Channel(2, lambda item: item.source_id, lambda item: isinstance(item, Frame)) for _ in range(workers)
        ]
        self.sinks = [Sink(self.ledger) for _ in range(workers)]
        outlets = [Outlet(channel, 1, self._put_into(channel)) for channel in self.channels]
        self.runner = Runner(
            (),
            [Worker(f"w{n}", c, s) for n, (c, s) in enumerate(zip(self.channels, self.sinks, strict=True))],
            (),
            SystemClock(),
            holds=outlets,
            lasting=lasting,
        )
        indices = Numbering(first=0)
        self.fleet = RunningFleet(
            self.runner,
            outlets,
            lambda config, outlet, open_reader: Capture(
                config,
                outlet.put,
                self.ledger,
                SystemClock(),
                paced=True,
                epoch_s=0.0,
                open_reader=open_reader,
                indices=indices,
            ),
            self.ledger,
        )
        self._thread = Thread(target=self.runner.run)

    def _put_into(self, channel):
        def put(item):
            evicted = channel.put(item)
            if evicted is not None:
                self.ledger.settle(evicted.source_id, Outcome.DROPPED_QUEUE)

        return put

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_error):
        self.runner.stop()
        self._thread.join(20)
        assert not self._thread.is_alive()

    def wait_over(self):
        self._thread.join(20)
        return not self._thread.is_alive()

    def start(self, source_id, camera, uri="rtsp://cam/1"):
        self.fleet.start(SourceConfig(id=source_id, uri=uri), camera)

    def sink_of(self, source_id):
        return next(sink for sink in self.sinks if any(item.source_id == source_id for item in sink.items))

    def states(self, source_id):
        return [state for sink in self.sinks for state in sink.states(source_id)]

    def shown(self):
        return {snapshot.source_id: snapshot.state for snapshot in self.fleet.snapshots()}


def test_a_source_added_to_a_run_without_any_is_read_and_removed_without_a_trace_but_its_counts():
    camera = Camera()
    with Rig() as rig:
        assert rig.shown() == {}
        rig.start("door", camera)
        until(lambda: rig.shown() == {"door": "online"}, 10)
        rig.fleet.stop("door")
        assert rig.shown() == {}
        until(lambda: rig.states("door") == ["connecting", "online", "ended"], 10)
        until(lambda: rig.ledger.snapshot() == {}, 10)
        assert (camera.opened, camera.closed) == (1, 1)
        assert rig.ledger.removed().captured > 0
        assert rig.runner.state == "running"


def test_a_paused_source_stays_in_the_list_with_its_connection_closed_and_goes_on_when_started_again():
    camera = Camera()
    with Rig() as rig:
        rig.start("door", camera)
        until(lambda: rig.shown() == {"door": "online"}, 10)
        rig.fleet.stop("door", paused=True)
        assert rig.shown() == {"door": "paused"}
        until(lambda: camera.closed == 1, 10)
        until(lambda: rig.ledger.counts("door").in_flight == 0, 10)
        until(lambda: rig.states("door")[-1] == "ended", 10)
        before = rig.ledger.counts("door").captured
        threading.Event().wait(0.1)
        assert rig.ledger.counts("door").captured == before
        rig.start("door", camera)
        until(lambda: rig.shown() == {"door": "online"}, 10)
        until(lambda: rig.ledger.counts("door").captured > before, 10)
        rig.fleet.stop("door", paused=True)
        rig.fleet.stop("door")
        assert rig.shown() == {}
    assert len(set(rig.sink_of("door").indices("door"))) == len(rig.sink_of("door").indices("door"))


def test_the_new_one_of_an_id_begins_when_the_old_one_has_come_back_from_its_library():
    old, new = Camera(), Camera()
    with Rig() as rig:
        rig.start("door", old)
        until(lambda: rig.shown() == {"door": "online"}, 10)
        old.free.clear()
        assert old.stuck.wait(10)
        rig.fleet.stop("door")
        rig.start("door", new)
        rig.start("desk", Camera())
        until(lambda: rig.shown() == {"door": "connecting", "desk": "online"}, 10)
        assert new.opened == 0
        old.free.set()
        until(lambda: rig.shown()["door"] == "online", 10)
    sink = rig.sink_of("door")
    assert sink.states("door") == ["connecting", "online", "ended", "connecting", "online"]
    ended = next(n for n, item in enumerate(sink.items) if getattr(item, "state", "") == "ended")
    assert old.closed == 1
    assert sink.indices("door") == sorted(set(sink.indices("door")))
    assert not any(isinstance(item, Frame) for item in sink.items[ended : ended + 2] if item.source_id == "door")


@pytest.mark.timeout(180)
def test_of_many_changes_while_the_old_one_is_stuck_only_the_last_counts():
    old, never, last = Camera(), Camera(), Camera()
    with Rig() as rig:
        rig.start("door", old)
        until(lambda: rig.shown() == {"door": "online"}, 10)
        old.free.clear()
        assert old.stuck.wait(10)
        for _ in range(5):
            rig.fleet.stop("door", paused=True)
            rig.start("door", never)
            rig.fleet.stop("door")
        rig.start("door", last)
        old.free.set()
        until(lambda: rig.shown() == {"door": "online"}, 10)
    assert (never.opened, last.opened) == (0, 1)


def test_what_is_paused_before_the_run_never_opens_a_connection():
    camera = Camera()
    rig = Rig()
    rig.start("door", camera)
    rig.fleet.stop("door", paused=True)
    rig.start("desk", Camera())
    with rig:
        until(lambda: rig.shown() == {"door": "paused", "desk": "online"}, 10)
        assert camera.opened == 0
        rig.start("door", camera)
        until(lambda: rig.shown() == {"door": "online", "desk": "online"}, 10)
    assert camera.opened == 1


def test_a_new_source_goes_to_the_worker_with_the_fewest_and_an_id_that_comes_back_to_the_one_it_had():
    with Rig(workers=3) as rig:
        for name in "abcd":
            rig.start(name, Camera())
        until(lambda: set(rig.shown().values()) == {"online"}, 10)
        place = {name: rig.sinks.index(rig.sink_of(name)) for name in "abcd"}
        assert [place[name] for name in "abcd"] == [0, 1, 2, 0]
        rig.fleet.stop("c")
        rig.start("e", Camera())
        rig.start("c", Camera())
        until(lambda: rig.shown().keys() == {*"abdec"} and set(rig.shown().values()) == {"online"}, 10)
        assert rig.sinks.index(rig.sink_of("e")) in (1, 2)
        assert len([sink for sink in rig.sinks if sink.states("c")]) == 1


def test_two_hundred_sources_that_come_and_go_leave_no_thread_no_file_and_no_object():
    def cycle(number):
        rig.start(f"camera-{number}", camera)
        until(lambda: rig.shown().get(f"camera-{number}") == "online", 10)
        rig.fleet.stop(f"camera-{number}", paused=number % 3 == 0)
        rig.fleet.stop(f"camera-{number}")

    def settled():
        return not rig.runner._feeds and rig.ledger.snapshot() == {}

    def counted():
        gc.collect()
        return Counter(type(each).__name__ for each in gc.get_objects())["Capture"]

    camera = Camera()
    with Rig() as rig:
        cycle(1000)
        until(settled, 10)
        captures, threads, files = counted(), threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))
        for number in range(200):
            cycle(number)
        until(settled, 10)
        assert threading.active_count() <= threads
        assert len(list(Path("/proc/self/fd").iterdir())) <= files
        assert counted() <= captures
        assert (camera.opened, camera.closed, camera.reading) == (201, 201, 0)
        assert len(rig.fleet._places) <= 258
        arrived = sum(isinstance(item, Frame) for sink in rig.sinks for item in sink.items)
        removed = rig.ledger.removed()
        assert removed.captured == arrived + removed.outcomes[Outcome.DROPPED_QUEUE] >= 201


def test_a_run_of_files_alone_ends_with_them_unless_sources_may_be_added():
    def ending(_config):
        raise SourceError(Cause.ENDED, "the file ended")

    rig = Rig(lasting=False)
    rig.start("clip", ending, uri="a.mp4")
    with rig:
        assert rig.wait_over()
        assert rig.shown() == {"clip": "offline"}
    with Rig(lasting=True) as rig:
        rig.start("clip", ending, uri="a.mp4")
        until(lambda: rig.shown() == {"clip": "offline"}, 10)
        rig.start("door", Camera())
        until(lambda: rig.shown() == {"clip": "offline", "door": "online"}, 10)


def test_while_sources_are_being_exchanged_a_run_does_not_end():
    rig = Rig(lasting=False)
    rig.start("door", Camera())
    with rig:
        until(lambda: rig.shown() == {"door": "online"}, 10)
        with rig.runner.changing():
            rig.fleet.stop("door")
            until(lambda: not rig.runner._feeds, 10)
            threading.Event().wait(0.3)
            rig.start("desk", Camera())
        until(lambda: rig.shown() == {"desk": "online"}, 10)
        rig.fleet.stop("desk")
        assert rig.wait_over()


def test_after_the_end_nothing_begins_any_more():
    camera = Camera()
    with Rig() as rig:
        pass
    rig.start("door", camera)
    rig.fleet.stop("nobody")
    threading.Event().wait(0.1)
    assert camera.opened == 0


def test_many_threads_may_start_and_stop_at_once():
    cameras = [Camera() for _ in range(4)]

    def work(number):
        for turn in range(25):
            rig.start(f"s{number}", cameras[number])
            rig.fleet.snapshots()
            rig.fleet.stop(f"s{number}", paused=bool(turn % 2))

    with Rig() as rig:
        threads = [Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        for number in range(4):
            rig.fleet.stop(f"s{number}")
        until(lambda: not rig.runner._feeds and rig.ledger.snapshot() == {}, 10)
    assert all(camera.most <= 1 and camera.reading == 0 for camera in cameras)
