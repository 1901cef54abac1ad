import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from engine.bus import MemoryBus
from engine.errors import BusError, BusForgot
from engine.history import History
from engine.items import EmotionEvent
from engine.relay import Relay
from engine.stages.publish import Publish
from engine.testing import FakeClock
from tests.support.documents import event as event_of_run
from tests.support.documents import status as status_of_run
from tests.support.run_status import run_status

RUN = "run-1"
event = partial(event_of_run, run_id=RUN)
status = partial(status_of_run, run_id=RUN)


@pytest.fixture
def history(begun: History) -> History:
    return begun


class ScriptedBus(MemoryBus):
    """Fails as often as told; `batches` holds the sequence numbers of each batch taken."""

    def __init__(self, failures: int = 0, on_call: Callable[[int], None] = lambda _number: None) -> None:
        super().__init__()
        self.failures = failures
        self.calls = 0
        self.batches: list[list[int]] = []
        self.beats: list[dict[str, Any]] = []
        self.told: list[Mapping[str, dict[str, Any]]] = []
        self._on_call = on_call

    def publish(self, events: Sequence[EmotionEvent]) -> None:
        self._count()
        self.batches.append([one.seq for one in events])

    def heartbeat(self, run_id: str, payload: dict[str, Any], sources: Mapping[str, dict[str, Any]]) -> None:
        self._count()
        self.beats.append(payload)
        self.told.append(sources)

    def _count(self) -> None:
        self.calls += 1
        self._on_call(self.calls)
        if self.calls <= self.failures:
            raise BusError("bus scripted: away")

    def seqs(self) -> list[int]:
        return [seq for batch in self.batches for seq in batch]


def run_until_idle(relay: Relay) -> None:
    """The whole life of a relay that is told to stop before it begins: one drain."""
    relay.stop(1.0)
    relay.run()


def test_rows_go_out_oldest_first_in_batches_and_the_cursor_follows(history: History) -> None:
    history.append([event(n) for n in range(1, 1202)])
    bus = ScriptedBus()
    run_until_idle(Relay(history, bus, FakeClock()))
    assert [len(batch) for batch in bus.batches] == [500, 500, 201]
    assert bus.seqs() == list(range(1, 1202))
    assert history.outbox().pending() == 0


def test_the_next_relay_goes_on_at_the_cursor(history: History) -> None:
    history.append([event(1), event(2)])
    run_until_idle(Relay(history, ScriptedBus(), FakeClock()))
    history.append([event(3)])
    bus = ScriptedBus()
    run_until_idle(Relay(history, bus, FakeClock()))
    assert bus.seqs() == [3]


def test_each_consumer_gets_everything(history: History) -> None:
    history.append([event(1), event(2)])
    for consumer in ("bus", "archive"):
        bus = ScriptedBus()
        run_until_idle(Relay(history, bus, FakeClock(), consumer))
        assert bus.seqs() == [1, 2]


def test_back_off_doubles_to_a_second_and_a_half_and_news_do_not_shorten_it(history: History) -> None:
    clock = FakeClock()
    relay: Relay

    def on_call(number: int) -> None:
        relay.notify()
        if number == 7:
            relay.stop(0)

    relay = Relay(history, ScriptedBus(failures=7, on_call=on_call), clock)
    relay.run()
    assert clock.waits == [0.2, 0.4, 0.8, 1.5, 1.5, 1.5]


def test_after_a_failure_everything_arrives_once_in_order_in_growing_batches(history: History) -> None:
    history.append([event(n) for n in range(1, 1001)])
    bus = ScriptedBus(failures=1)
    run_until_idle(Relay(history, bus, FakeClock()))
    assert bus.seqs() == list(range(1, 1001))
    assert [len(batch) for batch in bus.batches] == [125, 250, 500, 125]


