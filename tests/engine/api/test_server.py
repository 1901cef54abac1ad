import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from engine.api import ApiConfig, ApiServer, create_app, port_is_free
from engine.errors import ConfigError
from engine.history import History
from tests.support.run_status import FixedView


def server(history: History, **config: Any) -> ApiServer:
    settings = ApiConfig(**config)
    return ApiServer(create_app(FixedView(), history, settings, "0.1.0"), settings)


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
    assert set(threading.enumerate()) == before
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{running.url}/healthz", timeout=5)


def test_a_server_stops_although_a_client_holds_its_connection(history: History) -> None:
    running = server(history, port=0)
    running.start()
    host, port = running.url.removeprefix("http://").split(":")
    with httpx.Client() as idle, socket.create_connection((host, int(port))) as half_sent:
        assert idle.get(f"{running.url}/healthz", timeout=10).status_code == 200
        half_sent.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
        running.stop()
    assert "api" not in [thread.name for thread in threading.enumerate()]


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
        server(history, host=host, port=0, token="t").start()


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
    assert ApiConfig(host=host, token="open-sesame").token == "open-sesame"
    assert ApiConfig(host=host, enabled=False).token is None


def test_an_empty_token_is_none_at_all() -> None:
    with pytest.raises(ValueError, match="token is empty"):
        ApiConfig(token=" ")


def test_the_settings_do_not_show_the_token() -> None:
    assert "open-sesame" not in repr(ApiConfig(token="open-sesame"))
