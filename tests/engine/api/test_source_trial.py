"""Trying a source before it is added: a real server, real cameras, and all the ways in which they fail."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from engine.api import ApiConfig, ApiServer, create_app
from engine.api.config import TokenConfig
from engine.api.privacy import PrivacyConfig
from engine.history import History
from engine.sources.config import SourceConfig
from engine.sources.rules import NO_ANSWER, NOT_REACHED
from engine.sources.trial import Trials
from tests.support.clips import Clips
from tests.support.managing import Managed
from tests.support.mjpeg import decode
from tests.support.redis_server import until
from tests.support.rtsp import RtspCamera
from tests.support.run_status import FixedView

SECRET = "hunter2"
TOKENS = (TokenConfig(token="look", scopes=("read",)), TokenConfig(token="do-it", scopes=("read", "operate")))


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Clips:
    return Clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture
def camera(clips: Clips) -> Iterator[RtspCamera]:
    with RtspCamera(clips["camera.h264"]) as running:
        yield running


class Engine:
    """A server that may reach this machine's cameras, and takes `within_s` for a trial."""

    def __init__(self, history: History, within_s: float = 4.0, **api: Any) -> None:
        privacy = PrivacyConfig(**api.pop("privacy", {}))
        tokens = api.pop("tokens", ())
        self.managed = Managed(
            history, SourceConfig(id="door", uri="demo:"), **{"hosts": ("127.0.0.1",), "schemes": ("rtsp",), **api}
        )
        config = ApiConfig(port=0, tokens=tokens, sources=self.managed.config)
        self.trials = self.managed.sources.trials = Trials(within_s=within_s)
        app = create_app(FixedView(), history, config, "0.1.0", privacy=privacy, sources=self.managed.sources)
        self.server = ApiServer(app, config)
        self.server.start()
        self.url = f"{self.server.url}/api/v1/sources/test"

    def test(self, uri: str, query: str = "", **more: Any) -> httpx.Response:
        return httpx.post(self.url + query, json={"uri": uri, **more}, timeout=60)

    def threads(self) -> int:
        return sum(thread.name == "source test" for thread in threading.enumerate())


@contextmanager
def serving(history: History, **options: Any) -> Iterator[Engine]:
    engine = Engine(history, **options)
    try:
        yield engine
        until(lambda: not engine.threads(), 30)
        assert engine.managed.fleet.done == [] and len(engine.managed.sources.all()) == 1
    finally:
        engine.server.stop()


@pytest.fixture
def engine(history: History) -> Iterator[Engine]:
    with serving(history) as running:
        yield running


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert SECRET not in answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_camera_that_works_shows_its_picture_and_what_it_says_of_itself(engine: Engine, camera: RtspCamera) -> None:
    camera.login = ("admin", SECRET)
    answer = engine.test(camera.url(f"admin:{SECRET}"), id="porch", fps=5)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    assert (answer.headers["x-frame-size"], answer.headers["x-codec"]) == ("320x240", "h264")
    assert answer.headers["cache-control"] == "no-store"
    assert decode(answer.content).shape == (240, 320, 3)
    small = engine.test(camera.url(f"admin:{SECRET}"), "?width=160")
    assert (decode(small.content).shape, small.headers["x-frame-size"]) == ((120, 160, 3), "320x240")
    until(lambda: not camera.viewers)


def test_why_there_is_no_picture_is_told_as_of_a_source_that_was_added(engine: Engine, camera: RtspCamera) -> None:
    camera.login = ("admin", "another")
    wrong = problem(engine.test(camera.url(f"admin:{SECRET}")), 424)
    assert (wrong["cause"], "user name or password refused" in wrong["detail"]) == ("auth", True)
    camera.login, camera.status = None, 404
    assert problem(engine.test(camera.url()), 424)["cause"] == "not_found"


def test_closed_silent_and_frozen_cameras_end_within_the_time_and_do_not_sound_different(
    history: History, camera: RtspCamera
) -> None:
    by_network = {"hosts": ("127.0.0.0/8",)}
    with serving(history, within_s=2.0, **by_network) as engine, socket.create_server(("127.0.0.1", 0)) as other:
        camera.silent = True
        said = []
        closed = f"rtsp://admin:{SECRET}@127.0.0.1:9/cam"
        for uri in (closed, camera.url(f"admin:{SECRET}"), f"rtsp://127.0.0.1:{other.getsockname()[1]}/cam"):
            told = problem(engine.test(uri), 424)
            said.append((told["cause"], told["detail"].partition(": ")[2]))
        assert said == [("refused", NO_ANSWER)] * 3
        camera.silent, camera.frozen = False, True
        began = time.monotonic()
        frozen = problem(engine.test(camera.url(), read_timeout_s=60, open_timeout_s=60), 424)
        assert frozen["cause"] in ("timeout", "refused") and time.monotonic() - began < 60
        until(lambda: not camera.viewers, 30)


def test_a_host_that_is_listed_itself_says_what_is_wrong_with_it(history: History, camera: RtspCamera) -> None:
    with serving(history, within_s=2.0) as engine:
        closed = problem(engine.test(f"rtsp://admin:{SECRET}@127.0.0.1:9/cam"), 424)
        assert (closed["cause"], "connection refused" in closed["detail"]) == ("refused", True)
        camera.silent = True
        silent = problem(engine.test(camera.url(f"admin:{SECRET}")), 424)
        assert (silent["cause"], "no answer" in silent["detail"]) == ("timeout", True)


