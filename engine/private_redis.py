"""A Redis server of one's own, for as long as one needs it."""

import logging
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.errors import BusError

logger = logging.getLogger(__name__)

_SERVERS = ("redis-server", "valkey-server")
_START_S = 10.0
_STOP_S = 5.0
_LONGEST_SOCKET_PATH = 100
# A shell beside the server: its standard input ends when this process does, however it ends, and then it takes
# folder and server away. When the server ends by itself, so does the shell.
_KEEPER = """
exec 3<&0
"$@" </dev/null 3<&- & server=$!
{ read -r _ <&3; rm -rf "$MOODLINE_REDIS_DIR"; kill "$server"; } & keeper=$!
wait "$server"; kill "$keeper"
"""


@contextmanager
def private_redis() -> Iterator[str | None]:
    """The URL of a fresh, empty Redis on a unix socket; None when no server is installed.

    No TCP port is opened and only this user may connect. It ends with the `with` block or the process.

    Raises:
        BusError: a server is installed but does not start.
    """
    program = next(filter(None, map(shutil.which, _SERVERS)), None)
    if program is None:
        yield None
        return
    folder = _folder()
    keeper = _start(program, folder)
    try:
        _wait_until_up(keeper, folder)
        yield f"unix://{folder / 'redis.sock'}?db=0"
    finally:
        _stop(keeper)
        shutil.rmtree(folder, ignore_errors=True)


def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="moodline-redis-"))
    if len(str(folder)) <= _LONGEST_SOCKET_PATH - len("/redis.sock"):
        return folder
    folder.rmdir()
    return Path(tempfile.mkdtemp(prefix="moodline-redis-", dir="/tmp"))


def _start(program: str, folder: Path) -> "subprocess.Popen[bytes]":
    server = [program, "--port", "0", "--unixsocket", str(folder / "redis.sock"), "--unixsocketperm", "700"]
    server += ["--dir", str(folder), "--save", "", "--appendonly", "no", "--daemonize", "no"]
    server += ["--logfile", str(folder / "redis.log")]
    return subprocess.Popen(
        ["/bin/sh", "-c", _KEEPER, "moodline-redis", *server],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={"MOODLINE_REDIS_DIR": str(folder), "PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C"},
        # Ctrl-C is for us: the server must still take what the relay sends at the end.
        start_new_session=True,
    )


def _wait_until_up(keeper: "subprocess.Popen[bytes]", folder: Path) -> None:
    deadline = time.monotonic() + _START_S
    while not _answers(folder / "redis.sock"):
        if keeper.poll() is not None or time.monotonic() > deadline:
            raise BusError(f"the private redis-server does not start: {_last_words(folder)}")
        time.sleep(0.02)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1.0)
        try:
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def _last_words(folder: Path) -> str:
    try:
        lines = (folder / "redis.log").read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    return lines[-1] if lines else "it said nothing; run it by hand, or set bus.url to memory://"


def _stop(keeper: "subprocess.Popen[bytes]") -> None:
    if keeper.stdin:
        keeper.stdin.close()
    try:
        keeper.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        logger.warning("the private redis-server did not end in %.0f s; killed", _STOP_S)
        keeper.kill()
        keeper.wait()
