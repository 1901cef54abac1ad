from typing import Any

import pytest
from fastapi.testclient import TestClient

from engine.api import ApiConfig, create_app
from engine.api.query import EventType
from engine.events import event_schema
from engine.history import History
from tests.support.run_status import FixedView

BEARER = {"Authorization": "Bearer open-sesame"}


def ask(history: History, name: str, **config: Any) -> int:
    """The status of an answer to a request for `name`."""
    client = TestClient(create_app(FixedView(), history, ApiConfig(**config), "0.1.0"))
    return client.get("/healthz", headers={"Host": name}).status_code


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:8080", "localhost.", "127.0.0.1", "127.0.0.1:8080", "[::1]:8080", "10.0.0.7", "BOX:1"],
)
def test_a_request_for_us_passes(history: History, host: str) -> None:
    assert ask(history, host, allowed_hosts=("Box",)) == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:8080", "box", "[::1", "", "a b"]
)
def test_a_request_for_another_name_is_refused(history: History, host: str) -> None:
    assert ask(history, host) == 400


def test_a_token_makes_names_matter_only_where_some_are_given(history: History) -> None:
    assert ask(history, "evil.example", token="open-sesame") == 200
    assert ask(history, "evil.example", token="open-sesame", allowed_hosts=("box",)) == 400
    assert ask(history, "lobby", token="open-sesame-and-more", host="lobby", allowed_hosts=("box",)) == 200


BAD_HOSTS = (
    "a b", "", "evil.example/x", "user@localhost", "localhost:", "localhost:123456", "localhost:80:80", "[::1", "::1",
    "localhost#", "localhost,evil.example", "local\thost", "-localhost-", "[::1]x", "a" * 300, "\xe9vil",
)  # fmt: skip


@pytest.mark.parametrize("token", [None, "open-sesame"])
@pytest.mark.parametrize("host", BAD_HOSTS)
def test_a_host_of_no_proper_form_is_refused_with_tokens_too(history: History, host: str, token: str | None) -> None:
    client = TestClient(create_app(FixedView(), history, ApiConfig(token=token), "0.1.0"))
    answer = client.get("/healthz", headers={b"host": host.encode("latin-1")})
    assert answer.status_code == 400
    assert "evil" not in answer.text


TWICE = {
    "Host": ("localhost", "localhost"),
    "Origin": ("http://localhost", "http://evil.example"),
    "Authorization": ("Bearer open-sesame", "Bearer open-sesame"),
    "Sec-Fetch-Site": ("same-origin", "cross-site"),
    "Content-Type": ("application/json", "text/plain"),
    "Last-Event-ID": ("1", "2"),
}


@pytest.mark.parametrize("name", TWICE)
@pytest.mark.parametrize("other_way", [False, True])
def test_what_decides_may_be_said_once(history: History, name: str, other_way: bool) -> None:
    client = TestClient(create_app(FixedView(), history, ApiConfig(token="open-sesame"), "0.1.0"))
    values = TWICE[name][::-1] if other_way else TWICE[name]
    headers = {"Host": "localhost", **BEARER}
    headers.pop(name, None)
    sent = [*headers.items(), *((name, value) for value in values)]
    answer = client.get("/api/v1/status", headers=sent)
    assert (answer.status_code, f"the header {name.title()} is there twice" in answer.text) == (400, True)


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost", 200),
        ("HTTP://LOCALHOST", 200),
        ("null", 403),
        ("http://evil.example", 403),
        ("http://localhost/path", 400),
        ("localhost", 400),
        ("http://localhost http://evil.example", 400),
        ("http://user@localhost", 400),
        ("", 400),
        ("\x00", 400),
    ],
)
def test_an_origin_is_ours_or_refused(client: Any, origin: str, status: int) -> None:
    assert client.get("/api/v1/status", headers={b"origin": origin.encode()}).status_code == status


def test_the_refusal_says_what_to_do_and_does_not_repeat_the_name(client: Any) -> None:
    answer = client.get("/api/v1/status", headers={"Host": "evil.example"})
    assert answer.headers["content-type"] == "application/problem+json"
    assert "api.allowed_hosts" in answer.json()["detail"]
    assert "evil" not in answer.text


@pytest.mark.parametrize(("length", "status"), [(2**20, 405), (2**20 + 1, 413), (10**18, 413)])
def test_a_large_body_is_refused_by_its_stated_length(client: Any, length: int, status: int) -> None:
    answer = client.post("/api/v1/status", headers={"Content-Length": str(length)}, content=b"")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/api/v1/status", "/healthz", "/metrics", "/docs", "/", "/nowhere"])
def test_head_is_answered_as_get_is(client: Any, path: str) -> None:
    head, get = client.head(path), client.get(path)
    assert head.status_code == get.status_code
    assert head.headers["content-type"] == get.headers["content-type"]


def test_head_needs_the_token_too(guarded: Any) -> None:
    assert guarded.head("/api/v1/status").status_code == 401
    assert guarded.head("/api/v1/status", headers=BEARER).status_code == 200


def test_a_slash_too_many_is_no_redirect(client: Any) -> None:
    answer = client.get("/api/v1/status/", follow_redirects=False)
    assert (answer.status_code, answer.headers.get("location")) == (404, None)


@pytest.mark.parametrize("token", ["open-sesame ", "\topen-sesame\n", "voilà", "пароль"])
def test_white_space_around_a_token_does_not_count_but_every_letter_does(history: History, token: str) -> None:
    client = TestClient(create_app(FixedView(), history, ApiConfig(token=token), "0.1.0"))
    for sent, status in ((token.strip(), 200), (token.strip()[:-1], 401)):
        header = {"Authorization": f"Bearer {sent}".encode()}
        assert client.get("/api/v1/status", headers=header).status_code == status


def test_the_types_that_may_be_asked_for_are_those_of_the_contract(client: Any) -> None:
    assert list(EventType.__args__) == event_schema()["properties"]["type"]["enum"]
    assert "type: Input should be 'new', 'emotion_changed'" in client.get("/api/v1/events?type=ended").json()["detail"]
