"""Snapshots and live pictures over the real server, of frames made by hand."""

import asyncio
import socket
from collections.abc import Iterator
from dataclasses import replace
from threading import enumerate as threads

import httpx
import numpy as np
import pytest
from fastapi import HTTPException

from engine.api import ApiConfig, ApiServer, create_app
from engine.api.preview import Preview, PreviewQuery
from engine.api.privacy import PrivacyConfig
from engine.api.viewing import MAX_VIEWERS, TooManyViewers, Viewing
from engine.history import History
from engine.preview import Look, Shots
from tests.support.mjpeg import decode, watching
from tests.support.rawhttp import connect, exchange
from tests.support.redis_server import until
from tests.support.run_status import FixedView, run_status, source
from tests.support.shots import Camera, noise, tracked_frame


@pytest.fixture
def shots() -> Iterator[Shots]:
    made = Shots()
    yield made
    until(lambda: not made.watched)
    until(lambda: not encoders())


def encoders() -> list[str]:
    return [thread.name for thread in threads() if thread.name.startswith("preview")]


def start(shots: Shots, history: History, view: FixedView, privacy: PrivacyConfig | None = None) -> ApiServer:
    config = ApiConfig(port=0)
    app = create_app(view, history, config, "0.1.0", privacy=privacy, shots=shots)
    running = ApiServer(app, config, answer_s=0.5)
    running.start()
    return running


@pytest.fixture
def server(shots: Shots, history: History, view: FixedView) -> Iterator[ApiServer]:
    running = start(shots, history, view)
    yield running
    shots.close()
    running.stop()


@pytest.fixture
def url(server: ApiServer) -> str:
    return server.url


def get(url: str, path: str) -> httpx.Response:
    return httpx.get(f"{url}/api/v1/sources/{path}", timeout=20)


def test_a_snapshot_is_the_picture_with_what_is_known_of_it(url: str, shots: Shots) -> None:
    slope = np.ascontiguousarray(np.broadcast_to(np.arange(180, dtype=np.uint8)[:, None, None], (180, 320, 3)))
    with Camera(shots, image=slope):
        plain, told = get(url, "door/snapshot.jpg"), get(url, "door/snapshot.jpg?faces=true&quality=100")
    for answer in (plain, told):
        assert answer.status_code == 200 and answer.headers["content-type"] == "image/jpeg"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-size"] == "320x180"
        assert float(answer.headers["x-time"]) == pytest.approx(int(answer.headers["x-frame-index"]) / 10)
        assert answer.headers["x-captured-at"] == "2026-11-22T12:00:00.000Z"
    assert "x-faces" not in plain.headers
    assert told.headers["x-faces"].startswith('[{"track_id":1,"track_uid":"uid1","bbox":{"x":100,"y":40,"width":40,')
    assert "uid2" not in told.headers["x-faces"]  # nobody knows yet whether that is a face
    for answer in (plain, told):
        assert np.abs(decode(answer.content).astype(int) - slope).max() < 4


def test_pictures_are_made_smaller_and_never_larger(url: str, shots: Shots) -> None:
    with Camera(shots):
        sizes = [decode(get(url, f"door/snapshot.jpg?width={w}").content).shape[:2] for w in (160, 101, 16, 320, 4000)]
        small, large = (len(get(url, f"door/snapshot.jpg?quality={quality}").content) for quality in (10, 90))
    assert sizes == [(90, 160), (57, 101), (9, 16), (180, 320), (180, 320)]
    assert small < large


@pytest.mark.parametrize("path", ["nobody/snapshot.jpg", "nobody/preview.mjpeg", "Door/snapshot.jpg"])
def test_an_unknown_source_is_not_found(url: str, path: str) -> None:
    answer = get(url, path)
    assert answer.status_code == 404 and "is not known" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("door/snapshot.jpg?fps=5", "fps"),  # a snapshot is one
        ("door/snapshot.jpg?width=0", "width"),
        ("door/snapshot.jpg?width=99999999999999999999", "width"),
        ("door/snapshot.jpg?quality=101", "quality"),
        ("door/snapshot.jpg?blur=perhaps", "blur"),
        ("door/preview.mjpeg?fps=0", "fps"),
        ("door/preview.mjpeg?fps=nan", "fps"),
        ("door/preview.mjpeg?fps=1000", "fps"),
        ("door/preview.mjpeg?widht=100", "widht"),
        ("do%00or/preview.mjpeg", "source_id"),
        ("d%0d%0aX-Evil:1/snapshot.jpg", "source_id"),
        (f"{'x' * 65}/snapshot.jpg", "source_id"),
    ],
)
def test_what_cannot_be_shown_is_refused(url: str, path: str, field: str) -> None:
    answer = get(url, path)
    assert answer.status_code == 422 and answer.json()["errors"][0]["field"] == field


