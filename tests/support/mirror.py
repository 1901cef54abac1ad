"""A small web server that publishes files, well or badly: cuts connections, ignores ranges, swaps bytes, hangs."""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread


@dataclass
class Asked:
    """One request: its path, or whole address when it came to a proxy."""

    path: str
    offset: int
    if_range: str | None


@dataclass
class Mirror:
    """What the server does from now on. A test changes it between requests."""

    port: int = 0
    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    tag: str = "strong"
    """`strong`, `weak`, `date` or `none`: by what it tells versions of a file apart."""
    cuts: list[int] = field(default_factory=list)
    """After how many bytes of the body the next answers break off, one each."""
    stall: bool = False
    """An answer that is cut stays open instead of being closed."""
    lengths: bool = True
    """Whether answers tell how long they are."""
    chunked: bool = False
    """Whether answers come as one chunk and an end, without a length."""
    status: int = 0
    """Answer this and nothing else."""
    moved: dict[str, str] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    stalled: Event = field(default_factory=Event)
    """Set once an answer has stalled."""

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port}/{name}"


class _Handler(BaseHTTPRequestHandler):
    server: "_Server"

    def do_GET(self) -> None:
        mirror = self.server.mirror
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        offset = int(found[1]) if found else 0
        mirror.asked.append(Asked(self.path, offset, self.headers.get("If-Range")))
        name = self.path.rpartition("/")[2]
        if mirror.status:
            self._head(mirror.status, {})
        elif name in mirror.moved:
            self._head(302, {"Location": mirror.moved[name]})
        elif name not in mirror.files:
            self._head(404, {})
        else:
            self._give(mirror.files[name], offset)

    def _give(self, content: bytes, offset: int) -> None:
        mirror = self.server.mirror
        digest = hashlib.sha256(content).hexdigest()
        version = {
            "strong": {"ETag": f'"{digest}"'},
            "weak": {"ETag": f'W/"{digest}"', "Last-Modified": "Sun, 22 Nov 2026 10:00:00 GMT"},
            "date": {"Last-Modified": f"Sun, 22 Nov 2026 10:00:{int(digest[0], 16):02} GMT"},
            "none": {},
        }[mirror.tag]
        condition = self.headers.get("If-Range")
        if not mirror.ranges or (condition is not None and condition not in version.values()):
            offset = 0
        if offset and offset >= len(content):
            return self._head(416, {"Content-Range": f"bytes */{len(content)}"})
        body = content[offset:]
        headers = version | ({"Content-Length": str(len(body))} if mirror.lengths else {})
        if mirror.chunked:
            headers = version | {"Transfer-Encoding": "chunked"}
            body = f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
        if offset:
            headers["Content-Range"] = f"bytes {offset}-{len(content) - 1}/{len(content)}"
        self._head(206 if offset else 200, headers)
        return self._send(body)

    def _send(self, body: bytes) -> None:
        mirror = self.server.mirror
        if not mirror.cuts:
            self.wfile.write(body)
            return
        self.wfile.write(body[: mirror.cuts.pop(0)])
        self.wfile.flush()
        if mirror.stall:
            mirror.stalled.set()
            self.server.closing.wait(20)

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        """Silence."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, mirror: Mirror) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.mirror = mirror
        self.closing = Event()

    def handle_error(self, *_args: object) -> None:
        """A client that went away is no error here."""


@contextmanager
def mirror() -> Iterator[Mirror]:
    """A running server on loopback."""
    page = Mirror()
    server = _Server(page)
    page.port = server.server_address[1]
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield page
    finally:
        server.closing.set()
        server.shutdown()
        server.server_close()
        thread.join(5)