@pytest.mark.parametrize(
    ("raw", "status", "says"),
    [
        ({"uri": f"rtsp://admin:{SECRET}@10.0.0.7/live"}, 422, f"uri: {NOT_REACHED}"),
        ({"uri": "rtsp://unknown.invalid/"}, 422, f"uri: {NOT_REACHED}"),
        ({"uri": "http://127.0.0.1/x"}, 422, "http is not allowed here; api.sources.schemes has rtsp"),
        ({"uri": "file:///etc/passwd"}, 422, "file is not allowed here"),
        ({"uri": "rtsp://***@127.0.0.1/"}, 422, "*** stands for credentials that are not shown"),
        ({"uri": "rtsp://127.0.0.1/", "fsp": 3}, 422, "fsp: unknown key; did you mean 'fps'?"),
        ({"uri": "rtsp://127.0.0.1/", "id": "a b"}, 422, "id: 'a b'"),
        ({"uri": "rtsp://127.0.0.1/", "id": "door"}, 409, "is there already"),
        ({"id": "cam"}, 422, "uri: is missing"),
    ],
)
def test_what_could_not_be_added_is_not_tried_and_told_in_the_same_words(
    engine: Engine, raw: dict[str, Any], status: int, says: str
) -> None:
    tested = problem(httpx.post(engine.url, json=raw, timeout=30), status)
    assert says in tested["detail"] and "cause" not in tested
    if "id" in raw:
        added = httpx.post(engine.url.removesuffix("/test"), json=raw, timeout=30)
        assert (added.status_code, added.json()["detail"]) == (status, tested["detail"])


@pytest.mark.parametrize("setting", ["aggregate_only", "blur_preview"])
def test_where_nobody_may_see_a_picture_it_is_told_whether_it_works(
    history: History, camera: RtspCamera, setting: str
) -> None:
    with serving(history, privacy={setting: True}) as engine:
        answer = engine.test(camera.url())
        assert (answer.status_code, answer.content) == (204, b"")
        assert answer.headers["x-frame-size"] == "320x240"
        assert answer.headers["x-no-picture"] == f"privacy.{setting}"
        camera.status = 404
        assert problem(engine.test(camera.url()), 424)["cause"] == "not_found"


def test_it_takes_the_scope_operate_and_sources_that_may_be_changed(history: History, camera: RtspCamera) -> None:
    raw = {"uri": camera.url()}
    with serving(history, tokens=TOKENS) as engine:
        for token, status in (("look", 403), ("nobody", 401), ("do-it", 200)):
            headers = {"Authorization": f"Bearer {token}"}
            assert httpx.post(engine.url, json=raw, headers=headers, timeout=30).status_code == status
        elsewhere = {"Authorization": "Bearer do-it", "Origin": "http://evil.example"}
        assert httpx.post(engine.url, json=raw, headers=elsewhere, timeout=30).status_code == 403
        assert camera.opened == 1
    with serving(history, enabled=False) as engine:
        assert "api.sources.enabled" in problem(engine.test(camera.url()), 403)["detail"]
    assert camera.opened == 1


def test_two_at_a_time_and_the_others_are_told_to_wait(engine: Engine, camera: RtspCamera) -> None:
    camera.silent = True
    with ThreadPoolExecutor(2) as pool:
        busy = [pool.submit(engine.test, camera.url()) for _ in range(2)]
        until(lambda: engine.threads() == 2)
        third = engine.test(camera.url())
        assert "2 sources are being tested already" in problem(third, 503)["detail"]
        assert third.headers["retry-after"] == "5"
        assert [one.result().status_code for one in busy] == [424, 424]
    camera.silent = False
    until(lambda: not engine.threads())
    assert engine.test(camera.url()).status_code == 200


def test_the_end_of_the_engine_waits_for_no_camera(history: History, camera: RtspCamera) -> None:
    with serving(history, within_s=600.0) as engine, ThreadPoolExecutor(1) as pool:
        camera.frozen = True
        asked = pool.submit(engine.test, camera.url(), read_timeout_s=2, open_timeout_s=2)
        until(lambda: engine.threads() == 1)
        engine.trials.close()
        assert "the engine ends" in problem(asked.result(), 503)["detail"]
        assert engine.test(camera.url()).status_code == 503


def test_who_goes_away_leaves_nothing_behind(history: History, camera: RtspCamera) -> None:
    with serving(history, within_s=600.0) as engine:
        camera.frozen = True
        host, port = engine.server.url.removeprefix("http://").split(":")
        body = json.dumps({"uri": camera.url(), "read_timeout_s": 1, "open_timeout_s": 1}).encode()
        head = "POST /api/v1/sources/test HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        with socket.create_connection((host, int(port)), timeout=10) as client:
            client.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            until(lambda: engine.threads() == 1)
        until(lambda: not engine.threads() and not camera.viewers, 30)
        camera.frozen = False
        assert engine.test(camera.url()).status_code == 200