@pytest.mark.parametrize("state", ["offline", "stalled", "paused", "ended"])
def test_there_is_no_snapshot_of_a_camera_that_shows_nothing(url: str, view: FixedView, state: str) -> None:
    view.shown = run_status(sources=(source("door", state),))
    answer = get(url, "door/snapshot.jpg")
    assert answer.status_code == 503 and answer.headers["retry-after"] == "5"
    assert state in answer.json()["detail"]


def test_a_snapshot_waits_for_a_picture_and_not_for_ever(shots: Shots) -> None:
    async def ask() -> None:
        await Preview(FixedView(), Viewing(shots), PrivacyConfig(), wait_s=0.05).snapshot(
            source("door", "connecting", fps=None), Look()
        )

    with pytest.raises(HTTPException, match="no picture yet") as caught:
        asyncio.run(ask())
    assert caught.value.headers == {"Retry-After": "5"}


def test_heads_have_no_body_and_wait_for_nothing(url: str, shots: Shots) -> None:
    ask = b"HEAD /api/v1/sources/door/%b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    answer = exchange(url, ask % b"preview.mjpeg")
    assert (answer.status, answer.body) == (200, b"")
    with Camera(shots):
        answer = exchange(url, ask % b"snapshot.jpg")
    assert (answer.status, answer.body, answer.headers["content-type"]) == (200, b"", "image/jpeg")


def test_a_stream_is_pictures_with_what_is_known_of_each(url: str, shots: Shots) -> None:
    with Camera(shots), watching(url, query="?fps=60&width=80") as stream:
        seen = [next(stream) for _ in range(12)]
    assert [one.index for one in seen] == sorted({one.index for one in seen})
    for one in seen:
        assert one.headers["content-type"] == "image/jpeg" and one.headers["x-frame-size"] == "320x180"
        assert one.image().shape == (45, 80, 3)
        assert [(face["track_id"], face["label"]) for face in one.faces] == [(1, None)]
        assert one.faces[0]["bbox"] == {"x": 100, "y": 40, "width": 40, "height": 50}  # in pixels of the frame


def test_faces_can_be_left_out_and_pictures_come_no_faster_than_asked_for(url: str, shots: Shots) -> None:
    with Camera(shots, every_s=0.002), watching(url, query="?fps=20&faces=false") as stream:
        seen = [next(stream) for _ in range(8)]
    assert not any("x-faces" in one.headers for one in seen)
    # At least 0.3 s between the second and the last, which is more frames than parts on the slowest machine.
    assert seen[-1].index - seen[1].index > 12


@pytest.mark.parametrize(("always", "asked"), [(False, "true"), (True, "false"), (True, "true")])
def test_blurred_pictures_show_no_face_and_are_of_frames_that_were_looked_at(
    shots: Shots, history: History, view: FixedView, always: bool, asked: str
) -> None:
    running = start(shots, history, view, PrivacyConfig(blur_preview=always))
    with Camera(shots, nth=4), watching(running.url, query=f"?blur={asked}&fps=60&quality=100") as stream:
        seen = [next(stream) for _ in range(5)]
        snapshot = get(running.url, f"door/snapshot.jpg?blur={asked}&quality=100")
    running.stop()
    pictures = [(one.index, one.image()) for one in seen]
    pictures.append((int(snapshot.headers["x-frame-index"]), decode(snapshot.content)))
    for index, image in pictures:
        assert index % 4 == 0
        for left, top, right, bottom in ((100, 40, 140, 90), (200, 100, 220, 130)):
            assert image[top:bottom, left:right].std() < 25 < noise()[top:bottom, left:right].std()
        assert image[:, 260:].std() > 50


def test_before_the_first_detection_nothing_blurred_is_shown(shots: Shots) -> None:
    async def ask() -> None:
        viewing = Viewing(shots)
        with viewing.enter("door", Look(blur=True)) as viewer:
            for index in range(3):
                shots.on_faces(tracked_frame(index, looked=False))
            assert await viewer.next(0.05) is None
            shots.on_faces(tracked_frame(3))
            shots.on_faces(tracked_frame(4, looked=False))
            picture = await viewer.next(5)
            assert picture and picture.headers[0] == ("X-Frame-Index", "3")

    asyncio.run(ask())


def test_viewers_of_one_look_share_the_work_and_leave_nothing_behind(shots: Shots) -> None:
    async def ask() -> None:
        viewing = Viewing(shots)
        small = Look(width=64)
        with viewing.enter("door", Look()) as one, viewing.enter("door", Look()) as two:
            with viewing.enter("door", small) as three:
                shots.on_faces(tracked_frame(5))
                a, b, c = await asyncio.gather(one.next(5), two.next(5), three.next(5))
                assert a is b and a is not c and a and c and len(a.jpeg) > len(c.jpeg)
                assert viewing.viewers == 3 and len(encoders()) == 1
            assert viewing.viewers == 2
            assert await one.next(0.01) is None  # the same picture does not come twice
        assert viewing.viewers == 0 and shots.watched == ()

    asyncio.run(ask())


