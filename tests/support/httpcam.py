"""A small web server that plays network camera: MJPEG, files, HLS, and the usual refusals."""

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread


class _Handler(BaseHTTPRequestHandler):
    server: "_Server"

    def do_GET(self) -> None:
        name = self.path.partition("?")[0].lstrip("/")
        if name == "live.mjpeg":
            self._mjpeg()
        elif name == "bad.mjpeg":
            self._mjpeg(self.server.jpeg[: len(self.server.jpeg) // 2], every=5)
        elif name == "cut.mjpeg":
            self._mjpeg(pictures=20)
            # A reset instead of an orderly end, as when the camera's power goes.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif name == "cut.ts":
            data = (self.server.root / "plain.ts").read_bytes()
            self._head(200, {"Content-Length": str(len(data))})
            self.wfile.write(data[: len(data) // 2])
        elif name.isdigit():
            self._head(int(name), {})
        elif name == "silent":
            self.server.closing.wait(10)
        elif name == "secret":
            self._head(401, {"WWW-Authenticate": 'Basic realm="test"'})
        elif name == "moved":
            self._head(302, {"Location": "/live.mjpeg"})
        elif (path := self.server.root / name).is_file():
            self._head(200, {"Content-Length": str(path.stat().st_size)})
            self.wfile.write(path.read_bytes())
        else:
            self._head(404, {})

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _mjpeg(self, bad: bytes = b"", every: int = 0, pictures: int = 1_000_000) -> None:
        """Every so manieth picture is `bad`."""
        self._head(200, {"Content-Type": "multipart/x-mixed-replace; boundary=cut"})
        for number in range(1, pictures + 1):
            if self.server.closing.wait(1 / 30):
                return
            jpeg = bad if every and number % every == 0 else self.server.jpeg
            head = f"--cut\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            self.wfile.write(head.encode() + jpeg + b"\r\n")

    def log_message(self, *_args: object) -> None:
        """Silence."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, root: Path, jpeg: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.root = root
        self.jpeg = jpeg
        self.closing = Event()

    def handle_error(self, *_args: object) -> None:
        """A viewer that leaves is no error."""


@contextmanager
def http_camera(root: Path, jpeg: bytes) -> Iterator[str]:
    """Serve the files of `root`, and `/live.mjpeg` made of `jpeg`; gives `http://127.0.0.1:port`."""
    server = _Server(root, jpeg)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()
