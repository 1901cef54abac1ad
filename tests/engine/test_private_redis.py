import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine.bus import RedisBus, ping
from engine.errors import BusError
from engine.private_redis import private_redis
from tests.support.documents import event
from tests.support.redis_server import until


def socket_of(url: str) -> Path:
    return Path(url.removeprefix("unix://").split("?")[0])


def test_a_private_server_takes_events_and_leaves_nothing() -> None:
    with private_redis() as url:
        assert url is not None
        assert "answers" in ping(url)
        bus = RedisBus(url, "moodline")
        bus.publish([event(1)])
        bus.close()
        assert socket_of(url).stat().st_mode & 0o077 == 0
    assert not socket_of(url).parent.exists()
    with pytest.raises(BusError):
        ping(url)


def test_without_a_server_there_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with private_redis() as url:
        assert url is None


def test_a_server_that_does_not_start_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "redis-server"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(BusError, match="the private redis-server does not start"), private_redis():
        pass


def test_the_server_ends_with_a_process_that_is_killed() -> None:
    program = (
        "import sys, time\nfrom engine.private_redis import private_redis\n"
        "with private_redis() as url:\n    print(url, flush=True)\n    time.sleep(300)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert "answers" in ping(url)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    until(lambda: not socket_of(url).parent.exists())
