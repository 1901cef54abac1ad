"""The same picture for longer than any camera shows it."""

import numpy as np
import pytest

from engine.ledger import Outcome
from tests.support.capturing import capturing, wait_back
from tests.support.redis_server import until
from tests.support.rtsp import RtspCamera

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def counted(clips):
    with RtspCamera(clips["counted.h264"]) as camera:
        yield camera


def test_a_hung_encoder_is_told_its_frames_stay_away_and_its_return_is_told(counted):
    with capturing(counted.url(), frozen_after_s=2) as (outbox, capture):
        wait_back(outbox)
        counted.still = True
        outbox.wait_until(lambda box: box.states[-1] == "frozen", 30)
        assert "the same picture for 2 s" in outbox.statuses[-1].detail
        seen, sent = len(outbox.frames), len(counted.sent_at)
        until(lambda: len(counted.sent_at) > sent + 10)
        assert len(outbox.frames) == seen
        counted.still = False
        wait_back(outbox)
    assert outbox.states == ["connecting", "online", "frozen", "online"]
    assert counted.opened == 1
    assert capture.snapshot().frames.outcomes[Outcome.DROPPED_STALE] > 10


def test_a_hung_encoder_is_seen_through_across_connections(counted):
    """A server that ends each stream does not start the clock again."""
    counted.still = True
    with capturing(counted.url(), frozen_after_s=4) as (outbox, _capture):
        wait_back(outbox)
        counted.kick()
        outbox.wait_until(lambda box: "offline" in box.states)
        outbox.wait_until(lambda box: box.states[-1] == "frozen", 30)


def test_a_test_card_may_stand_still_where_that_is_switched_off(counted):
    counted.still = True
    with capturing(counted.url(), frozen_after_s=0) as (outbox, _capture):
        wait_back(outbox)
        seen = len(outbox.frames)
        outbox.wait_until(lambda box: len(box.frames) > seen + 45)
        first, last = outbox.frames[seen].image, outbox.frames[-1].image
        assert np.array_equal(first, last)
        assert outbox.states == ["connecting", "online"]
