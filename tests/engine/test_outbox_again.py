"""What was confirmed and is to be sent again, because the bus has lost it."""

from collections.abc import Callable
from datetime import UTC, datetime

from engine.history import History
from engine.history.outbox import Outbox
from tests.support.documents import event


def sent(history: History, outbox: Outbox) -> list[tuple[str, int]]:
    """Take and confirm everything."""
    taken = []
    while rows := outbox.take(4):
        taken += [(one.run_id, one.seq) for _, one in rows]
        outbox.done(rows[-1][0])
    return taken


def begin(opened: Callable[..., History], url: str, run_id: str) -> History:
    history = opened(url)
    history.begin_run(run_id, "lobby", datetime.now(UTC))
    return history


def test_nothing_was_confirmed_at_first(opened: Callable[..., History], shared_url: str) -> None:
    history = begin(opened, shared_url, "one")
    outbox = history.outbox()
    history.append([event(1, run_id="one")])
    assert (outbox.last(), outbox.again(10)) == (None, 0)


def test_the_newest_that_were_confirmed_come_again_across_runs(opened: Callable[..., History], shared_url: str) -> None:
    first = begin(opened, shared_url, "one")
    first.append([event(n, run_id="one") for n in range(1, 7)])
    sent(first, first.outbox())
    first.end_run()
    first.close()
    second = begin(opened, shared_url, "two")
    outbox = second.outbox()
    last = outbox.last()
    assert last is not None and (last.run_id, last.seq) == ("one", 6)
    second.append([event(n, run_id="two") for n in range(1, 4)])
    assert sent(second, outbox) == [("two", 1), ("two", 2), ("two", 3)]
    assert outbox.again(5) == 5
    assert outbox.pending() >= 3
    assert sent(second, outbox) == [("one", 5), ("one", 6), ("two", 1), ("two", 2), ("two", 3)]
    assert outbox.again(100) == 9
    assert len(sent(second, outbox)) == 9
    last = outbox.last()
    assert last is not None and (last.run_id, last.seq) == ("two", 3)


def test_what_was_taken_and_not_confirmed_stays_so(opened: Callable[..., History], shared_url: str) -> None:
    history = begin(opened, shared_url, "one")
    outbox = history.outbox()
    history.append([event(n, run_id="one") for n in range(1, 7)])
    rows = outbox.take(6)
    outbox.done(rows[2][0])
    assert outbox.again(2) == 2
    assert [one.seq for _, one in outbox.take(10)] == [2, 3, 4, 5, 6]


def test_a_run_of_another_process_is_none_of_our_business(opened: Callable[..., History], shared_url: str) -> None:
    if shared_url.startswith("sqlite"):
        return  # a file has one run at a time
    one, other = begin(opened, shared_url, "one"), begin(opened, shared_url, "other")
    for history, run_id in ((one, "one"), (other, "other")):
        history.append([event(n, run_id=run_id) for n in range(1, 4)])
        sent(history, history.outbox())
    outbox = one.outbox()
    assert outbox.again(100) == 3
    assert sent(one, outbox) == [("one", 1), ("one", 2), ("one", 3)]
