"""A real redis-server for one test: started, killed, frozen and restarted at will."""

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType


def until(condition: Callable[[], object], timeout_s: float = 15.0) -> None:
    """Look again and again until `condition()` is true.

    Raises:
        AssertionError: it is still false after `timeout_s`.
    """
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"still not so after {timeout_s} s"
        time.sleep(0.01)


class RedisServer:
    """A server on a unix socket in a folder of its own; what it was told survives `kill` (append-only file).

    With `start=False` it is not there yet; `start` brings it up.
    """

    def __init__(self, *options: str, password: str | None = None, start: bool = True) -> None:
        program = shutil.which("redis-server")
        assert program, "these tests need redis-server: apt-get install redis-server (make system)"
        # Not in pytest's own folder: its paths are too long for a unix socket.
        self.folder = Path(tempfile.mkdtemp(prefix="moodline-test-redis-"))
        self._socket = self.folder / "s"
        self._password = password
        self._command = [program, "--port", "0", "--unixsocket", str(self._socket), "--dir", str(self.folder)]
        self._command += ["--save", "", "--appendonly", "yes", "--appendfsync", "always", *options]
        if password:
            self._command += ["--requirepass", password]
        self._process: subprocess.Popen[bytes] | None = None
        if start:
            self.start()

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self._socket

    @property
    def url(self) -> str:
        """With the password, where there is one."""
        return f"unix://{f':{self._password}@' if self._password else ''}{self._socket}?db=0"

    def url_with(self, password: str) -> str:
        """With another password."""
        return f"unix://:{password}@{self._socket}?db=0"

    def start(self) -> None:
        """Returns when it answers."""
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        until(self._answers)

    def kill(self) -> None:
        """As if the power went."""
        self._signal(signal.SIGKILL)
        if self._process:
            self._process.wait(10)
        self._process = None
        self._socket.unlink(missing_ok=True)

    def wipe(self) -> None:
        """As if its disk were lost: killed, emptied and started again."""
        self.kill()
        shutil.rmtree(self.folder / "appendonlydir", ignore_errors=True)
        (self.folder / "dump.rdb").unlink(missing_ok=True)
        self.start()

    def freeze(self) -> None:
        """It takes connections but answers nothing, until `thaw`."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self._process:
            self._process.send_signal(number)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1.0)
            try:
                connection.connect(str(self._socket))
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith((b"+PONG", b"-NOAUTH"))
            except OSError:
                return False

    def __enter__(self) -> "RedisServer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
