"""Server-sent events over the real server."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from engine.api import ApiConfig, ApiServer, Bell, create_app
from engine.api.stream import MAX_STREAMS, Streams
from engine.history import EventFilter, History
from tests.support.documents import event, status
from tests.support.rawhttp import connect, exchange
from tests.support.redis_server import until
from tests.support.run_status import FixedView


@pytest.fixture
def bell() -> Bell:
    return Bell()


@pytest.fixture
def running(history: History, bell: Bell) -> Iterator[ApiServer]:
    config = ApiConfig(port=0)
    running = ApiServer(create_app(FixedView(), history, config, "0.1.0", bell=bell), config, answer_s=0.5)
    running.start()
    yield running
    bell.close()
    running.stop()


@pytest.fixture
def url(running: ApiServer) -> str:
    return running.url


def lines(response: httpx.Response) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each event: its id, its type, its document."""
    found: dict[str, str] = {}
    for line in response.iter_lines():
        if line:
            name, _, value = line.partition(": ")
            found[name] = value
        elif "data" in found:
            yield found["id"], found["event"], json.loads(found["data"])
            found = {}


@contextmanager
def listening(url: str, last: str | None = None, **params: str) -> Iterator[Iterator[tuple[str, str, dict[str, Any]]]]:
    headers = {} if last is None else {"Last-Event-ID": last}
    with (
        httpx.Client(timeout=20) as client,
        client.stream("GET", f"{url}/api/v1/events/stream", headers=headers, params=params) as response,
    ):
        assert response.status_code == 200, response.read()
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert response.headers["cache-control"] == "no-store"
        yield lines(response)


def test_what_comes_is_heard_at_once_and_what_was_is_not(url: str, history: History, bell: Bell) -> None:
    history.append([event(1)])
    with listening(url) as heard:
        history.append([event(2), status(3)])
        bell.ring()
        got = [next(heard), next(heard)]
    assert [(kind, document["seq"]) for _, kind, document in got] == [("new", 2), ("status", 3)]
    assert got[0][2] == event(2).document


def test_whoever_comes_back_has_missed_nothing(url: str, history: History, bell: Bell) -> None:
    """One reader hears a few events, hangs up, and comes back, while events go on coming."""
    heard: list[int] = []
    last = "0"
    for number in range(8):
        history.append([event(n) for n in range(1 + 40 * number, 41 + 40 * number)])
        bell.ring()
        with listening(url, last) as events:
            for _ in range(37):
                last, _, document = next(events)
                heard.append(document["seq"])
    assert heard == list(range(1, 8 * 37 + 1))


def test_filters_hold_and_rows_that_do_not_match_are_passed_over(url: str, history: History, bell: Bell) -> None:
    with listening(url, "0", source_id="desk") as heard:
        history.append([event(n, source_id="desk" if n % 100 == 0 else "door") for n in range(1, 501)])
        bell.ring()
        assert [next(heard)[2]["seq"] for _ in range(5)] == [100, 200, 300, 400, 500]


def test_an_id_of_another_history_begins_at_the_beginning(url: str, history: History) -> None:
    history.append([event(1)])
    with listening(url, "9" * 19) as heard:
        assert next(heard)[2]["seq"] == 1


@pytest.mark.parametrize("bad", ["abc", "-1", "9" * 20, "1;2", "1.0"])
def test_an_id_that_is_none_is_refused(url: str, bad: str) -> None:
    answer = httpx.get(f"{url}/api/v1/events/stream", headers={"Last-Event-ID": bad}, timeout=10)
    assert answer.status_code == 422 and answer.json()["errors"][0]["field"] == "last-event-id"


@pytest.mark.parametrize("query", ["limit=1", "from=2026-11-22T10:20:30Z", "souce_id=x", "type=gone", "source_id=%00"])
def test_what_cannot_be_followed_is_refused(url: str, query: str) -> None:
    assert httpx.get(f"{url}/api/v1/events/stream?{query}", timeout=10).status_code == 422


def test_head_does_not_wait_for_events(url: str) -> None:
    answer = exchange(url, b"HEAD /api/v1/events/stream HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert (answer.status, answer.body) == (200, b"")


def test_a_page_from_elsewhere_does_not_get_the_stream(url: str) -> None:
    answer = httpx.get(f"{url}/api/v1/events/stream", headers={"Origin": "http://evil.example"}, timeout=10)
    assert answer.status_code == 403


def test_a_silent_stream_says_that_it_is_there(history: History) -> None:
    bell = Bell()
    streams = Streams(history, bell, heartbeat_s=0.05)

    async def first(count: int) -> list[bytes]:
        got: list[bytes] = []
        async for line in streams.events(EventFilter(), 0):
            got.append(line)
            if len(got) == count:
                bell.close()
        return got

    assert asyncio.run(first(3)) == [b"retry: 2000\n\n", b": still here\n\n", b": still here\n\n"]


def test_a_reader_that_stops_reading_is_cut_and_the_others_hear_all(
    running: ApiServer, history: History, bell: Bell
) -> None:
    with connect(running.url) as deaf, listening(running.url, "0") as heard:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.sendall(b"GET /api/v1/events/stream HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: 0\r\n\r\n")
        history.append([event(n) for n in range(1, 2001)])  # more than the kernel takes for it
        bell.ring()
        assert [next(heard)[2]["seq"] for _ in range(2000)] == list(range(1, 2001))
        until(lambda: len(running._server.server_state.connections) == 1, 20)
        history.append([event(2001)])
        bell.ring()
        assert next(heard)[2]["seq"] == 2001


def test_streams_end_when_the_server_does(history: History, bell: Bell) -> None:
    config = ApiConfig(port=0)
    running = ApiServer(create_app(FixedView(), history, config, "0.1.0", bell=bell), config)
    running.start()
    ended = threading.Event()

    def listen() -> None:
        with listening(running.url) as heard:
            assert list(heard) == []
        ended.set()

    thread = threading.Thread(target=listen)
    thread.start()
    until(lambda: bool(bell._waiting), 10)
    bell.close()
    assert ended.wait(10)
    running.stop()
    thread.join(10)


async def _ask(running: ApiServer) -> tuple[int, asyncio.StreamWriter]:
    """The status of a new stream, which stays open."""
    host, port = running.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /api/v1/events/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
    line = await asyncio.wait_for(reader.readline(), 15)
    return int(line.split()[1]), writer


def test_of_many_who_ask_at_once_no_more_get_a_stream_than_there_is_room_for(running: ApiServer) -> None:
    async def ask_at_once() -> None:
        asked = await asyncio.gather(*(_ask(running) for _ in range(2 * MAX_STREAMS)))
        statuses = [status for status, _ in asked]
        assert (statuses.count(200), statuses.count(503)) == (MAX_STREAMS, MAX_STREAMS)
        for _, writer in asked:
            writer.close()
            await writer.wait_closed()
        until(lambda: len(running._server.server_state.connections) == 0, 10)
        status, last = await _ask(running)  # those who have left made room
        last.close()
        await last.wait_closed()
        assert status == 200

    asyncio.run(ask_at_once())
