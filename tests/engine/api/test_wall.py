"""Several sources over one connection, over the real server."""

import asyncio
import socket
from collections import Counter
from collections.abc import Iterator
from itertools import takewhile

import httpx
import pytest

from engine.api import ApiConfig, ApiServer, create_app
from engine.api.privacy import PrivacyConfig
from engine.api.viewing import MAX_VIEWERS, TooManyViewers, Viewing
from engine.history import History
from engine.preview import Look, Shots
from tests.support.mjpeg import Part, parts
from tests.support.rawhttp import connect
from tests.support.redis_server import until
from tests.support.run_status import FixedView, run_status, source
from tests.support.shots import Playing

IDS = ("door", "desk", "yard")


@pytest.fixture
def shots() -> Shots:
    return Shots()


@pytest.fixture
def view() -> FixedView:
    return FixedView(run_status(sources=tuple(source(name) for name in IDS)))


@pytest.fixture
def url(history: History, view: FixedView, shots: Shots) -> Iterator[str]:
    config = ApiConfig(port=0)
    running = ApiServer(create_app(view, history, config, "0.1.0", shots=shots), config, answer_s=1)
    running.start()
    yield running.url
    shots.close()
    running.stop()


def some(url: str, query: str, count: int) -> list[Part]:
    with (
        httpx.Client(timeout=20) as client,
        client.stream("GET", f"{url}/api/v1/sources/preview.mjpeg?{query}") as answer,
    ):
        assert answer.status_code == 200, answer.read()
        found = parts(answer.iter_raw())
        return [next(found) for _ in range(count)]


def test_each_part_names_its_source_and_all_get_their_turn(url: str, shots: Shots) -> None:
    with Playing(shots, IDS, every_s=0.02):
        got = some(url, "source_id=door&source_id=yard&fps=60", 40)
    counts = Counter(part.headers["x-source-id"] for part in got)
    assert set(counts) == {"door", "yard"} and min(counts.values()) >= 10
    for name in counts:
        indices = [part.index for part in got if part.headers["x-source-id"] == name]
        assert indices == sorted(set(indices))
    assert got[0].faces and got[0].headers["x-frame-size"] == "320x180"
    until(lambda: not shots.watched)


def test_sources_that_are_not_known_are_left_out_and_none_at_all_is_a_404(url: str, shots: Shots) -> None:
    with Playing(shots, IDS, every_s=0.02):
        got = some(url, "source_id=door&source_id=nowhere&source_id=door", 3)
    assert {part.headers["x-source-id"] for part in got} == {"door"}
    assert httpx.get(f"{url}/api/v1/sources/preview.mjpeg?source_id=nowhere").status_code == 404


def test_a_connection_is_one_viewer_and_what_it_makes_others_work_for_is_bounded(shots: Shots) -> None:
    """A wall counts once; pictures count by source and look, large ones four times; what is made anyway is free."""

    async def ask() -> None:
        viewing = Viewing(shots, limit=4, looks=16)
        names = [f"camera-{number}" for number in range(16)]
        small, large = Look(width=480), Look()
        with viewing.enter_all(names, small) as seen, viewing.enter_all(names, small):
            assert (len(seen), viewing.viewers, len(shots.watched)) == (16, 2, 16)
            for look in (large, Look(width=1280), Look(width=480, quality=81), Look(width=480, blur=True)):
                with pytest.raises(TooManyViewers, match="16 side by side"), viewing.enter("camera-0", look):
                    pass
            with pytest.raises(TooManyViewers), viewing.enter_all([*names, "another"], small):
                pass
            assert (viewing.viewers, len(shots.watched)) == (2, 16)  # what was refused has left nothing
        with viewing.enter_all(names[:4], large):
            with pytest.raises(TooManyViewers), viewing.enter("camera-4", small):
                pass
            with viewing.enter_all(names[:4], large):
                assert viewing.viewers == 2
        assert viewing.viewers == 0 and shots.watched == ()

    asyncio.run(ask())


