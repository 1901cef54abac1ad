"""Signals: the first asks for an orderly end, the second ends the process at once."""

import os
import signal
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from types import FrameType

INTERRUPTED = 130


def stop_on_signal(stop: Callable[[], None]) -> Callable[[], int]:
    """From now on Ctrl-C and SIGTERM call `stop`, on a thread of its own. Main thread only.

    Returns a function that tells which of the two came first; 0 while none has.
    """
    received: list[int] = []
    asked: SimpleQueue[int] = SimpleQueue()

    def handle(number: int, _frame: FrameType | None) -> None:
        if received:
            os._exit(128 + number)
        received.append(number)
        # The interrupted main thread may hold any lock, `stop` may want it, and this queue needs none.
        asked.put(number)

    def wait() -> None:
        asked.get()
        stop()

    Thread(target=wait, name="signals", daemon=True).start()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handle)
    return lambda: received[0] if received else 0
