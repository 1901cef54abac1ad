"""Signals: the first asks for an orderly end, the second ends the process at once; SIGHUP asks for a reload."""

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from types import FrameType
from typing import NoReturn

INTERRUPTED = 130


def leave(code: int) -> NoReturn:
    """End the process at once: a thread that is blocked inside a library must not meet the interpreter's end."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    os._exit(code)


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


def reload_on_hangup(reload: Callable[[], None]) -> None:
    """From now on SIGHUP calls `reload`, which must need no lock. Main thread only, after `stop_on_signal`.

    When the terminal that the program was started from has been closed, SIGHUP is taken for SIGTERM, once; not so
    under `nohup`.
    """
    outlives = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN or not _has_terminal()

    def handle(_number: int, _frame: FrameType | None) -> None:
        if outlives or _has_terminal():
            reload()
        else:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            signal.raise_signal(signal.SIGTERM)

    signal.signal(signal.SIGHUP, handle)


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
