"""A camera whose key frames are rare is waited for as long as it sends data."""

import pytest

from engine.errors import Cause
from tests.support.capturing import capturing, wait_back
from tests.support.redis_server import until
from tests.support.rtsp import RtspCamera

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def rare(clips):
    """Joined in the middle: its next key frame is almost 20 s away, or comes when a test sets `number` to 0."""
    with RtspCamera(clips["rare_keys.h264"]) as camera:
        camera.key_first = False
        camera.number = 10
        yield camera


@pytest.mark.parametrize("tells_parameters", [True, False])
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_data_without_a_key_frame_is_waited_through(rare, tells_parameters, transport):
    rare.tells_parameters = tells_parameters
    with capturing(rare.url(), transport=transport, read_timeout_s=1, open_timeout_s=4) as (outbox, capture):
        outbox.wait_until(lambda box: box.statuses[-1].detail == "waiting for a key frame", 30)
        assert capture.snapshot().state == "connecting"
        sent = len(rare.sent_at)
        until(lambda: len(rare.sent_at) > sent + 2 * rare.fps)  # two read timeouts
        assert outbox.states == ["connecting", "connecting"]
        rare.number = 0
        wait_back(outbox)
    assert outbox.states == ["connecting", "connecting", "online"]
    assert rare.opened == 1


def test_one_that_goes_silent_while_it_is_waited_for_is_lost(rare):
    with capturing(rare.url(), read_timeout_s=1, open_timeout_s=4) as (outbox, _capture):
        outbox.wait_until(lambda box: box.statuses[-1].detail == "waiting for a key frame", 30)
        rare.frozen = True
        outbox.wait_until(lambda box: box.states[-1] == "offline", 30)
        assert outbox.statuses[-1].cause is Cause.TIMEOUT
