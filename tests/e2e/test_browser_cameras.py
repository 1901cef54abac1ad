"""The camera of a browser at the whole program: pictures that are damaged, names that are in use, and operators."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from engine.api.camera import HEADER
from tests.support.program import Running
from tests.support.redis_server import until

pytestmark = pytest.mark.timeout(300)
CONFIG = """
name: lobby
sources: [{id: door, uri: "demo:", fps: 1}]
history: {url: "sqlite://"}
api: {port: 0, sources: {enabled: true, schemes: [demo]}}
"""
GOOD = cv2.imencode(".jpg", np.random.default_rng(0).integers(0, 255, (240, 320, 3), np.uint8))[1].tobytes()
MIDDLE = len(GOOD) // 2
DAMAGED = {
    "nothing in its frame": GOOD[: GOOD.index(b"\xff\xda")] + b"\xff\xd9",
    "no tables": GOOD[: GOOD.index(b"\xff\xc4")] + GOOD[GOOD.index(b"\xff\xda") :],
    "zeros in the middle": GOOD[: MIDDLE - 2000] + bytes(4000) + GOOD[MIDDLE + 2000 :],
    "half of it": GOOD[:MIDDLE] + b"\xff\xd9",
}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("browsers")
    (folder / "lobby.yaml").write_text(CONFIG)
    with Running(folder / "log", "run", folder / "lobby.yaml", cwd=folder) as running:
        running.wait_ready(90)
        yield running


def page_of(program: Running, source_id: str) -> ClientConnection:
    return connect(f"{program.url.replace('http', 'ws')}/api/v1/sources/{source_id}/camera", compression=None)


def send(page: ClientConnection, sequence: int, data: bytes) -> list[str]:
    """Send one picture; what is said of it until it is taken."""
    page.send(HEADER.pack(b"MLC1", sequence, 0.0) + data)
    told = []
    while not told or told[-1] != "taken":
        heard = json.loads(page.recv(timeout=60))
        if heard["sequence"] == sequence and heard["type"] != "faces":
            told.append(heard["type"])
    return told


def ask(program: Running, method: str, path: str, body: Any = None) -> tuple[int, str]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        f"{program.url}/api/v1/{path}", data, {"Content-Type": "application/json"}, method=method
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def source(program: Running, source_id: str) -> Any:
    return next(one for one in program.get("/api/v1/sources")["items"] if one["source_id"] == source_id)


def test_damaged_pictures_are_counted_and_told_and_the_camera_goes_on(program: Running) -> None:
    with page_of(program, "browser-1") as page:
        assert json.loads(page.recv(timeout=30))["type"] == "ready"
        sequence, failed = 1, 0
        assert send(page, sequence, GOOD) == ["taken"]
        for data in DAMAGED.values():
            # Some of them a decoder makes a picture of.
            failed += send(page, sequence + 1, data) == ["failed", "taken"]
            assert send(page, sequence + 2, GOOD) == ["taken"]
            sequence += 2
        assert failed >= 1
        until(lambda: source(program, "browser-1")["frames"]["captured"] == sequence, 60)
        seen = source(program, "browser-1")
        assert seen["state"] == "online" and seen["frames"]["outcomes"]["failed"] == failed
        assert sum(seen["frames"]["outcomes"].values()) == sequence
    assert program.process.poll() is None and "Traceback" not in program.text()


def test_names_are_had_once_and_an_operator_ends_the_camera(program: Running) -> None:
    with page_of(program, "door") as page, pytest.raises(ConnectionClosed) as refused:
        page.recv(timeout=30)
    assert refused.value.rcvd is not None and refused.value.rcvd.code == 4409
    with page_of(program, "hall") as page:
        page.recv(timeout=30)
        send(page, 1, GOOD)
        assert ask(program, "POST", "sources", {"id": "hall", "uri": "demo:"})[0] == 409
        assert ask(program, "PATCH", "sources/hall", {"paused": True})[0] == 409
        assert source(program, "hall")["origin"] == "browser" and source(program, "hall")["state"] == "online"
        assert ask(program, "DELETE", "sources/hall")[0] == 204
        with pytest.raises(ConnectionClosed) as ended:
            while True:
                page.recv(timeout=30)
        assert ended.value.rcvd is not None and ended.value.rcvd.code == 4410
    assert ask(program, "GET", "sources/hall")[0] == 404
    assert ask(program, "POST", "sources", {"id": "hall", "uri": "demo:", "fps": 1})[0] == 201
    assert ask(program, "DELETE", "sources/hall")[0] == 204
