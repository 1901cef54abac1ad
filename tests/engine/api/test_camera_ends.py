"""How the camera of a browser ends, and how not: by an operator, by pictures that never can be decoded."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from engine.history import History
from tests.engine.api.test_camera import TOKENS, Engine, bearer, end_of, heard, jpeg, message
from tests.support.redis_server import until


@pytest.fixture
def engine(history: History) -> Iterator[Engine]:
    running = Engine(history)
    yield running
    running.server.stop()


@pytest.fixture
def guarded(history: History) -> Iterator[Engine]:
    running = Engine(history, tokens=TOKENS)
    yield running
    running.server.stop()


SPOILED = jpeg()[: jpeg().index(b"\xff\xda")] + b"\xff\xd9"


def test_a_picture_that_cannot_be_decoded_is_told_and_the_camera_goes_on(engine: Engine) -> None:
    with engine.enter() as page:
        page.send(message(1, SPOILED))
        assert engine.read("browser-1") is None
        assert heard(page) == {"type": "failed", "sequence": 1, "detail": "the JPEG cannot be decoded"}
        assert heard(page) == {"type": "taken", "sequence": 1}
        page.send(message(2))
        assert engine.read("browser-1").spoiled == 1
        assert heard(page) == {"type": "taken", "sequence": 2}


def test_many_in_a_row_end_the_conversation(engine: Engine) -> None:
    with engine.enter() as page:
        for sequence in range(1, 11):
            page.send(message(sequence, SPOILED))
            assert engine.read("browser-1") is None
        assert end_of(page) == (4415, "10 JPEGs in a row cannot be decoded")
    until(lambda: not engine.fleet.running)


def url_of(engine: Engine, source_id: str = "browser-1") -> str:
    return f"{engine.server.url}/api/v1/sources/{source_id}"


def test_an_operator_ends_the_camera_and_its_browser_is_told(guarded: Engine) -> None:
    look, act = ({"Authorization": f"Bearer {token}"} for token in ("look", "do-it"))
    with guarded.enter(subprotocols=bearer("do-it")) as page:
        page.send(message(1))
        guarded.read("browser-1")
        assert httpx.delete(url_of(guarded), headers=look, timeout=10).status_code == 403
        elsewhere = {**act, "Origin": "http://evil.example"}
        assert httpx.delete(url_of(guarded), headers=elsewhere, timeout=10).status_code == 403
        assert guarded.fleet.running
        # api.sources is off here: what browsers may begin operators may end.
        assert httpx.delete(url_of(guarded), headers=act, timeout=10).status_code == 204
        assert not guarded.fleet.running
        assert end_of(page) == (4410, "an operator has ended this camera")
    assert httpx.delete(url_of(guarded), headers=act, timeout=10).status_code == 403
    with guarded.enter(subprotocols=bearer("do-it")):
        assert guarded.fleet.done == ["start browser-1", "stop browser-1", "start browser-1"]


@pytest.mark.parametrize("change", [{"paused": True}, {"fps": 5}, {}])
def test_the_camera_of_a_browser_cannot_be_paused_or_changed(engine: Engine, change: dict[str, Any]) -> None:
    with engine.enter():
        answer = httpx.patch(url_of(engine), json=change, timeout=10)
        assert (answer.status_code, engine.fleet.done) == (409, ["start browser-1"])
        assert "until its page is closed" in answer.json()["detail"] and "DELETE ends it" in answer.json()["detail"]