def test_there_is_room_for_so_many(shots: Shots) -> None:
    async def ask() -> None:
        viewing = Viewing(shots, limit=2)
        with viewing.enter("door", Look()), viewing.enter("desk", Look()):
            with pytest.raises(TooManyViewers), viewing.enter("door", Look()):
                pass
            with pytest.raises(HTTPException, match="2 viewers are watching already"):
                await Preview(FixedView(), viewing, PrivacyConfig()).snapshot(source("door"), Look())
        with viewing.enter("door", Look()):
            assert viewing.viewers == 1

    asyncio.run(ask())


def test_one_viewer_too_many_is_told_to_come_again(url: str, shots: Shots) -> None:
    ask = b"GET /api/v1/sources/door/preview.mjpeg HTTP/1.1\r\nHost: localhost\r\n\r\n"
    sockets = [connect(url) for _ in range(MAX_VIEWERS)]
    for one in sockets:
        one.sendall(ask)
        assert one.recv(12) == b"HTTP/1.1 200"
    answer = get(url, "door/preview.mjpeg")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    assert answer.json()["detail"] == f"{MAX_VIEWERS} viewers are watching already"
    assert get(url, "door/snapshot.jpg").status_code == 503
    sockets.pop().close()
    with Camera(shots):
        until(lambda: get(url, "door/snapshot.jpg").status_code == 200)
    for one in sockets:
        one.close()


def test_a_viewer_that_stops_reading_is_cut_and_the_others_see_on(server: ApiServer, shots: Shots) -> None:
    with connect(server.url) as deaf, Camera(shots), watching(server.url, query="?fps=60") as stream:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.sendall(b"GET /api/v1/sources/door/preview.mjpeg?fps=60&quality=100 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        connections = server._server.server_state.connections
        until(lambda: len(connections) == 2)
        first = next(stream).index
        while len(connections) == 2:
            next(stream)
        assert next(stream).index > first + 1


def test_a_slow_viewer_misses_pictures_and_none_wait_for_it(shots: Shots) -> None:
    async def ask() -> list[str]:
        with Viewing(shots).enter("door", Look()) as viewer:
            seen = []
            for index in range(0, 30, 10):
                for number in range(10):
                    shots.on_faces(tracked_frame(index + number))
                picture = await viewer.next(5)
                assert picture
                seen.append(dict(picture.headers)["X-Frame-Index"])
            return seen

    assert asyncio.run(ask()) == ["9", "19", "29"]


def test_a_stream_waits_for_a_camera_and_goes_on_when_it_is_back(url: str, shots: Shots, view: FixedView) -> None:
    view.shown = run_status(sources=(source("door", "offline"),))
    camera = Camera(shots)
    with watching(url, query="?fps=60") as stream:
        with camera:
            before = next(stream).index
        view.shown = run_status(sources=(source("door", "stalled"),))
        with camera:
            assert any(next(stream).index > before for _ in range(100))


@pytest.mark.parametrize("left", [(), (source("door", "ended"),), (source("desk"),)])
def test_a_stream_ends_with_its_source(shots: Shots, left: tuple[object, ...]) -> None:
    view = FixedView()

    async def ask() -> bytes:
        viewing = Viewing(shots)
        preview = Preview(view, viewing, PrivacyConfig(), idle_s=0.02)
        with viewing.enter("door", Look()) as viewer:
            got = b""
            shots.on_faces(tracked_frame())
            async for part in preview.parts(viewer, "door", PreviewQuery(fps=60)):
                got += part
                if b"X-Faces" in got:
                    view.shown = replace(run_status(), sources=left)  # type: ignore[arg-type]
            return got

    got = asyncio.run(asyncio.wait_for(ask(), 10))
    assert got.startswith(b"--frame\r\nContent-Type: image/jpeg\r\n") and got.endswith(b"\r\n--frame--\r\n")


def test_a_stream_ends_with_the_run_also_while_it_rests(url: str, shots: Shots) -> None:
    with Camera(shots), watching(url, query="?fps=0.1") as stream:
        next(stream)
        shots.close()
        assert list(stream) == []


def test_a_page_from_elsewhere_gets_no_picture(url: str) -> None:
    for name in ("snapshot.jpg", "preview.mjpeg"):
        answer = httpx.get(f"{url}/api/v1/sources/door/{name}", headers={"Origin": "http://evil.example"}, timeout=10)
        assert answer.status_code == 403