def opened(url: str, query: str, count: int) -> tuple[list[socket.socket], list[bytes]]:
    """So many connections that ask for this wall, and the status of each."""
    sockets, statuses = [], []
    for _ in range(count):
        sockets.append(connect(url))
        sockets[-1].sendall(f"GET /api/v1/sources/preview.mjpeg?{query} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        statuses.append(sockets[-1].recv(12))
    return sockets, statuses


def test_a_wall_of_sixteen_takes_one_place_and_no_client_more_than_there_are(
    url: str, view: FixedView, shots: Shots
) -> None:
    names = [f"camera-{number}" for number in range(16)]
    view.shown = run_status(sources=tuple(source(name) for name in names))
    wall = "&".join(f"source_id={name}" for name in names)
    sockets, statuses = opened(url, f"{wall}&width=480", MAX_VIEWERS + 1)
    assert statuses == [b"HTTP/1.1 200"] * MAX_VIEWERS + [b"HTTP/1.1 503"]
    for one in sockets:
        one.close()
    until(lambda: not shots.watched)
    # One that asks for everything in ever another look: eight walls of sixteen are all that is made.
    several = [opened(url, f"{wall}&width=480&quality={quality}", 1) for quality in range(60, 70)]
    assert [statuses[0][-3:] for _, statuses in several] == [b"200"] * 8 + [b"503"] * 2
    assert httpx.get(f"{url}/api/v1/sources/camera-0/snapshot.jpg").status_code == 503
    for [one], _ in several:
        one.close()
    until(lambda: not shots.watched)


def test_whoever_reads_slowly_finds_few_pictures_waiting(history: History, view: FixedView, shots: Shots) -> None:
    """What is sent before it is read is old when it is; buffers would hold dozens of pictures."""
    small = httpx.HTTPTransport(socket_options=[(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 2**10)])
    config = ApiConfig(port=0)
    running = ApiServer(create_app(view, history, config, "0.1.0", shots=shots), config)
    running.start()
    wall = f"{running.url}/api/v1/sources/preview.mjpeg?source_id=door&source_id=desk&fps=60"
    try:
        with (
            Playing(shots, IDS[:2], every_s=0.02) as camera,
            httpx.Client(timeout=20, transport=small) as client,
            client.stream("GET", wall) as answer,
        ):
            until(lambda: camera.played > 60)
            newest = camera.played
            found = parts(answer.iter_raw())
            waiting = [part.index for part in takewhile(lambda part: part.index < newest, found)]
    finally:
        shots.close()
        running.stop()
    assert 1 <= len(waiting) <= 8, waiting


@pytest.mark.parametrize(
    "query", ["", "source_id=", "source_id=a%20b", "source_id=<script>", "source_id=door&fps=0", "source=door"]
)
def test_what_makes_no_sense_is_refused(url: str, query: str) -> None:
    assert httpx.get(f"{url}/api/v1/sources/preview.mjpeg?{query}").status_code == 422


def test_a_source_that_is_removed_leaves_the_others_going(url: str, shots: Shots, view: FixedView) -> None:
    with (
        Playing(shots, ("door",), every_s=0.02),
        httpx.Client(timeout=20) as client,
        client.stream("GET", f"{url}/api/v1/sources/preview.mjpeg?source_id=door&source_id=desk&fps=60") as answer,
    ):
        found = parts(answer.iter_raw())
        next(found)
        view.shown = run_status(sources=(source("door"),))
        until(lambda: next(found) and shots.watched)
        assert next(found).headers["x-source-id"] == "door"


def test_where_only_aggregates_are_told_no_wall_is_shown(history: History, view: FixedView, shots: Shots) -> None:
    config = ApiConfig(port=0)
    privacy = PrivacyConfig(aggregate_only=True)
    running = ApiServer(create_app(view, history, config, "0.1.0", privacy=privacy, shots=shots), config)
    running.start()
    try:
        answer = httpx.get(f"{running.url}/api/v1/sources/preview.mjpeg?source_id=door")
        assert answer.status_code == 403
    finally:
        running.stop()
