"""Damage on the way: counted, kept from the tracker, and told."""

import random

import cv2
import pytest

from engine.errors import Cause
from engine.ledger import Outcome
from tests.support.capturing import capturing, wait_back
from tests.support.httpcam import http_camera
from tests.support.redis_server import until
from tests.support.shots import noise

pytestmark = pytest.mark.timeout(120)
JPEG = cv2.imencode(".jpg", noise(640, 480))[1].tobytes()


def test_packets_lost_over_udp_are_counted_told_and_advised_about(camera):
    dice = random.Random(1)
    with capturing(camera.url(), transport="udp") as (outbox, capture):
        wait_back(outbox)
        camera.loses = lambda: dice.random() < 0.05
        outbox.wait_until(lambda box: box.states[-1] == "degraded", 60)
        assert outbox.statuses[-1].cause in (Cause.LOST, Cause.DAMAGED)
        assert outbox.statuses[-1].detail.endswith("set transport: tcp")
        outcomes = capture.snapshot().frames.outcomes
        assert outcomes[Outcome.LOST] + outcomes[Outcome.DAMAGED] >= 3
    assert outbox.states == ["connecting", "online", "degraded"]


@pytest.mark.parametrize("share", [0.2, 1.0])
def test_damaged_slices_are_told_and_the_connection_is_kept(camera, share):
    dice = random.Random(1)

    def damage(nal):
        if dice.random() >= share:
            return nal
        half = len(nal) // 2
        return nal[:half] + bytes(255 - byte for byte in nal[half:])

    with capturing(camera.url()) as (outbox, _capture):
        wait_back(outbox)
        camera.damage = damage
        outbox.wait_until(lambda box: box.states[-1] == "degraded", 60)
        assert outbox.statuses[-1].cause is Cause.DAMAGED
        sent = len(camera.sent_at)
        until(lambda: len(camera.sent_at) > sent + 3 * camera.fps)
        assert outbox.states == ["connecting", "online", "degraded"]
        assert "transport" not in outbox.statuses[-1].detail
    assert camera.opened == 1


def test_bad_pictures_in_an_mjpeg_stream_are_told(tmp_path):
    with http_camera(tmp_path, JPEG) as web, capturing(f"{web}/bad.mjpeg") as (outbox, capture):
        outbox.wait_until(lambda box: box.states[-1] == "degraded", 60)
        assert outbox.statuses[-1].cause in (Cause.LOST, Cause.DAMAGED)
        outcomes = capture.snapshot().frames.outcomes
        assert outcomes[Outcome.LOST] + outcomes[Outcome.DAMAGED] >= 3
