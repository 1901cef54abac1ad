"""A TCP link that can be made thin: it takes everything at once and hands it on no faster than `rate`."""

import socket
import time
from contextlib import suppress
from queue import SimpleQueue
from threading import Event, Thread

_PIECE = 1400


class ThinLink:
    """A proxy to `127.0.0.1:port` with an endless buffer. `rate` is in bytes a second towards the client, None is all;
    while `broken` nothing passes. Both may be set while it runs."""

    def __init__(self, port: int) -> None:
        self.rate: float | None = None
        self.broken = False
        self._to = port
        self._over = Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = [self._listener]

    def __enter__(self) -> "ThinLink":
        Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        for one in self._sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while not self._over.is_set():
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._to))
                self._sockets += [client, server]
                waiting: SimpleQueue[bytes] = SimpleQueue()
                for body, arguments in (
                    (self._copy, (client, server)),
                    (self._fill, (server, waiting)),
                    (self._drain, (waiting, client, server)),
                ):
                    Thread(target=body, args=arguments, daemon=True).start()

    def _copy(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(65536):
                server.sendall(data)
        self._close(client, server)

    def _fill(self, server: socket.socket, waiting: "SimpleQueue[bytes]") -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                for at in range(0, len(data), _PIECE):
                    waiting.put(data[at : at + _PIECE])
        waiting.put(b"")

    def _drain(self, waiting: "SimpleQueue[bytes]", client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := waiting.get():
                while self.broken and not self._over.wait(0.01):
                    continue
                client.sendall(data)
                if self.rate:
                    time.sleep(len(data) / self.rate)
        self._close(client, server)

    def _close(self, *both: socket.socket) -> None:
        for one in both:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
