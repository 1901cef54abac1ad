"""HTTP as nobody's library would send it: bytes in, status and problem document out."""

import json
import socket
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class RawAnswer:
    """`status` 0: the server said nothing."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def connect(url: str, timeout_s: float = 20.0) -> socket.socket:
    host, port = url.removeprefix("http://").rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=timeout_s)


def exchange(url: str, sent: bytes, repeat: int = 1) -> RawAnswer:
    """Send `sent`, `repeat` times over, for as long as the server takes it; its answer until it closes."""
    with connect(url) as client:
        try:
            for _ in range(repeat):
                client.sendall(sent)
        except OSError:
            pass  # it has closed, and its answer waits to be read
        return parse(read_all(client))


def read_all(client: socket.socket) -> bytes:
    """Until the other side closes."""
    parts = []
    try:
        while part := client.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass  # it closed before it had read all that was sent
    return b"".join(parts)


def parse(answer: bytes) -> RawAnswer:
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    if not lines[0].startswith("HTTP/1.1 "):
        return RawAnswer(0, {}, answer)
    headers = {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in lines[1:]}
    return RawAnswer(int(lines[0].split()[1]), headers, body)
