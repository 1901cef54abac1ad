"""Few file descriptors: the limit is raised, shared, and neither the API nor the log suffers when it is reached."""

import contextlib
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from engine.descriptors import cameras_for, check, connections_for
from tests.support.rawhttp import connect

ROOT = Path(__file__).parents[2]
RAISE = """
import resource
from engine.descriptors import raise_limit
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 300))
print(raise_limit(), resource.getrlimit(resource.RLIMIT_NOFILE))
"""
SERVE = """
import resource, sys
from pipelines import logs
logs.configure()
from engine.api import ApiConfig, ApiServer, create_app
from engine.descriptors import connections_for, raise_limit
from engine.history import History
from tests.support.run_status import FixedView
history = History("sqlite://"); history.open()
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 200))
config = ApiConfig(port=0)
app = create_app(FixedView(), history, config, "0")
server = ApiServer(app, config, connections=connections_for(raise_limit(), 512))
server.start()
print(server.url, flush=True)
sys.stdin.read()
server.stop()
"""


def test_the_soft_limit_is_raised_to_the_hard_one() -> None:
    done = subprocess.run([sys.executable, "-c", RAISE], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.stdout.split(" ", 1) == ["300", "(300, 300)\n"], done.stderr


@pytest.mark.parametrize("limit", [64, 200, 256, 1024, 4096, 65_536])
def test_cameras_and_connections_leave_room_for_each_other(limit: int) -> None:
    cameras, connections = cameras_for(limit), connections_for(limit, 512)
    assert cameras >= 1 and connections >= 16
    if limit >= 256:
        # Half as many connections more are taken, to be answered that there are too many.
        assert cameras * 6 + connections * 3 // 2 <= limit - 150


def test_more_cameras_than_there_is_room_for_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    check(1024, 72)
    assert caplog.messages == []
    check(1024, 73)
    assert caplog.messages == [
        "73 cameras may need more than the 1024 files this process may open; raise the limit (ulimit -n 1036)"
    ]


@pytest.fixture
def cramped(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A server that may open 200 files, and where it logs."""
    log = tmp_path / "log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", SERVE],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    assert process.stdout and process.stdin
    yield process.stdout.readline().strip(), log
    process.stdin.close()
    process.wait(60)
    process.stdout.close()


def test_the_api_answers_again_and_the_log_stays_short_after_too_many_connections(cramped: tuple[str, Path]) -> None:
    url, log = cramped
    held: list[socket.socket] = []
    with contextlib.suppress(OSError):
        for _ in range(400):  # until it takes no more
            held.append(connect(url, 5.0))  # noqa: PERF401 - those made before a failure count
    for one in held:
        one.close()
    answers = [httpx.get(f"{url}/healthz", timeout=60).status_code for _ in range(3)]
    assert answers[-1] == 200
    assert len(log.read_text().splitlines()) < 50
