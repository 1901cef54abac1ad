"""Capture with real cameras in real time: kicks, deaths, freezes, and wrong passwords."""

import logging
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.errors import Cause
from tests.support.capturing import capturing, wait_back
from tests.support.clips import Clips
from tests.support.rtsp import RtspCamera

SYSTEM_PYTHON = "/usr/bin/python3"
GST_CAMERA = Path(__file__).parents[2] / "support" / "gst_camera.py"

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def camera(tmp_path_factory) -> Iterator[RtspCamera]:
    with RtspCamera(Clips(tmp_path_factory.mktemp("clips"))["camera.h264"]) as camera:
        yield camera


def test_a_cut_connection_comes_back_and_time_goes_on(camera):
    with capturing(camera.url()) as (outbox, capture):
        wait_back(outbox)
        camera.kick()
        outbox.wait_until(lambda box: "offline" in box.states)
        wait_back(outbox)
        assert outbox.states == ["connecting", "online", "offline", "online"]
        assert outbox.statuses[2].cause is Cause.ENDED
        assert capture.snapshot().reconnects == 1
    times = [frame.time_s for frame in outbox.frames]
    assert times == sorted(set(times))
    assert [frame.index for frame in outbox.frames] == list(range(len(times)))


def test_a_camera_that_reboots_is_found_again_on_its_port(camera):
    with capturing(camera.url()) as (outbox, capture):
        wait_back(outbox)
        camera.stop()
        outbox.wait_until(lambda box: "offline" in box.states)
        camera.start()
        wait_back(outbox)
        assert outbox.states.count("offline") == 1
        assert capture.failure is None


def test_a_short_freeze_is_told_as_stalled_and_passes_without_reconnecting(camera):
    with capturing(camera.url(), stall_after_s=1) as (outbox, _capture):
        wait_back(outbox)
        camera.frozen = True
        outbox.wait_until(lambda box: "stalled" in box.states)
        camera.frozen = False
        wait_back(outbox)
        assert outbox.states == ["connecting", "online", "stalled", "online"]
        assert camera.opened == 1


def test_a_long_freeze_ends_in_a_timeout_and_a_new_connection(camera):
    with capturing(camera.url(), read_timeout_s=2, open_timeout_s=2, stall_after_s=1) as (outbox, _capture):
        wait_back(outbox)
        camera.frozen = True
        outbox.wait_until(lambda box: "offline" in box.states)
        camera.frozen = False
        wait_back(outbox)
        assert outbox.states == ["connecting", "online", "stalled", "offline", "online"]
        assert outbox.statuses[3].cause is Cause.TIMEOUT


def test_a_wrong_password_is_tried_once_and_shown_nowhere(camera, caplog):
    camera.login = ("admin", "right")
    with caplog.at_level(logging.DEBUG), capturing(camera.url("admin:S3cret")) as (outbox, capture):
        outbox.wait_until(lambda box: "offline" in box.states)
        said = f"{outbox.statuses} {capture.snapshot()} {caplog.text}"
        assert outbox.statuses[-1].cause is Cause.AUTH
        assert "S3cret" not in said
        assert "***" in said
        opened = camera.opened
    assert opened <= 2  # FFmpeg asks again with the password when it is challenged


def test_stopping_a_capture_of_a_silent_camera_takes_no_longer_than_its_timeouts(camera):
    camera.silent = True
    with capturing(camera.url(), open_timeout_s=1) as (outbox, _capture):
        outbox.wait_until(lambda box: "offline" in box.states)
        assert outbox.statuses[-1].cause is Cause.TIMEOUT


@pytest.fixture
def gstreamer() -> None:
    probe = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
    found = (
        Path(SYSTEM_PYTHON).exists()
        and not subprocess.run([SYSTEM_PYTHON, "-c", probe], capture_output=True, check=False).returncode
    )
    if not found:
        pytest.skip("needs GStreamer's RTSP server: apt-get install python3-gi gir1.2-gst-rtsp-server-1.0")


@contextmanager
def gst_camera(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [SYSTEM_PYTHON, str(GST_CAMERA), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


@pytest.mark.usefixtures("gstreamer")
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_gstreamers_camera_is_read_freezes_dies_and_returns(transport):
    with gst_camera("0") as (process, port):
        address = f"rtsp://127.0.0.1:{port}/cam"
        with capturing(address, transport=transport, stall_after_s=1) as (outbox, _capture):
            wait_back(outbox)
            process.send_signal(signal.SIGSTOP)
            outbox.wait_until(lambda box: "stalled" in box.states)
            process.send_signal(signal.SIGCONT)
            wait_back(outbox)
            process.kill()
            outbox.wait_until(lambda box: "offline" in box.states)
            with gst_camera(port):
                wait_back(outbox)


@pytest.mark.usefixtures("gstreamer")
def test_gstreamers_camera_checks_the_password():
    with gst_camera("0", "admin", "p@ss") as (_process, port):
        with capturing(f"rtsp://admin:p%40ss@127.0.0.1:{port}/cam") as (outbox, _capture):
            wait_back(outbox)
        with capturing(f"rtsp://admin:S3cret@127.0.0.1:{port}/cam") as (outbox, _capture):
            outbox.wait_until(lambda box: "offline" in box.states)
            assert outbox.statuses[-1].cause is Cause.AUTH
