"""The WebSocket that takes a browser's camera, asked over a real connection."""

import base64
import json
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from engine.api import ApiConfig, ApiServer, create_app
from engine.api.camera import HEADER, Limits, camera_routes
from engine.api.config import TokenConfig
from engine.api.privacy import PrivacyConfig
from engine.history import History
from engine.preview import Shots
from engine.sources.browsers import BrowserCameras
from engine.testing import FakeFleet
from tests.support.redis_server import until
from tests.support.run_status import FixedView
from tests.support.shots import tracked_face, tracked_frame

QUICK = Limits(idle_s=1.0, answer_s=2.0)
TOKENS = (TokenConfig(token="look", scopes=("read",)), TokenConfig(token="do-it", scopes=("read", "operate")))


def jpeg(width: int = 64, height: int = 48) -> bytes:
    return cv2.imencode(".jpg", np.full((height, width, 3), 90, np.uint8))[1].tobytes()


def message(sequence: int, data: bytes | None = None, taken_ms: float = 1.5e12, magic: bytes = b"MLC1") -> bytes:
    return HEADER.pack(magic, sequence, taken_ms) + (jpeg() if data is None else data)


class Engine:
    """A server, and the fleet that would read what comes; `read` does so by hand."""

    def __init__(
        self, history: History, limits: Limits | None = None, privacy: PrivacyConfig | None = None, **config: Any
    ) -> None:
        self.fleet = FakeFleet()
        self.shots = Shots()
        self.cameras = BrowserCameras(self.fleet, self.known)
        settings = ApiConfig(port=0, **config)
        app = create_app(
            *(FixedView(), history, settings, "0.1.0", None, None, privacy, self.shots), cameras=self.cameras
        )
        if limits:
            # The first route of a path is the one that answers.
            app.router.routes[:0] = camera_routes(self.cameras, self.shots, limits).routes
        self.server = ApiServer(app, settings)
        self.server.start()
        self.url = self.server.url.replace("http:", "ws:") + "/api/v1/sources/"

    def known(self) -> dict[str, str]:
        return {"door": "rtsp://door"} | {config.id: config.shown for config in self.fleet.running.values()}

    def read(self, source_id: str) -> Any:
        until(lambda: source_id in self.fleet.running)
        opener = self.fleet.openers[source_id]
        assert opener is not None
        return opener(self.fleet.running[source_id]).read()

    def connect(self, source_id: str = "browser-1", **options: Any) -> ClientConnection:
        return connect(f"{self.url}{source_id}/camera", compression=None, **options)

    @contextmanager
    def enter(self, source_id: str = "browser-1", **options: Any) -> Iterator[ClientConnection]:
        """Connected and welcome."""
        with self.connect(source_id, **options) as page:
            assert heard(page)["type"] == "ready"
            yield page


def heard(page: ClientConnection) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(page.recv(timeout=10))
    return found


def end_of(page: ClientConnection) -> tuple[int, str]:
    """How the engine closed, whatever it said before."""
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            page.recv(timeout=10)
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code, closed.value.rcvd.reason


def status_of(engine: Engine, source_id: str = "browser-1", **options: Any) -> int:
    """How the engine refused to open a socket."""
    with pytest.raises(InvalidStatus) as refused, engine.connect(source_id, **options):
        pass
    return refused.value.response.status_code


@pytest.fixture
def engine(history: History) -> Iterator[Engine]:
    running = Engine(history)
    yield running
    running.server.stop()


@pytest.fixture
def quick(history: History) -> Iterator[Engine]:
    """One that soon loses its patience."""
    running = Engine(history, QUICK)
    yield running
    running.server.stop()


@pytest.fixture
def guarded(history: History) -> Iterator[Engine]:
    running = Engine(history, tokens=TOKENS)
    yield running
    running.server.stop()


