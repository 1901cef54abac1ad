"""Streams from real servers: RTSP from two implementations, HTTP, and all the ways in which they refuse."""

import socket
import time
from contextlib import closing
from threading import Thread
from urllib.parse import quote

import pytest

from engine.errors import Cause, SourceError
from engine.sources.config import SourceConfig
from engine.sources.live import Playout
from engine.sources.reader import open_reader
from tests.support.rtsp import RtspCamera

PASSWORD = "S3cr@t/#?:%"


def _open(uri, **more):
    return open_reader(SourceConfig(id="a", uri=uri, **{"open_timeout_s": 3, "read_timeout_s": 2, **more}))


def _shapes(reader, count):
    shapes = []
    while len(shapes) < count:
        shapes += [picture.image.shape] if (picture := reader.read()) else []
    return shapes


def _refusal(uri, **more):
    with pytest.raises(SourceError) as caught, closing(_open(uri, **more)) as reader:
        _shapes(reader, 1000)
    return caught.value


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_camera_is_read_over_either_transport(camera, transport):
    with closing(_open(camera.url(), transport=transport)) as reader:
        assert _shapes(reader, 3) == [(240, 320, 3)] * 3


@pytest.mark.parametrize("digest", [False, True])
def test_the_right_password_opens_and_a_wrong_one_is_named_as_such_and_not_shown(camera, digest):
    camera.login, camera.digest = ("admin", PASSWORD), digest
    with closing(_open(camera.url(f"admin:{quote(PASSWORD, safe='')}"))) as reader:
        _shapes(reader, 1)
    error = _refusal(camera.url("admin:S3cret-wrong"))
    assert error.cause is Cause.AUTH
    assert "S3cret" not in str(error)
    assert error.__cause__ is None
    assert error.__suppress_context__


REFUSALS = [
    # what the camera does, cause, words
    ({"status": 404}, Cause.NOT_FOUND, "404"),
    ({"status": 453}, Cause.BUSY, "no more viewers"),
    ({"refusals": {"SETUP": 453}}, Cause.BUSY, "no more viewers"),
    ({"status": 503}, Cause.SERVER_ERROR, "an error of its own"),
    ({"refusals": {"PLAY": 503}}, Cause.SERVER_ERROR, "an error of its own"),
    ({"transports": ("udp",)}, Cause.REFUSED, "set transport: udp"),
    ({"silent": True}, Cause.TIMEOUT, "no answer"),
    ({"frozen": True}, Cause.TIMEOUT, "no answer"),
]


@pytest.mark.parametrize(("behaviour", "cause", "words"), REFUSALS)
def test_every_refusal_has_its_cause(camera, behaviour, cause, words):
    for name, value in behaviour.items():
        setattr(camera, name, value)
    quick = {"open_timeout_s": 0.7, "read_timeout_s": 0.7} if cause is Cause.TIMEOUT else {}
    error = _refusal(camera.url(), **quick)
    assert error.cause is cause
    assert words in str(error)


def _closed_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize("scheme", ["rtsp", "http"])
def test_a_closed_port_is_refused(scheme):
    assert _refusal(f"{scheme}://127.0.0.1:{_closed_port()}/cam").cause is Cause.REFUSED


@pytest.mark.parametrize("answer", [b"", b"220 mail.example ESMTP\r\n"])
def test_a_service_that_speaks_no_rtsp_is_no_damaged_video(answer):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer_and_hang_up():
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)

        service = Thread(target=answer_and_hang_up, daemon=True)
        service.start()
        error = _refusal(f"rtsp://127.0.0.1:{listener.getsockname()[1]}/live")
        service.join(10)
    assert error.cause is Cause.REFUSED
    assert "no RTSP answer" in str(error)


def test_a_frozen_camera_times_out(camera):
    with closing(_open(camera.url(), read_timeout_s=2)) as reader:
        _shapes(reader, 3)
        camera.frozen = True
        started_s = time.monotonic()
        with pytest.raises(SourceError) as caught:
            _shapes(reader, 1000)
    assert caught.value.cause is Cause.TIMEOUT
    assert time.monotonic() - started_s < 10


