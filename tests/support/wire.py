"""The wire to a server, which a test can lengthen, cut, or take out of its socket without anybody noticing."""

import socket
import struct
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType

_RESET = struct.pack("ii", 1, 0)


class Wire:
    """Listens on a TCP port of its own and passes everything on to the unix socket `target`, both ways.

    `delay_s` holds up each piece in each direction. With `pulled` nothing passes, and nobody is told. With
    `refuses` new connections are reset.
    """

    def __init__(self, target: Path) -> None:
        self.delay_s = 0.0
        self.pulled = False
        self.refuses = False
        self.taken = 0
        """How many connections there have been."""
        self._target = target
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._closing = threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._server.getsockname()[1]}/0"

    def reset(self) -> None:
        """Reset every connection there is."""
        pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for end in pair:
                _reset(end)

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            self.taken += 1
            far = socket.socket(socket.AF_UNIX)
            try:
                if self.refuses:
                    raise ConnectionRefusedError
                far.connect(str(self._target))
            except OSError:
                far.close()
                _reset(near)
                continue
            self._pairs.append((near, far))
            for source, sink in ((near, far), (far, near)):
                thread = threading.Thread(target=self._pass_on, args=(source, sink))
                self._threads.append(thread)
                thread.start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while piece := source.recv(65536):
                self._closing.wait(self.delay_s)
                while self.pulled and not self._closing.wait(0.02):
                    pass
                sink.sendall(piece)
        except OSError:
            pass  # the other end is gone
        for end in (source, sink):
            _close(end)

    def __enter__(self) -> "Wire":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        _close(self._server)
        self.reset()
        for thread in self._threads:
            thread.join(5)


def _reset(end: socket.socket) -> None:
    try:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    except OSError:
        return
    _close(end)


def _close(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
