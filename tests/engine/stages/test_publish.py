from collections.abc import Iterator

import pytest

from engine.errors import HistoryError
from engine.history import History
from engine.stages.publish import Publish
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
