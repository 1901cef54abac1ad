"""Tokens: what each is good for, and what happens to those who guess."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from engine.api import ApiConfig, create_app
from engine.api.config import TokenConfig
from engine.api.failures import ALLOWED, Failures
from engine.errors import ConfigError
from engine.history import History
from engine.testing import FakeClock
from pipelines.config import parse
from tests.support.run_status import FixedView

READ, OPERATE, BOTH = "reader-token", "operator-token", "open-sesame"
CONFIG = ApiConfig(
    token=BOTH, tokens=(TokenConfig(token=READ), TokenConfig(token=OPERATE, scopes=("operate",)))
)  # fmt: skip


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def asked(history: History, clock: FakeClock) -> TestClient:
    return TestClient(create_app(FixedView(), history, CONFIG, "0.1.0", clock), base_url="http://localhost")


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize(
    ("method", "token", "status"),
    [
        ("GET", READ, 200),
        ("HEAD", READ, 200),
        ("GET", BOTH, 200),
        ("GET", OPERATE, 403),  # scopes are what they say: this one may change things, not look
        ("POST", READ, 403),
        ("DELETE", READ, 403),
        ("DELETE", OPERATE, 405),  # may pass, but there is nothing to delete
        ("DELETE", BOTH, 405),
    ],
)
def test_a_token_is_good_for_its_scopes(asked: TestClient, method: str, token: str, status: int) -> None:
    answer = asked.request(method, "/api/v1/status", headers=bearer(token))
    assert answer.status_code == status


def test_a_token_of_another_scope_learns_nothing_about_paths(asked: TestClient) -> None:
    texts = {asked.delete(path, headers=bearer(READ)).text for path in ("/api/v1/status", "/nowhere", "/metrics")}
    assert len(texts) == 1 and "operate" in texts.pop()


def test_who_guesses_ten_times_a_minute_must_wait_and_so_must_the_right_token_from_there(
    asked: TestClient, clock: FakeClock
) -> None:
    answers = [asked.get("/api/v1/status", headers=bearer(f"guess {n}")).status_code for n in range(1000)]
    assert answers == [401] * ALLOWED + [429] * (1000 - ALLOWED)
    locked = asked.get("/api/v1/status", headers=bearer(BOTH))
    assert (locked.status_code, locked.headers["retry-after"]) == (429, "60")
    assert asked.get("/healthz").status_code == 200
    clock.advance(59)
    assert asked.get("/nowhere", headers=bearer(BOTH)).headers["retry-after"] == "1"
    clock.advance(1)
    assert asked.get("/api/v1/status", headers=bearer(BOTH)).status_code == 200


def test_a_request_without_a_token_is_no_guess(asked: TestClient) -> None:
    assert {asked.get("/api/v1/status").status_code for _ in range(50)} == {401}
    assert asked.get("/api/v1/status", headers=bearer(BOTH)).status_code == 200


def test_addresses_are_told_apart_and_of_ipv6_networks(clock: FakeClock) -> None:
    failures = Failures(clock)
    for number in range(ALLOWED):
        failures.add("10.0.0.7")
        failures.add(f"2001:db8::{number}")
    waits = {name: failures.wait_s(name) for name in ("10.0.0.7", "10.0.0.8", "2001:db8::ffff", "2001:db8:0:1::1")}
    assert waits == {"10.0.0.7": 60, "10.0.0.8": 0, "2001:db8::ffff": 60, "2001:db8:0:1::1": 0}


def test_what_is_remembered_of_very_many_addresses_is_bounded(clock: FakeClock) -> None:
    failures = Failures(clock)
    for number in range(10_000):
        failures.add(f"10.0.{number // 256}.{number % 256}")
    assert len(failures._times) == 4096


YAML = """
name: lobby
sources: [{{id: door, uri: "webcam:0"}}]
api: {api}
"""


def problems(api: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(YAML.format(api=api))
    return str(caught.value)


@pytest.mark.parametrize(
    ("api", "message"),
    [
        ("{tokens: [{token: s3cret-1, scopes: [write]}]}", "api.tokens[0].scopes[0]"),
        ("{tokens: [{token: s3cret-1, scopes: []}]}", "api.tokens[0].scopes"),
        ("{tokens: [{scopes: [read]}]}", "api.tokens[0].token: is missing"),
        ("{tokens: [{token: s3cret-1}, {token: s3cret-1}]}", "a token is given twice"),
        ("{token: s3cret-1, tokens: [{token: ' s3cret-1 '}]}", "a token is given twice"),
        ("{tokens: [{token: ' '}]}", "token is empty"),
        ('{token: "s3cret-1\\nX: y"}', "control character"),
        ("{token: 53731}", "api.token: should be a valid string"),
        ("{tokens: [{token: 53731}]}", "api.tokens[0].token: should be a valid string"),
        ("{host: 0.0.0.0}", "set token"),
        ("{host: 0.0.0.0, token: s3cret-1s3cret-}", "a token has 15 characters"),
        ("{host: '::', tokens: [{token: s3cret-1s3cret-1}, {token: s3cret-2}]}", "a token has 8 characters"),
        ("{host: 10.0.0.7, token: ' s3cret-1        '}", "a token has 8 characters"),
    ],
)
def test_tokens_that_make_no_sense_are_refused_and_not_shown(api: str, message: str) -> None:
    text = problems(api)
    assert message in text
    assert "s3cret" not in text and "53731" not in text


def test_several_tokens_open_the_api_to_other_machines() -> None:
    config = parse(
        YAML.format(
            api=f"{{host: 0.0.0.0, tokens: [{{token: {'a' * 16}}}, {{token: {'b' * 16}, scopes: [read, operate]}}]}}"
        )
    )
    assert [one.scopes for one in config.api.all_tokens()] == [("read",), ("read", "operate")]
    assert "aaa" not in repr(config)


def test_a_list_of_tokens_guards_as_one_does(history: History) -> None:
    client: Any = TestClient(
        create_app(FixedView(), history, ApiConfig(tokens=(TokenConfig(token=READ),)), "0.1.0"),
        base_url="http://evil.example",
    )
    assert client.get("/api/v1/status").status_code == 401
    assert client.get("/api/v1/status", headers=bearer(READ)).status_code == 200
