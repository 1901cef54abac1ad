"""A camera that returns is back at once, and one that never does is not hammered."""

import socket
import time
from threading import Event

import pytest

from engine.errors import Cause
from engine.sources import reach
from tests.support.capturing import capturing, wait_back
from tests.support.redis_server import until

pytestmark = pytest.mark.timeout(120)


class Looks:
    """Counts how often a camera was looked for, and lets a test wait for that."""

    def __init__(self):
        self.found = []
        self._news = Event()

    def __call__(self, config):
        found = reach.answers(config)
        self.found.append(found)
        self._news.set()
        return found

    def wait_for(self, count):
        while len(self.found) < count:
            self._news.clear()
            assert len(self.found) >= count or self._news.wait(30), self.found


def test_a_camera_that_reboots_is_opened_at_the_first_look_that_finds_it(camera):
    looks = Looks()
    with capturing(camera.url(), answers=looks) as (outbox, capture):
        wait_back(outbox)
        camera.stop()
        looks.wait_for(4)
        failed = len(looks.found)
        camera.start()
        wait_back(outbox)
        assert not any(looks.found[:failed])
        assert len(looks.found) <= failed + 2
        assert looks.found[-1]
        assert capture.snapshot().reconnects == 1


def test_a_host_that_swallows_everything_is_looked_for_and_not_opened(camera):
    """A black hole: the kernel drops what comes for a port whose queue is full."""
    looks = Looks()
    camera.stop()
    with socket.create_server(("127.0.0.1", camera.port), backlog=0) as hole:
        fill = [socket.socket() for _ in range(3)]
        for one in fill:
            one.setblocking(False)
            one.connect_ex(hole.getsockname())
        with capturing(camera.url(), answers=looks, open_timeout_s=1) as (outbox, _capture):
            outbox.wait_until(lambda box: "offline" in box.states)
            looks.wait_for(2)
            assert not any(looks.found)
            for one in (*fill, hole):
                one.close()
            camera.start()
            wait_back(outbox)
            assert outbox.statuses[1].cause is Cause.TIMEOUT


@pytest.mark.parametrize("status", [404, 453, 503])
def test_a_camera_that_boots_slowly_is_asked_every_two_seconds(camera, status):
    """Its server runs before its encoder does."""
    camera.status = status
    with capturing(camera.url()) as (outbox, _capture):
        until(lambda: camera.opened >= 4)
        camera.status = 200
        asked = camera.opened
        wait_back(outbox)
        assert camera.opened <= asked + 2


def test_a_server_that_ends_every_stream_is_opened_once_a_second_at_most(camera):
    began_s = time.monotonic()
    with capturing(camera.url()) as (outbox, _capture):
        for cut in range(1, 5):
            outbox.wait_until(lambda box, cut=cut: box.states.count("online") == cut)
            camera.kick()
            outbox.wait_until(lambda box, cut=cut: box.states.count("offline") == cut)
    assert camera.opened <= 1 + (time.monotonic() - began_s)


def test_a_refused_password_is_not_tried_again_however_well_the_camera_answers(camera):
    camera.login = ("admin", "right")
    looks = Looks()
    with capturing(camera.url("admin:S3cret"), answers=looks) as (outbox, _capture):
        outbox.wait_until(lambda box: "offline" in box.states)
        opened = camera.opened
        with capturing(camera.url("admin:right")) as (other, _other):
            wait_back(other)
        assert camera.opened == opened + 1
    assert looks.found == []
