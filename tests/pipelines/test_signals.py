"""The first signal asks for an end; whoever holds a lock meanwhile is not in its way."""

import os
import signal
from threading import Event, Lock

import pytest

from pipelines.signals import stop_on_signal


@pytest.fixture(autouse=True)
def handlers():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.timeout(20)
def test_a_signal_while_the_main_thread_holds_what_stop_needs(number):
    lock, stopped = Lock(), Event()

    def stop():
        with lock:
            stopped.set()

    first_signal = stop_on_signal(stop)
    assert first_signal() == 0
    with lock:
        os.kill(os.getpid(), number)
        assert first_signal() == number
        assert not stopped.is_set()
    assert stopped.wait(10)
