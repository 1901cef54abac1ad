import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from engine.api import ApiConfig, ApiServer, create_app, port_is_free
from engine.api.idle import AT_ONCE
from engine.errors import ConfigError
from engine.history import History
from engine.status import RunStatus
from tests.support.redis_server import until
from tests.support.run_status import FixedView


def server(history: History, request_s: float = 10.0, **config: Any) -> ApiServer:
    settings = ApiConfig(**config)
    return ApiServer(create_app(FixedView(), history, settings, "0.1.0"), settings, request_s)


@pytest.fixture
def impatient(history: History) -> Iterator[ApiServer]:
    """A server that waits a second for a request."""
    running = server(history, request_s=1.0, port=0)
    running.start()
    yield running
    running.stop()


def connect(running: ApiServer) -> socket.socket:
    host, port = running.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=10)


def read_all(connection: socket.socket) -> bytes:
    """Until the server closes."""
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


def test_a_server_on_a_free_port_answers_when_start_returns_and_leaves_no_thread(history: History) -> None:
    before = set(threading.enumerate())
    running = server(history, port=0)
    running.start()
    try:
        answer = httpx.get(f"{running.url}/api/v1/status", timeout=10)
        assert answer.json()["name"] == "lobby"
        assert "server" not in answer.headers
    finally:
        running.stop()
    running.stop()
    until(lambda: set(threading.enumerate()) <= before)  # the threads of the handlers end a moment later
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{running.url}/healthz", timeout=5)


def test_a_server_stops_although_a_client_holds_its_connection(history: History) -> None:
    running = server(history, port=0)
    running.start()
    with httpx.Client() as idle, connect(running) as half_sent:
        assert idle.get(f"{running.url}/healthz", timeout=10).status_code == 200
        half_sent.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
        running.stop()
    assert "api" not in [thread.name for thread in threading.enumerate()]


@pytest.mark.parametrize(
    "sent",
    [
        b"",  # connected, and nothing more
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-",
        b"\r\n",
    ],
)
def test_a_half_sent_request_is_given_up(impatient: ApiServer, sent: bytes) -> None:
    with connect(impatient) as client:
        client.sendall(sent)
        assert read_all(client) == b""


@pytest.mark.parametrize(
    "rest",
    [
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n",  # the next request on the same connection
        b"\r\n",  # a sign of life, but none of a request
    ],
)
def test_a_second_request_gets_no_more_time_than_the_first(impatient: ApiServer, rest: bytes) -> None:
    with connect(impatient) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = b""
        while b'{"status":"ok"}' not in answer:
            part = client.recv(65536)
            assert part, answer
            answer += part
        began = time.monotonic()
        client.sendall(rest)
        assert read_all(client) == b""
        assert time.monotonic() - began < 4  # uvicorn closes an idle connection after 5 s


def test_a_body_that_never_ends_does_not_hold_the_connection(impatient: ApiServer) -> None:
    with connect(impatient) as client:
        client.sendall(b"POST /api/v1/status HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{")
        began = time.monotonic()
        assert read_all(client).startswith(b"HTTP/1.1 405")
        assert time.monotonic() - began < 4


def test_whoever_sends_whole_requests_may_stay(history: History) -> None:
    running = server(history, request_s=1.0, port=0)
    running.start()
    try:
        with httpx.Client() as client:
            opened = set()
            until_s = time.monotonic() + 2.5
            while time.monotonic() < until_s:
                answer = client.get(f"{running.url}/healthz", timeout=10)
                assert answer.status_code == 200
                opened.add(answer.extensions["network_stream"].get_extra_info("client_addr"))
        assert len(opened) == 1
    finally:
        running.stop()


def test_no_answer_is_stored_guessed_at_or_framed(impatient: ApiServer) -> None:
    for path in ("/healthz", "/docs", "/nowhere"):
        answer = httpx.get(f"{impatient.url}{path}", timeout=10)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


def test_head_gets_no_body(impatient: ApiServer) -> None:
    with connect(impatient) as client:
        client.sendall(b"HEAD /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        head = read_all(client)
    assert head.startswith(b"HTTP/1.1 200") and head.endswith(b"\r\n\r\n")
    assert b"content-length: 15" in head


def test_the_process_is_alive_while_all_threads_wait(history: History) -> None:
    class Slow(FixedView):
        released = threading.Event()
        asked = threading.Semaphore(0)

        def status(self) -> RunStatus:
            self.asked.release()
            self.released.wait(30)
            return super().status()

    settings = ApiConfig(port=0)
    view = Slow()
    running = ApiServer(create_app(view, history, settings, "0.1.0"), settings)
    running.start()
    waiting = [
        threading.Thread(target=httpx.get, args=(f"{running.url}/api/v1/status",), kwargs={"timeout": 60})
        for _ in range(40)
    ]
    try:
        for thread in waiting:
            thread.start()
        assert all(view.asked.acquire(timeout=10) for _ in waiting)
        assert httpx.get(f"{running.url}/healthz", timeout=10).status_code == 200
    finally:
        view.released.set()
        for thread in waiting:
            thread.join(30)
        running.stop()


def test_a_port_in_use_is_told_at_once(history: History, taken: int) -> None:
    message = rf"^api\.port: {taken} is in use on 127\.0\.0\.1; choose another or stop the other program$"
    with pytest.raises(ConfigError, match=message):
        server(history, port=taken).start()
    assert not port_is_free("127.0.0.1", taken)


def test_a_free_port_is_free() -> None:
    assert port_is_free("127.0.0.1", 0)


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("203.0.113.1", "api.host: 203.0.113.1 is not an address of this machine"),
        ("no such host", "api.host: 'no such host' is not an address"),
    ],
)
def test_a_host_that_is_not_ours_is_named(history: History, host: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        server(history, host=host, port=0, token=16 * "t").start()


def test_the_url_is_known_after_the_start_only(history: History) -> None:
    with pytest.raises(RuntimeError):
        _ = server(history, port=0).url


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_this_machine_needs_no_token(host: str) -> None:
    assert ApiConfig(host=host).token is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", "localhost.example.org"])
def test_other_machines_need_a_token(host: str) -> None:
    with pytest.raises(ValueError, match="can be reached from other machines; set token"):
        ApiConfig(host=host)
    assert ApiConfig(host=host, token=16 * "s").token == 16 * "s"
    assert ApiConfig(host=host, enabled=False).token is None


def test_an_empty_token_is_none_at_all() -> None:
    with pytest.raises(ValueError, match="token is empty"):
        ApiConfig(token=" ")


def test_the_settings_do_not_show_the_token() -> None:
    assert "open-sesame" not in repr(ApiConfig(token="open-sesame"))


def closed(client: socket.socket) -> bool:
    """Whether the server has closed it; waits a moment for that."""
    client.settimeout(0.2)
    try:
        return client.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionResetError:
        return True


def test_one_address_holds_so_many_idle_connections_and_the_oldest_go(history: History) -> None:
    running = server(history, port=0)
    running.start()
    clients = [connect(running) for _ in range(AT_ONCE)]
    clients[0].sendall(b"GET /api/v1/events/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert clients[0].recv(12) == b"HTTP/1.1 200"  # a stream is not idle
    clients[1].sendall(b"GET /healthz HTTP/1.1\r\n")  # half a request is
    more = [connect(running) for _ in range(4)]
    more[-1].sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert more[-1].recv(12) == b"HTTP/1.1 200"
    assert [closed(client) for client in clients[1:5]] == [True, True, True, False]
    clients[0].settimeout(0.2)
    assert clients[0].recv(4096)  # the rest of its head
    for client in (*clients, *more):
        client.close()
    running.stop()
