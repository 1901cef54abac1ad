"""A capture that runs in real time on real sources, with a supervisor that looks at it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

from engine.clock import SystemClock
from engine.ledger import Ledger
from engine.sources.config import SourceConfig
from engine.sources.reach import answers as reach_answers
from engine.stages.capture import Capture
from tests.support.outbox import Outbox


@contextmanager
def capturing(
    uri: str, answers: Callable[[SourceConfig], bool] = reach_answers, **settings: Any
) -> Iterator[tuple[Outbox, Capture]]:
    """A running capture of `uri`; at the end every frame must be accounted for."""
    clock, ledger, over = SystemClock(), Ledger(), Event()
    settings = {"open_timeout_s": 5, "read_timeout_s": 5, **settings}
    outbox = Outbox(ledger)
    capture = Capture(
        SourceConfig(id="door", uri=uri, **settings),
        outbox,
        ledger,
        clock,
        paced=True,
        epoch_s=clock.monotonic(),
        jitter=lambda: 0.0,
        answers=answers,
    )

    def supervise() -> None:
        while not over.wait(0.05):
            capture.check()

    threads = [Thread(target=capture.run), Thread(target=supervise)]
    for thread in threads:
        thread.start()
    try:
        yield outbox, capture
    finally:
        over.set()
        capture.stop()
        for thread in threads:
            thread.join(20)
        assert not any(thread.is_alive() for thread in threads)
        counts = ledger.snapshot()["door"]
        assert counts.in_flight == 0
        assert counts.captured == sum(counts.outcomes.values())


def wait_back(outbox: Outbox, timeout_s: float = 30.0) -> None:
    """Wait until the source is online and three more frames have come."""
    outbox.wait_until(lambda box: box.states[-1] == "online", timeout_s)
    seen = len(outbox.frames)
    outbox.wait_until(lambda box: len(box.frames) >= seen + 3, timeout_s)