def test_a_cut_connection_has_ended(camera):
    with closing(_open(camera.url())) as reader:
        _shapes(reader, 3)
        camera.kick()
        with pytest.raises(SourceError) as caught:
            _shapes(reader, 1000)
    assert caught.value.cause is Cause.ENDED


def test_a_change_of_resolution_is_followed(camera, clips):
    with closing(_open(camera.url())) as reader:
        assert _shapes(reader, 2) == [(240, 320, 3)] * 2
        camera.units = RtspCamera(clips["camera_large.h264"]).units
        while (shape := _shapes(reader, 1)[0]) == (240, 320, 3):
            continue
    assert shape == (480, 640, 3)


def test_a_change_to_a_forbidden_resolution_delivers_nothing_more(camera, clips):
    with closing(_open(camera.url(), max_pixels=100_000, read_timeout_s=1)) as reader:
        assert _shapes(reader, 2) == [(240, 320, 3)] * 2
        camera.units = RtspCamera(clips["camera_large.h264"]).units
        with pytest.raises(SourceError) as caught:
            while _shapes(reader, 1) == [(240, 320, 3)]:
                continue
    assert caught.value.cause is Cause.CODEC


def test_a_stream_of_nothing_but_damage_is_reported(camera):
    with closing(_open(camera.url(), read_timeout_s=0.6)) as reader:
        _shapes(reader, 1)
        camera.damage = lambda nal: nal[:1] + b"\xff" * (len(nal) - 1)
        error = None
        try:
            _shapes(reader, 200)
        except SourceError as caught:
            error = caught
    assert error
    assert error.cause is Cause.CODEC


@pytest.mark.parametrize("path", ["live.mjpeg", "plain.mp4", "plain.ts"])
def test_streams_over_http_are_read(web, clips, path):
    if path in ("plain.mp4", "plain.ts"):
        _ = clips[path]
    with closing(_open(f"{web}/{path}")) as reader:
        assert len(_shapes(reader, 5)) == 5


def test_hls_is_played_at_its_own_speed(web, clips):
    _ = clips["hls/index.m3u8"]
    with closing(_open(f"{web}/hls/index.m3u8")) as reader:
        _shapes(reader, 1)
        started_s = time.monotonic()
        _shapes(reader, 25)
    assert 0.8 < time.monotonic() - started_s < 10


@pytest.mark.parametrize(
    ("path", "cause"),
    [
        ("nothing", Cause.NOT_FOUND),
        ("secret?user=admin&password=S3cret", Cause.AUTH),
        ("silent", Cause.TIMEOUT),
        ("429", Cause.BUSY),
        ("503", Cause.SERVER_ERROR),
        ("500", Cause.SERVER_ERROR),
        ("cut.mjpeg", Cause.LOST),
        ("cut.ts", Cause.LOST),
        ("moved", Cause.REFUSED),  # redirects are not followed
    ],
)
def test_http_refusals_have_their_cause_and_no_secret(web, clips, path, cause):
    _ = clips["plain.ts"]
    quick = {"open_timeout_s": 0.7} if cause is Cause.TIMEOUT else {}
    error = _refusal(f"{web}/{path}", **quick)
    assert error.cause is cause
    assert "S3cret" not in str(error)


def test_playout_holds_back_what_comes_early_and_starts_anew_after_a_gap():
    playout = Playout()
    assert playout.wait_s(10.0, now_s=100.0) == 0
    assert playout.wait_s(10.5, now_s=100.0) == pytest.approx(0.5)
    assert playout.wait_s(11.0, now_s=101.2) == pytest.approx(-0.2)
    assert playout.wait_s(11.5, now_s=105.0) == 0  # the network was away
    assert playout.wait_s(12.0, now_s=105.0) == pytest.approx(0.5)
    assert playout.wait_s(0.0, now_s=106.0) == 0  # the clip began again
    assert playout.wait_s(None, now_s=106.0) == 0
