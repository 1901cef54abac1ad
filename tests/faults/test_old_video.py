"""Video that is behind is told, timed and left behind."""

from datetime import UTC, datetime

import pytest

from engine.errors import Cause
from engine.ledger import Outcome
from tests.support.capturing import capturing, wait_back
from tests.support.rtsp import RtspCamera
from tests.support.thinlink import ThinLink

pytestmark = pytest.mark.timeout(120)
PATIENT = {"open_timeout_s": 30, "read_timeout_s": 30}


@pytest.fixture
def counted(clips):
    with RtspCamera(clips["counted.h264"]) as camera:
        yield camera


def number_of(frame):
    """The number that the camera gave the frame, from its brightness."""
    return round(float(frame.image.mean()) * 195 / 200)


def late_s(frame, camera):
    """By how much `captured_at` is later than the moment at which the camera sent the frame."""
    lap = len(camera.units)
    number, at = number_of(frame), frame.captured_at.timestamp()
    sent = [camera.sent_at[one] for one in range(number, len(camera.sent_at), lap)]
    return min((at - moment for moment in sent), key=abs)


def bytes_a_second(camera):
    total = sum(len(nal) for unit in camera.units for nal in unit)
    return total * camera.fps / len(camera.units)


def test_a_thin_link_is_told_timed_truly_and_left_for_the_live_edge(counted):
    with ThinLink(counted.port) as link:
        address = f"rtsp://127.0.0.1:{link.port}/cam"
        with capturing(address, max_lag_s=2, **PATIENT, stall_after_s=30) as (outbox, capture):
            wait_back(outbox)
            link.rate = 0.5 * bytes_a_second(counted)
            outbox.wait_until(lambda _box: (capture.snapshot().lag_s or 0) > 1, 60)
            outbox.wait_until(lambda box: "offline" in box.states, 60)
            cut = len(outbox.frames)
            link.rate = None
            wait_back(outbox)
            outbox.wait_until(lambda _box: capture.snapshot().lag_s < 1, 30)
    lost = next(status for status in outbox.statuses if status.state == "offline")
    assert lost.cause is Cause.LAG
    assert "s behind, connecting again" in lost.detail
    lags = [frame.lag_s for frame in outbox.frames[:cut]]
    assert max(lags) > 1
    assert max(lags) <= 2
    # captured_at, the latency and the stream's clock are those of the picture, not of its arrival
    first = next(frame for frame in outbox.frames if frame.lag_s > 0.2)
    last = max(outbox.frames[:cut], key=lambda frame: frame.lag_s)
    grown_s = late_s(last, counted) - late_s(first, counted)
    assert abs(grown_s) < 0.5 * (last.lag_s - first.lag_s)
    times = [frame.time_s for frame in outbox.frames]
    assert times == sorted(set(times))


def test_what_piles_up_during_an_interruption_is_not_played(counted):
    with ThinLink(counted.port) as link:
        address = f"rtsp://127.0.0.1:{link.port}/cam"
        with capturing(address, max_lag_s=0, **PATIENT) as (outbox, capture):
            wait_back(outbox)
            link.broken = True
            outbox.wait_until(lambda box: "stalled" in box.states, 60)
            before = len(outbox.frames)
            link.broken = False
            wait_back(outbox)
            outbox.wait_until(lambda _box: capture.snapshot().lag_s < 0.5, 30)
            assert capture.snapshot().frames.outcomes[Outcome.DROPPED_STALE] > 20
    assert outbox.states == ["connecting", "online", "stalled", "online"]
    # of the three seconds that came at once, 45 frames, hardly any
    assert sum(frame.lag_s > 0.5 for frame in outbox.frames[before:]) < 10
    assert datetime.now(UTC) > outbox.frames[-1].captured_at