def test_the_snapshot_follows_the_bus(history: History) -> None:
    seen: list[tuple[str, str, int]] = []
    relay: Relay

    def look(number: int) -> None:
        snapshot = relay.snapshot()
        seen.append((snapshot.state, snapshot.detail, snapshot.pending))
        if number == 3:
            relay.stop(0)

    history.append([event(1)])
    relay = Relay(history, ScriptedBus(failures=1, on_call=look), FakeClock())
    relay.run()
    assert seen == [
        ("down", "not connected yet", 1),  # about to send for the first time
        ("down", "bus scripted: away", 1),  # about to try again
        ("down", "bus scripted: away", 0),  # sent; about to say that the run is alive
    ]
    assert (relay.snapshot().state, relay.snapshot().detail, relay.snapshot().pending) == ("ok", "", 0)


def test_a_heartbeat_is_sent_every_five_seconds_also_without_events(history: History) -> None:
    clock = FakeClock()
    relay: Relay

    def on_call(number: int) -> None:
        if number == 3:
            relay.stop(0)

    bus = ScriptedBus(on_call=on_call)
    relay = Relay(history, bus, clock)
    relay.run()
    assert [beat["at"] for beat in bus.beats] == [
        "2026-01-01T00:16:40.000Z", "2026-01-01T00:16:45.000Z", "2026-01-01T00:16:50.000Z",
    ]  # fmt: skip
    assert bus.beats[0] == {"run_id": "run-1", "at": "2026-01-01T00:16:40.000Z", "events_sent": 0}


def test_draining_gives_up_when_its_time_is_over(history: History) -> None:
    history.append([event(1)])
    clock = FakeClock()
    relay = Relay(history, ScriptedBus(failures=1000), clock)
    relay.stop(1.0)
    relay.run()
    assert clock.monotonic() == pytest.approx(1001.0, abs=0.3)
    assert history.outbox().pending() == 1


def test_draining_ends_at_once_when_nothing_is_left_even_with_the_bus_away(history: History) -> None:
    clock = FakeClock()
    run_until_idle(Relay(history, ScriptedBus(failures=1000), clock))
    assert clock.waits == []


def test_trouble_is_logged_once_and_so_is_its_end(history: History, caplog: pytest.LogCaptureFixture) -> None:
    history.append([event(1)])
    with caplog.at_level(logging.INFO, "engine.relay"):
        run_until_idle(Relay(history, ScriptedBus(failures=3), FakeClock()))
    assert [record.message for record in caplog.records] == [
        "events wait in the history: bus scripted: away",
        "events go to memory://",
    ]


def test_a_bus_that_refuses_everything_leaves_the_rows_in_the_history(history: History) -> None:
    relay = Relay(history, ScriptedBus(failures=10_000), FakeClock())
    Publish(history, relay.notify).process([event(1), event(2)])
    run_until_idle(relay)
    assert [one.seq for _, one in history.events_after(0, limit=10)] == [1, 2]
    assert relay.snapshot().pending == 2


class ForgetfulBus(ScriptedBus):
    """Loses all it had when the batch that begins with event `at` comes, so many `times`."""

    keeps = 100

    def __init__(self, at: int, times: int = 1, kept: int = 0) -> None:
        super().__init__()
        self._at, self._times, self._kept = at, times, kept

    def publish(self, events: Sequence[EmotionEvent]) -> None:
        if self._times and self._at in [event.seq for event in events]:
            self._times -= 1
            self.batches = [[seq for seq in self.seqs() if seq <= self._kept]]
            raise BusForgot("bus scripted: lost", events[0].run_id, self._at - 1, self._kept)
        super().publish([event for event in events if event.seq not in self.seqs()])

    def sent(self, run_id: str) -> int:
        return max(self.seqs(), default=0)


@pytest.mark.parametrize("kept", [0, 3])
def test_a_bus_that_forgot_gets_again_what_it_lacks(history: History, kept: int) -> None:
    bus = ForgetfulBus(at=11, kept=kept)
    relay = Relay(history, bus, FakeClock())
    history.append([event(n) for n in range(1, 11)])
    run_until_idle(relay)
    history.append([event(n) for n in range(11, 21)])
    run_until_idle(relay)
    assert bus.seqs() == list(range(1, 21))
    assert (relay.snapshot().lost, relay.snapshot().state) == (0, "ok")