def bearer(token: str) -> Any:
    return ["moodline.camera", "bearer." + base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")]


def test_a_picture_is_read_taken_and_answered_with_its_faces(engine: Engine) -> None:
    with engine.connect(subprotocols=["moodline.camera"]) as page:
        assert page.subprotocol == "moodline.camera"
        bounds = {"max_bytes": 2**20, "max_pixels": 921_600, "window": 2}
        assert heard(page) == {"type": "ready", "source_id": "browser-1", "faces": True, **bounds}
        page.send(message(7, jpeg(64, 48)))
        picture = engine.read("browser-1")
        assert picture.image.shape == (48, 64, 3)
        assert heard(page) == {"type": "taken", "sequence": 7}
        face = tracked_face((10.0, 8.0, 30.0, 40.0))
        engine.shots.on_faces(tracked_frame(0, (face,), image=picture.image, source_id="browser-1"))
        told = heard(page)
        assert (told["type"], told["sequence"], told["width"], told["height"]) == ("faces", 7, 64, 48)
        assert told["faces"][0]["bbox"] == {"x": 10, "y": 8, "width": 20, "height": 32}
    until(lambda: not engine.shots.watched)


def test_the_source_is_there_while_the_page_is(engine: Engine) -> None:
    with engine.enter("desk-cam"):
        assert engine.fleet.running["desk-cam"].uri == "browser:"
    until(lambda: not engine.fleet.running)
    with engine.enter("desk-cam"):
        pass
    until(lambda: engine.fleet.done == ["start desk-cam", "stop desk-cam"] * 2)


def test_only_the_newest_picture_waits_and_frames_of_others_are_not_told(engine: Engine) -> None:
    with engine.enter() as page:
        for sequence in (1, 2, 3):
            page.send(message(sequence))
        fed = engine.cameras._fed["browser-1"]
        until(lambda: fed._waiting is not None and fed._waiting.sequence == 3)
        assert engine.read("browser-1").missed == 2
        assert heard(page) == {"type": "taken", "sequence": 3}
        engine.shots.on_faces(tracked_frame(source_id="browser-1"))
        page.send(message(4))
        engine.read("browser-1")
        assert heard(page) == {"type": "taken", "sequence": 4}


HOSTILE: dict[str, tuple[bytes | str, int, str]] = {
    "text": ("<script>alert(1)</script>", 1003, "only binary"),
    "nothing": (b"", 4400, "begins with 16 bytes"),
    "half a header": (message(1)[:15], 4400, "begins with 16 bytes"),
    "another header": (message(1, magic=b"\x00\x00\x00\x00"), 4400, "MLC1"),
    "no time": (message(1, taken_ms=float("nan")), 4400, "MLC1"),
    "number 0": (message(0), 4400, "must grow"),
    "a header alone": (message(1, b""), 4415, "no JPEG"),
    "png": (message(1, cv2.imencode(".png", np.zeros((4, 4, 3), np.uint8))[1].tobytes()), 4415, "no JPEG"),
    "truncated": (message(1, jpeg()[:-20]), 4415, "no end"),
    "bomb": (
        message(1, jpeg().replace(struct.pack(">HH", 48, 64), b"\xff\xdc\xff\xdc")),
        4415,
        "more than 921600 pixels",
    ),
    "larger than 720p": (message(1, jpeg(1920, 1080)), 4415, "1920x1080 has more than"),
    "huge": (message(1, bytes(2**20)), 1009, ""),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_message_ends_the_conversation_and_the_source(engine: Engine, name: str) -> None:
    sent, code, reason = HOSTILE[name]
    with engine.enter() as page:
        page.send(sent)
        found = end_of(page)
    assert found[0] == code
    assert reason in found[1]
    until(lambda: not engine.fleet.running)
    with engine.enter():
        pass


def test_text_that_is_no_unicode_is_as_little_welcome(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    with engine.enter() as page:
        with page.send_context():
            page.protocol.send_text(b"\xff\xfe")
        assert end_of(page)[0] == 1003
    assert "Traceback" not in caplog.text


def test_numbers_must_grow(engine: Engine) -> None:
    with engine.enter() as page:
        page.send(message(5))
        page.send(message(5))
        assert end_of(page)[0] == 4400


def test_a_flood_is_ended(engine: Engine) -> None:
    with engine.enter() as page, pytest.raises(ConnectionClosed) as closed:
        for sequence in range(1, 2000):
            page.send(message(sequence))
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4430


def test_a_page_that_sends_nothing_is_sent_away(quick: Engine) -> None:
    with quick.enter() as page:
        assert end_of(page) == (4408, "no picture for 1 s")
    until(lambda: not quick.fleet.running)


def test_a_page_whose_pictures_nobody_takes_any_more_is_told_so(quick: Engine) -> None:
    with quick.enter() as page:
        page.send(message(1))
        assert end_of(page) == (4410, "the engine takes no more pictures from here")


def test_at_most_four_browsers_at_a_time(engine: Engine) -> None:
    with ExitStack() as stack:
        for number in range(4):
            stack.enter_context(engine.enter(f"browser-{number}"))
        with engine.connect("browser-9") as page:
            code, reason = end_of(page)
    assert (code, "4 browsers" in reason) == (4429, True)
    until(lambda: not engine.fleet.running)
    with engine.enter("browser-9"):
        pass


def test_a_name_that_is_in_use_is_not_had_again(engine: Engine) -> None:
    with engine.enter("browser-1"):
        for name in ("door", "browser-1"):
            with engine.connect(name) as page:
                assert end_of(page)[0] == 4409


@pytest.mark.parametrize("name", ["a b", "a" * 65, "%3Cscript%3E", "%00", "..%2f..", "caf%C3%A9"])
def test_a_name_that_no_source_may_have_opens_nothing(engine: Engine, name: str) -> None:
    assert status_of(engine, name.replace(" ", "%20")) in (403, 404)
    assert not engine.fleet.done


@pytest.mark.parametrize("origin", ["http://evil.example", "https://localhost:1", "null", "file://"])
def test_a_page_of_another_origin_opens_nothing(engine: Engine, origin: str) -> None:
    assert status_of(engine, origin=origin) == 403
    assert not engine.fleet.done


def test_the_page_of_this_engine_may(engine: Engine) -> None:
    with engine.enter(origin=engine.server.url):
        pass


def test_a_name_that_was_pointed_at_this_machine_opens_nothing(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    host, port = engine.server.url.removeprefix("http://").split(":")
    head = (
        "GET /api/v1/sources/browser-1/camera HTTP/1.1",
        *(f"Host: evil.example:{port}", f"Origin: http://evil.example:{port}"),
        *("Connection: Upgrade", "Upgrade: websocket"),
        *("Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
        "\r\n",
    )
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall("\r\n".join(head).encode())
        assert connection.recv(1000).startswith(b"HTTP/1.1 400 ")
    assert not engine.fleet.done
    assert "handshake" not in caplog.text


def test_it_takes_a_token_that_may_operate(guarded: Engine) -> None:
    assert status_of(guarded) == 401
    assert status_of(guarded, subprotocols=["moodline.camera"]) == 401
    assert status_of(guarded, subprotocols=bearer("look")) == 403
    assert status_of(guarded, additional_headers={"Authorization": "Bearer look"}) == 403
    for sent in ("wrong", "", "do-it-not", "do-i", "é"):
        assert status_of(guarded, subprotocols=bearer(sent)) == 401
    assert status_of(guarded, subprotocols=["moodline.camera", "bearer.do-it"]) == 401
    assert not guarded.fleet.done
    with guarded.enter(subprotocols=bearer("do-it")) as page:
        assert page.subprotocol == "moodline.camera"
    with guarded.enter("browser-2", additional_headers={"Authorization": "Bearer do-it"}):
        pass


def test_a_token_in_the_url_is_none(guarded: Engine) -> None:
    query = "?token=do-it&access_token=do-it"
    with pytest.raises(InvalidStatus) as refused, connect(f"{guarded.url}browser-1/camera{query}"):
        pass
    assert refused.value.response.status_code == 401


def test_wrong_tokens_of_sockets_count_as_guesses(guarded: Engine) -> None:
    for _ in range(10):
        assert status_of(guarded, subprotocols=bearer("guess")) == 401
    assert status_of(guarded, subprotocols=bearer("do-it")) == 429


def test_where_only_aggregates_are_told_no_faces_are(history: History) -> None:
    engine = Engine(history, privacy=PrivacyConfig(aggregate_only=True))
    try:
        with engine.connect() as page:
            assert heard(page)["faces"] is False
            page.send(message(1))
            picture = engine.read("browser-1")
            assert heard(page) == {"type": "taken", "sequence": 1}
            assert not engine.shots.watched
            assert picture.missed == 0
    finally:
        engine.server.stop()


@pytest.mark.parametrize(
    ("asked", "taken"),
    [
        ({}, True),
        ({"host": "0.0.0.0", "token": 16 * "s"}, False),
        ({"host": "0.0.0.0", "token": 16 * "s", "browser_cameras": True}, True),
        ({"browser_cameras": False}, False),
    ],
)
def test_browsers_send_their_cameras_where_only_this_machine_can_or_it_is_said(asked: Any, taken: bool) -> None:
    assert ApiConfig(**asked).takes_browser_cameras is taken


def test_the_page_is_told_whether_it_may_send_its_camera(engine: Engine, client: Any) -> None:
    assert httpx.get(f"{engine.server.url}/api/v1/session", timeout=10).json()["browser_cameras"] is True
    assert client.get("/api/v1/session").json()["browser_cameras"] is False


def test_without_leave_there_is_no_camera_of_a_browser(history: History) -> None:
    settings = ApiConfig(port=0)
    server = ApiServer(create_app(FixedView(), history, settings, "0.1.0"), settings)
    server.start()
    base = server.url.replace("http", "ws") + "/api/v1"
    try:
        for path, status in (("/sources/browser-1/camera", 403), ("/elsewhere", 404), ("/status", 200)):
            with pytest.raises(InvalidStatus) as refused, connect(base + path):
                pass
            assert refused.value.response.status_code == status
    finally:
        server.stop()


def test_the_end_of_the_engine_is_told_and_waits_for_nobody(engine: Engine) -> None:
    with engine.enter() as page:
        engine.server.stop()
        assert end_of(page)[0] in (1001, 1012)
    until(lambda: not engine.fleet.running)
