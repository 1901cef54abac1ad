import pytest

from engine.sources.lag import Lag


def after(lag, *frames):
    for media_s, now_s in frames:
        lag.take(media_s, now_s)
    return lag.seconds


def at_rate(count, step_s, every_s, media_s=0.0, now_s=100.0):
    return [(media_s + n * step_s, now_s + n * every_s) for n in range(count)]


CASES = [
    # frames as (stamp, arrival), seconds behind at the end
    (at_rate(100, 0.1, 0.1), 0.0),
    (at_rate(100, 0.1, 0.1, media_s=44_121), 0.0),  # stamps begin anywhere
    (at_rate(101, 0.1, 0.15), 5.0),  # a link too thin
    ([*at_rate(101, 0.1, 0.15), (10.1, 115.01), (15.0, 115.02)], 0.0),  # and its backlog is skipped
    ([*at_rate(101, 0.1, 0.15), (3.0, 115.1)], 0.0),  # the camera's clock was set back: nothing can be compared
    ([*at_rate(10, 0.1, 0.1), (3601.0, 101.0), (3601.1, 101.1)], 0.0),  # set ahead
    ([(0.0, 100.5), *at_rate(20, 0.1, 0.1, 0.1, 100.55)], 0.0),  # the first frame was late itself
    (at_rate(36_000, 0.1, 0.10005), 0.0),  # an hour of a clock that is half a thousandth slow
]


@pytest.mark.parametrize(("frames", "behind_s"), CASES)
def test_a_stream_is_as_late_as_its_promptest_frames_were_not(frames, behind_s):
    assert after(Lag(3), *frames) == pytest.approx(behind_s, abs=0.05)


def test_above_the_limit_nothing_is_handed_on_and_soon_the_live_edge_is_wanted():
    lag = Lag(3)
    after(lag, (0.0, 100.0), (1.0, 103.9))
    assert not lag.is_over
    after(lag, (1.1, 104.5))
    assert lag.is_over
    assert not lag.wants_live_edge
    after(lag, (1.2, 106.6))
    assert lag.wants_live_edge


def test_a_backlog_that_is_gone_in_time_wants_no_new_connection_and_only_its_end_is_wanted():
    lag = Lag(3)
    after(lag, (0.0, 100.0))
    backlog = []
    for n in range(1, 61):
        lag.take(n / 10, 106.0 + n / 500)
        backlog.append(lag.is_backlog or lag.is_over)
        assert not lag.wants_live_edge
    assert all(backlog[:50])
    assert not any(backlog[-4:])


def test_a_backlog_that_comes_slowly_is_one_until_it_is_gone_or_stays():
    lag = Lag(30)
    after(lag, (0.0, 100.0), (0.1, 104.1))
    caught_up = []
    for n in range(1, 60):  # at three quarters more than its own speed
        lag.take(0.1 + n * 0.1, 104.1 + n * 0.057)
        caught_up.append(lag.is_backlog)
    assert sum(caught_up) > 50
    for n in range(1, 20):  # then in real time
        lag.take(6.0 + n * 0.1, 107.463 + n * 0.1)
    assert lag.seconds > 1
    assert not lag.is_backlog


def test_frames_that_come_late_but_in_real_time_are_no_backlog():
    lag = Lag(3)
    after(lag, (0.0, 100.0))
    for n in range(1, 30):
        lag.take(n / 10, 102.0 + n / 10)
        assert not lag.is_backlog


def test_without_a_limit_nothing_is_too_late():
    lag = Lag(None)
    after(lag, *at_rate(200, 0.1, 1.0))
    assert lag.seconds > 100
    assert not lag.is_over
    assert not lag.wants_live_edge
