"""Two runs on one history file would send each other's events."""

import subprocess
import sys
from datetime import UTC, datetime

import pytest

from engine.errors import HistoryError
from engine.history import History

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOLDER = """
import sys
from datetime import UTC, datetime
from engine.history import History
held = History(sys.argv[1]); held.open(); held.begin_run("other", "x", datetime.now(UTC))
print("held", flush=True)
sys.stdin.read()
"""


def opened(url):
    history = History(url)
    history.open()
    return history


def test_a_second_run_on_the_same_file_is_refused_and_may_begin_when_the_first_has_ended(tmp_path):
    url = f"sqlite:///{tmp_path}/h.db"
    first, second = opened(url), opened(url)
    first.begin_run("run-1", "x", NOON)
    with pytest.raises(HistoryError, match="is in use by another run; give each run a file of its own"):
        second.begin_run("run-2", "x", NOON)
    first.close()
    second.begin_run("run-2", "x", NOON)
    second.close()


def test_whoever_only_reads_needs_no_lease(tmp_path):
    url = f"sqlite:///{tmp_path}/h.db"
    running, reader = opened(url), opened(url)
    running.begin_run("run-1", "x", NOON)
    assert reader.pending("bus") == 0
    reader.close()
    running.close()


def test_a_run_that_was_killed_leaves_no_lease(tmp_path):
    url = f"sqlite:///{tmp_path}/h.db"
    command = [sys.executable, "-c", HOLDER, url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        waiting = opened(url)
        with pytest.raises(HistoryError, match="in use"):
            waiting.begin_run("run-2", "x", NOON)
        holder.kill()
        holder.wait(20)
        waiting.begin_run("run-2", "x", NOON)
        waiting.close()


def test_histories_in_memory_never_meet():
    one, other = opened("sqlite://"), opened("sqlite://")
    one.begin_run("run-1", "x", NOON)
    other.begin_run("run-1", "x", NOON)
    one.close()
    other.close()
