"""Reading a multipart stream of pictures, as a program would that draws over them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import cv2
import httpx
import numpy as np

from engine.items import Image


@dataclass(frozen=True)
class Part:
    """One picture with what was said of it; names in lower case."""

    headers: dict[str, str]
    jpeg: bytes

    @property
    def index(self) -> int:
        return int(self.headers["x-frame-index"])

    @property
    def faces(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.headers["x-faces"])
        return found

    def image(self) -> Image:
        return decode(self.jpeg)


def decode(jpeg: bytes) -> Image:
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None, "not a JPEG"
    return image


def parts(chunks: Iterator[bytes]) -> Iterator[Part]:
    """Each part, read by its `Content-Length`, to the end of the stream."""
    rest = next(chunks)
    while True:
        while b"\r\n\r\n" not in rest:
            if b"--frame--" in rest:
                return
            rest += next(chunks)
        head, _, rest = rest.partition(b"\r\n\r\n")
        boundary, *lines = head.decode("ascii").removeprefix("\r\n").split("\r\n")
        assert boundary == "--frame", boundary
        headers = {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in lines}
        while len(rest) < int(headers["content-length"]):
            rest += next(chunks)
        size = int(headers["content-length"])
        yield Part(headers, rest[:size])
        rest = rest[size:]


@contextmanager
def watching(url: str, source_id: str = "door", query: str = "") -> Iterator[Iterator[Part]]:
    """The parts of `preview.mjpeg`, until the `with` is left."""
    with (
        httpx.Client(timeout=20) as client,
        client.stream("GET", f"{url}/api/v1/sources/{source_id}/preview.mjpeg{query}") as response,
    ):
        assert response.status_code == 200, response.read()
        assert response.headers["content-type"] == "multipart/x-mixed-replace; boundary=frame"
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-content-type-options"] == "nosniff"
        yield parts(response.iter_raw())
