from collections.abc import Iterator

import pytest

from engine.errors import HistoryError
from engine.history import History
from engine.stages.publish import RETRY_S, Publish
from engine.testing import FakeClock
from tests.support.documents import event, status


@pytest.fixture
def history() -> Iterator[History]:
    opened = History("sqlite://")
    opened.open()
    yield opened
    opened.close()


def test_the_row_is_there_before_anybody_is_told(history: History) -> None:
    seen: list[int] = []
    publish = Publish(history, lambda: seen.append(history.pending("bus")))
    sent = [event(1), event(2, "update")]
    assert list(publish.process(sent)) == sent
    publish.process([event(3, "end")])
    assert seen == [2, 3]


def test_what_could_not_be_stored_is_neither_told_nor_counted(history: History) -> None:
    told: list[None] = []
    publish = Publish(history, lambda: told.append(None))
    history.close()
    with pytest.raises(HistoryError):
        publish.process([event(1)])
    assert (told, publish.counts()) == ([], {})


class Patience:
    """Says that waiting is fine this many times; the history is opened when it was asked `opens_at` times."""

    def __init__(self, history: History, times: int, opens_at: int = -1) -> None:
        self._history = history
        self._times = times
        self._opens_at = opens_at
        self.asked = 0

    def __call__(self) -> bool:
        self.asked += 1
        if self.asked == self._opens_at:
            self._history.open()
        return self.asked <= self._times


def test_a_history_that_is_away_for_a_while_gets_everything_once(history: History) -> None:
    told: list[int] = []
    clock = FakeClock()
    patience = Patience(history, times=99, opens_at=4)
    publish = Publish(history, lambda: told.append(history.pending("bus")), clock, patience)
    history.close()
    publish.process([event(1), event(2, "update")])
    assert (told, clock.waits, patience.asked) == ([2], [RETRY_S] * 3, 4)
    assert publish.counts() == {"new": 1, "update": 1}


def test_when_waiting_is_over_there_is_a_last_try(history: History) -> None:
    clock = FakeClock()
    history.close()
    with pytest.raises(HistoryError):
        Publish(history, lambda: None, clock, Patience(history, times=2)).process([event(1)])
    assert clock.waits == [RETRY_S] * 2
    late = Patience(history, times=2, opens_at=3)
    Publish(history, lambda: None, clock, late).process([event(1)])
    assert history.pending("bus") == 1


def test_it_is_told_once_a_minute_what_waits_and_how_long_memory_lasts(
    history: History, caplog: pytest.LogCaptureFixture
) -> None:
    clock, seen = FakeClock(), []
    depth = [100]

    def patience() -> bool:
        seen.append(publish.waiting)
        depth[0] = min(depth[0] + 10, 1000)  # ten a second come meanwhile
        if len(seen) == 150:
            history.open()
        return True

    publish = Publish(history, lambda: None, clock, patience, lambda: (depth[0], 1000))
    history.close()
    with caplog.at_level("INFO"):
        publish.process([event(1), event(2, "update")])
    said = [one for one in caplog.messages if "wait in memory" in one]
    assert len(said) == 3
    assert said[0].startswith("112 events wait in memory; they are sent to the bus when they are stored: ")
    assert said[1].startswith("712 events wait in memory, which lasts about 29 s; then faces are not read; ")
    assert said[2].startswith("1002 events wait in memory, which is full: faces are not read until the history is back")
    assert caplog.messages[-1] == "the history takes events again"
    assert publish.waiting is None
    assert (seen[0], str(seen[20])) == (
        None,
        "302 events wait in memory, which lasts about 74 s; then faces are not read",
    )


def test_events_are_counted_by_type(history: History) -> None:
    publish = Publish(history, lambda: None)
    publish.process([event(1), event(2, track_id=2), status(3)])
    publish.process([event(4, "end")])
    assert publish.counts() == {"new": 2, "status": 1, "end": 1}


def test_nothing_is_no_reason_to_tell_anybody(history: History) -> None:
    told: list[None] = []
    publish = Publish(history, lambda: told.append(None))
    assert list(publish.process([])) == []
    assert list(publish.flush()) == []
    publish.close()
    assert told == []
