"""The first signal asks for an end; whoever holds a lock meanwhile is not in its way."""

import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
from pathlib import Path
from threading import Event, Lock

import pytest

from pipelines.signals import reload_on_hangup, stop_on_signal
from tests.support.redis_server import until


@pytest.fixture(autouse=True)
def handlers():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.timeout(120)
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


@pytest.mark.timeout(120)
def test_a_hangup_asks_for_a_reload_each_time_and_stops_nothing():
    asked = []
    first_signal = stop_on_signal(lambda: None)
    reload_on_hangup(lambda: asked.append(1))
    for _ in range(30):
        os.kill(os.getpid(), signal.SIGHUP)
    assert len(asked) == 30
    assert first_signal() == 0


SCRIPT = """
import signal, sys, threading
# The tests themselves may run under nohup.
signal.signal(signal.SIGHUP, signal.SIG_IGN if sys.argv[1] == "nohup" else signal.SIG_DFL)
from pipelines.signals import reload_on_hangup, stop_on_signal
stopped = threading.Event()
stop_on_signal(stopped.set)
reload_on_hangup(lambda: open("reloaded", "w").close())
open("ready", "w").close()
stopped.wait(20)
open("stopped", "w").close()
"""


@pytest.mark.timeout(180)
@pytest.mark.parametrize(("how", "result"), [("plain", "stopped"), ("nohup", "reloaded")])
def test_when_its_terminal_is_closed_it_ends_in_order_unless_it_is_to_outlive_it(tmp_path, how, result):
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, how],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdin=theirs,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(theirs)
    until(lambda: (tmp_path / "ready").exists(), 20)
    os.close(ours)
    until(lambda: (tmp_path / result).exists(), 20)
    process.kill()
    process.wait(10)
    assert not (tmp_path / ("stopped" if result == "reloaded" else "reloaded")).exists()