def test_it_gets_again_no_more_than_it_would_keep_and_that_is_no_loss(history: History) -> None:
    bus = ForgetfulBus(at=301)
    relay = Relay(history, bus, FakeClock())
    history.append([event(n) for n in range(1, 301)])
    run_until_idle(relay)
    history.append([event(301)])
    run_until_idle(relay)
    assert bus.seqs() == list(range(201, 302))
    assert relay.snapshot().lost == 0


def test_a_bus_that_forgets_again_and_again_is_not_filled_in_a_hot_loop(history: History) -> None:
    clock = FakeClock()
    bus = ForgetfulBus(at=2, times=4)
    relay = Relay(history, bus, clock)
    history.append([event(1), event(2)])
    bus._on_call = lambda _number: relay.stop(10)
    relay.run()
    assert bus.seqs() == [1, 2]
    assert clock.waits == [0.2, 1.5, 1.5, 1.5]


def test_missing_numbers_become_one_gap_that_is_counted(history: History) -> None:
    history.append([event(1), event(2), event(6), event(7)])
    bus = ScriptedBus()
    relay = Relay(history, bus, FakeClock())
    run_until_idle(relay)
    assert bus.seqs() == [1, 2, 5, 6, 7]  # the gap has the number of the last that it stands for
    assert relay.snapshot().lost == 3


def test_what_is_lost_is_counted_once_however_often_the_bus_is_filled_again(history: History) -> None:
    bus = ForgetfulBus(at=8, times=2, kept=1)
    relay = Relay(history, bus, FakeClock())
    history.append([event(1), event(2), event(6), event(7)])
    run_until_idle(relay)
    assert relay.snapshot().lost == 3
    history.append([event(8), event(10)])
    run_until_idle(relay)
    assert bus.seqs() == [1, 2, 5, 6, 7, 8, 9, 10]
    assert relay.snapshot().lost == 4


def test_what_the_history_forgot_is_lost_once_to_a_bus_that_forgets_it_twice(history: History) -> None:
    bus = ForgetfulBus(at=4, times=2)
    relay = Relay(history, bus, FakeClock())
    history.append([event(1), event(2)])
    run_until_idle(relay)
    history.prune(datetime.now(UTC) + timedelta(seconds=1))
    history.append([event(3), event(4)])
    run_until_idle(relay)
    assert (bus.seqs(), relay.snapshot().lost) == ([2, 3, 4], 2)  # with a gap for 1 and 2


def test_the_own_run_begins_with_one_and_another_wherever_it_is_found(history: History) -> None:
    history.append([event(5, run_id="earlier"), event(3, run_id="run-1")])
    bus = ScriptedBus()
    relay = Relay(history, bus, FakeClock())
    run_until_idle(relay)
    assert bus.seqs() == [5, 2, 3]
    assert relay.snapshot().lost == 2


def test_the_sources_are_told_with_the_heartbeat_and_at_once_when_one_changes(history: History) -> None:
    source = run_status().sources[0]
    bus = ScriptedBus(on_call=lambda number: relay.stop(0) if number == 4 else None)
    relay = Relay(history, bus, FakeClock(), sources=lambda: (source,))
    history.append([event(1)])
    relay._step()
    history.append([status(2, "offline")])
    relay._step()
    assert len(bus.told) == 2
    assert bus.told[0] == {
        source.source_id: {
            "source_id": source.source_id, "state": source.state, "cause": source.cause,
            "fps": round(source.fps, 2), "run_id": "run-1", "at": "2026-01-01T00:16:40.000Z",
        }
    }  # fmt: skip


def test_the_snapshot_names_the_cause_in_one_word(history: History) -> None:
    history.append([event(1)])
    bus = ScriptedBus(failures=100)
    relay = Relay(history, bus, FakeClock())
    run_until_idle(relay)
    assert relay.snapshot().cause == "refused"
