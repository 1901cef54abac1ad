from datetime import UTC, datetime, timedelta
from threading import Thread

import numpy as np
import pytest

from engine.channel import Channel
from engine.errors import Cause, SourceError
from engine.items import Frame
from engine.ledger import Ledger, Outcome
from engine.numbering import Numbering
from engine.sources.config import SourceConfig
from engine.sources.picture import Losses, Picture
from engine.stages.capture import Capture
from engine.testing import FakeClock, ScriptedSource, opening
from tests.support.outbox import Outbox

IMAGE = np.zeros((4, 6, 3), np.uint8)
PICTURE = np.full((4, 6, 3), 200, np.uint8)
STARTED = datetime(2024, 5, 6, tzinfo=UTC)
REFUSED = SourceError(Cause.REFUSED, "connection refused")
GONE = SourceError(Cause.TIMEOUT, "no answer")
ENDED = SourceError(Cause.ENDED, "ended")


class Rig:
    """A capture of scripted footage on a fake clock; `uri` says whether it is live or a file."""

    def __init__(
        self,
        *readers,
        uri="rtsp://u:secret@cam/1",
        paced=False,
        wall_time=None,
        emit=None,
        closes_after=None,
        indices=None,
        **settings,
    ):
        self.clock = FakeClock(start_s=1000.0)
        self.answers: list[bool] = []
        """What looking for the source finds, in turn."""
        self.ledger = Ledger()
        self.outbox = Outbox(self.ledger, closes_after)
        self.capture = Capture(
            SourceConfig(id="door", uri=uri, **settings),
            emit or self.outbox,
            self.ledger,
            self.clock,
            paced=paced,
            wall_time=wall_time,
            epoch_s=990.0,
            open_reader=lambda config: self._opener(config),
            answers=lambda _config: not self.answers or self.answers.pop(0),
            jitter=lambda: 1.0,
            indices=indices,
        )
        self.plays(*readers)

    def plays(self, *readers):
        """What opening gives, in turn."""
        self._opener = opening(*readers)

    def run(self):
        self.capture.run()
        return self

    @property
    def times(self):
        return [frame.time_s for frame in self.outbox.frames]

    @property
    def counts(self):
        return self.ledger.snapshot()["door"]


def _images(count):
    return [IMAGE] * count


def test_a_file_runs_from_connecting_over_online_to_ended_on_its_own_time():
    rig = Rig(ScriptedSource(_images(3), fps=10, started_at=STARTED), uri="a.mp4").run()
    assert rig.outbox.states == ["connecting", "online", "ended"]
    assert rig.times == pytest.approx([0.0, 0.1, 0.2])
    assert [frame.index for frame in rig.outbox.frames] == [0, 1, 2]
    assert [frame.captured_at - STARTED for frame in rig.outbox.frames] == [timedelta(seconds=n / 10) for n in range(3)]
    assert {(frame.received_s, frame.lossless) for frame in rig.outbox.frames} == {(0.0, True)}
    last = rig.outbox.statuses[-1]
    assert (last.cause, last.lossless, last.time_s) == (Cause.ENDED, True, pytest.approx(0.2))
    assert rig.capture.failure is None
    assert rig.clock.waits == []


def test_a_live_frame_carries_the_time_of_its_arrival():
    rig = Rig()
    script = [IMAGE, lambda: rig.clock.advance(0.5), IMAGE, rig.capture.stop]
    rig.plays(ScriptedSource(script))
    rig.run()
    first, second = rig.outbox.frames
    assert (first.time_s, second.time_s) == (10.0, 10.5)
    assert second.received_s == 1000.5
    assert second.captured_at == rig.clock.utc()
    assert not second.lossless


def _live(*script_of_sessions, **more):
    """A rig whose sessions are scripts; it is stopped when the last one has been played."""
    rig = Rig(**more)
    sessions = [s if isinstance(s, SourceError) else ScriptedSource(s) for s in script_of_sessions]
    rig.plays(*sessions, ScriptedSource([rig.capture.stop]))
    return rig


def test_an_outage_is_told_once_and_tried_again_after_growing_pauses():
    rig = _live([IMAGE, REFUSED], REFUSED, REFUSED, REFUSED, [IMAGE, IMAGE, REFUSED]).run()
    assert rig.outbox.states == ["connecting", "online", "offline", "online", "offline"]
    assert [status.cause for status in rig.outbox.statuses if status.state == "offline"] == [Cause.REFUSED] * 2
    assert rig.clock.waits == [1.0, 1.0, 2.0, 2.0, 2.0]
    assert [frame.index for frame in rig.outbox.frames] == [0, 1, 2]


def test_another_cause_within_an_outage_is_news_once():
    rig = _live([IMAGE, ENDED], REFUSED, GONE, REFUSED, GONE, [IMAGE, ENDED], REFUSED).run()
    told = [status.cause for status in rig.outbox.statuses if status.state == "offline"]
    assert told == [Cause.ENDED, Cause.REFUSED, Cause.TIMEOUT, Cause.ENDED, Cause.REFUSED]
    assert rig.capture.snapshot().reconnects == 1
    assert rig.capture.failure is None


def test_the_pauses_start_over_once_the_source_was_well_for_a_while():
    rig = Rig()
    well = ScriptedSource([IMAGE, lambda: rig.clock.advance(2), IMAGE, lambda: rig.clock.advance(9), None, GONE])
    rig.plays(REFUSED, REFUSED, well, ScriptedSource([rig.capture.stop]))
    rig.run()
    assert rig.clock.waits == [1.0, 1.0, 0.5]


def test_a_source_that_could_never_be_opened_is_offline_and_tried_on():
    rig = _live(REFUSED, [IMAGE]).run()
    assert rig.outbox.states == ["connecting", "offline", "online", "offline"]
    assert rig.capture.snapshot().reconnects == 1


def test_a_refused_password_is_tried_every_thirty_seconds_at_most():
    auth = SourceError(Cause.AUTH, "refused")
    rig = _live(auth, auth, [IMAGE]).run()
    assert rig.clock.waits[:2] == [30.0, 30.0]


def test_a_source_that_ends_at_once_is_not_opened_in_a_hot_loop():
    rig = _live(*[[IMAGE]] * 8).run()
    assert rig.clock.waits[:8] == [1.0, 1.0, *[2.0] * 6]


def test_a_source_that_does_not_answer_is_looked_for_every_two_seconds_and_then_opened_at_once():
    rig = _live([IMAGE, GONE], REFUSED, [IMAGE])
    rig.answers = [False, False, False, True, True]
    assert rig.run().outbox.states[:5] == ["connecting", "online", "offline", "offline", "online"]
    assert rig.clock.waits[:5] == [1.0, 2.0, 2.0, 2.0, 1.0]
    assert rig.answers == []


@pytest.mark.parametrize("cause", [Cause.ENDED, Cause.NOT_FOUND, Cause.CODEC, Cause.AUTH])
def test_a_source_that_has_answered_is_not_looked_for(cause):
    rig = _live(SourceError(cause, "said the camera"), [IMAGE])
    rig.answers = [False]
    assert "online" in rig.run().outbox.states
    assert rig.answers == [False]


def test_stopping_ends_the_look_for_a_source():
    rig = _live(REFUSED)

    def answers(_config):
        rig.capture.stop()
        return False

    rig.capture._answers = answers
    assert rig.run().outbox.states == ["connecting", "offline"]


def test_silence_is_told_once_by_check_and_ends_with_the_next_picture():
    rig = Rig(stall_after_s=3)

    def silence():
        for _ in range(8):
            rig.clock.advance(0.5)
            rig.capture.check()
        assert rig.capture.snapshot().state == "stalled"

    script = [IMAGE, IMAGE, silence, IMAGE, IMAGE, IMAGE, rig.capture.stop]
    rig.plays(ScriptedSource(script))
    rig.run()
    assert rig.outbox.states == ["connecting", "online", "stalled", "online"]
    assert "no picture for 3.5 s" in rig.outbox.statuses[2].detail
    # The picture that ends the silence may be from before it.
    assert rig.counts.outcomes[Outcome.DROPPED_STALE] == 1
    assert rig.counts.outcomes[Outcome.INFERRED] == 4
    assert [frame.index for frame in rig.outbox.frames] == [0, 1, 2, 3]


def test_pictures_that_are_not_wanted_are_a_sign_of_life():
    rig = Rig(stall_after_s=3, fps=0.1)

    def a_second():
        rig.clock.advance(1)
        rig.capture.check()

    rig.plays(ScriptedSource([IMAGE, *[a_second, None] * 9, IMAGE, rig.capture.stop]))
    rig.run()
    assert rig.outbox.states == ["connecting", "online"]
    assert len(rig.outbox.frames) == 2


def test_data_before_the_first_picture_is_a_key_frame_waited_for():
    rig = Rig()

    def half_a_second():
        rig.clock.advance(0.5)

    rig.plays(ScriptedSource([*[half_a_second, None] * 9, IMAGE, rig.capture.stop]))
    rig.run()
    assert [(status.state, status.detail) for status in rig.outbox.statuses] == [
        ("connecting", ""),
        ("connecting", "waiting for a key frame"),
        ("online", ""),
    ]


@pytest.mark.parametrize(("transport", "advice"), [("tcp", False), ("udp", True)])
@pytest.mark.parametrize(("losses", "cause"), [(Losses(damaged=3), Cause.DAMAGED), (Losses(lost=3), Cause.LOST)])
def test_many_damaged_frames_are_told_as_degraded_until_they_are_few(losses, cause, transport, advice):
    rig = Rig(transport=transport, frozen_after_s=0)
    tick = lambda: rig.clock.advance(0.1)  # noqa: E731
    rig.plays(
        ScriptedSource([*[IMAGE, tick] * 100, losses, *[IMAGE, tick] * 150, *[PICTURE, tick] * 180, rig.capture.stop])
    )
    rig.run()
    assert rig.outbox.states == ["connecting", "online", "degraded", "online"]
    told = rig.outbox.statuses[2]
    assert told.cause is cause
    assert "2.9 % of the frames of the last 30 s" in told.detail
    assert ("set transport: tcp" in told.detail) is advice
    assert rig.outbox.statuses[3].time_s - told.time_s > 14
    assert len(rig.outbox.frames) == 430


def test_a_stream_in_which_nothing_is_whole_any_more_is_degraded():
    rig = Rig()
    tick = lambda: rig.clock.advance(0.5)  # noqa: E731
    rig.plays(ScriptedSource([IMAGE, *[Losses(damaged=7), tick] * 20, rig.capture.stop]))
    rig.run()
    assert rig.outbox.states == ["connecting", "online", "degraded"]


def test_frames_that_came_too_late_are_counted():
    rig = Rig()
    rig.plays(ScriptedSource([IMAGE, Losses(stale=4), IMAGE, rig.capture.stop]))
    rig.run()
    assert rig.counts.outcomes[Outcome.DROPPED_STALE] == 4
    assert rig.outbox.states == ["connecting", "online"]


def test_a_still_picture_is_frozen_and_hands_on_nothing_until_it_moves():
    rig = Rig(frozen_after_s=5)
    tick = lambda: rig.clock.advance(1)  # noqa: E731
    rig.plays(ScriptedSource([*[IMAGE, tick] * 9, PICTURE, rig.capture.stop]))
    rig.run()
    assert rig.outbox.states == ["connecting", "online", "frozen", "online"]
    assert len(rig.outbox.frames) == 6
    assert rig.counts.outcomes[Outcome.DROPPED_STALE] == 4


@pytest.mark.parametrize("uri", ["demo:", "a.mp4"])
def test_what_is_made_to_stand_still_is_not_frozen(uri):
    rig = Rig(uri=uri, frozen_after_s=5)
    rig.plays(ScriptedSource([*[IMAGE, lambda: rig.clock.advance(1)] * 9, rig.capture.stop]))
    rig.run()
    assert "frozen" not in rig.outbox.states


def test_a_late_picture_has_the_time_at_which_it_was_filmed():
    rig = Rig()
    script = [
        IMAGE,
        lambda: rig.clock.advance(2),
        Picture(IMAGE, None, lag_s=1.5),
        lambda: rig.clock.advance(0.1),
        Picture(IMAGE, None, lag_s=0.2),
    ]
    rig.plays(ScriptedSource([*script, rig.capture.stop]))
    rig.run()
    _, late, next_one = rig.outbox.frames
    assert (late.time_s, late.lag_s, late.received_s) == (10.5, 1.5, 1000.5)
    assert rig.clock.utc() - late.captured_at == timedelta(seconds=1.6)
    assert next_one.time_s == pytest.approx(11.9)
    assert rig.capture.snapshot().lag_s == 0.2


def test_the_first_picture_of_a_session_may_be_slow():
    rig = Rig(stall_after_s=1)
    script = [lambda: rig.clock.advance(4), IMAGE, rig.capture.stop]
    rig.plays(ScriptedSource(script))
    rig.run()
    assert len(rig.outbox.frames) == 1


def test_a_file_is_never_stalled():
    rig = Rig(uri="a.mp4")
    rig.plays(ScriptedSource([IMAGE, lambda: rig.clock.advance(60), rig.capture.check, IMAGE]))
    rig.run()
    assert rig.outbox.states == ["connecting", "online", "ended"]
    assert len(rig.outbox.frames) == 2


BAD_ENDS = [
    # what opening or reading does, last state, cause
    (SourceError(Cause.NOT_FOUND, "no such file"), "offline", Cause.NOT_FOUND),
    (SourceError(Cause.CODEC, "not a video"), "offline", Cause.CODEC),
    (ScriptedSource([IMAGE, SourceError(Cause.CODEC, "ended early")]), "ended", Cause.CODEC),
    (ScriptedSource([SourceError(Cause.CODEC, "holds no picture")]), "offline", Cause.CODEC),
]


@pytest.mark.parametrize(("reader", "state", "cause"), BAD_ENDS)
def test_a_file_that_fails_is_not_tried_again_and_its_failure_is_kept(reader, state, cause):
    rig = Rig(reader, uri="a.mp4").run()
    assert rig.outbox.states[-1] == state
    assert rig.outbox.statuses[-1].cause is cause
    assert rig.capture.failure.cause is cause
    assert rig.clock.waits == []


def test_a_looped_file_starts_again_and_time_goes_on_increasing():
    rig = Rig(uri="a.mp4", loop=True)
    rig.plays(ScriptedSource(_images(3)), ScriptedSource(_images(3)), ScriptedSource([IMAGE, rig.capture.stop, IMAGE]))
    rig.run()
    assert rig.times == pytest.approx([n / 10 for n in range(8)])
    assert rig.outbox.states == ["connecting", "online"]


def test_a_looped_file_without_pictures_ends():
    rig = Rig(ScriptedSource([]), uri="a.mp4", loop=True).run()
    assert rig.outbox.states == ["connecting", "offline"]


def test_a_paced_file_is_played_at_its_own_speed_and_lives_in_real_time():
    rig = Rig(ScriptedSource(_images(4), fps=10), uri="a.mp4", paced=True).run()
    assert rig.clock.waits == pytest.approx([0.1, 0.1, 0.1])
    assert [frame.received_s for frame in rig.outbox.frames] == pytest.approx([1000.0, 1000.1, 1000.2, 1000.3])
    assert rig.outbox.frames[-1].captured_at == rig.clock.utc()
    assert rig.times == pytest.approx([0.0, 0.1, 0.2, 0.3])


def test_a_replay_at_its_own_speed_keeps_the_times_of_the_recording():
    source = ScriptedSource(_images(2), fps=10, started_at=STARTED)
    rig = Rig(source, uri="a.mp4", paced=True, wall_time=False).run()
    assert [frame.captured_at for frame in rig.outbox.frames] == [STARTED, STARTED + timedelta(seconds=0.1)]
    assert [frame.received_s for frame in rig.outbox.frames] == pytest.approx([1000.0, 1000.1])


def test_stopping_interrupts_the_wait_for_a_paced_picture():
    rig = Rig(uri="a.mp4", paced=True)
    rig.plays(ScriptedSource([IMAGE, rig.capture.stop, IMAGE, IMAGE]))
    rig.run()
    assert len(rig.outbox.frames) == 1
    assert rig.outbox.states == ["connecting", "online"]
    assert rig.counts.in_flight == 0


def test_when_nobody_takes_the_frames_run_returns_and_the_frame_is_counted():
    rig = Rig(ScriptedSource(_images(9)), uri="a.mp4", closes_after=2).run()
    assert rig.counts.outcomes[Outcome.DROPPED_QUEUE] == 1
    assert (rig.counts.captured, rig.counts.in_flight) == (3, 0)


def test_the_reader_is_closed_however_a_session_ends():
    for script, closes_after in (([IMAGE, GONE], None), ([IMAGE], None), (_images(5), 1)):
        source = ScriptedSource(script)
        Rig(source, uri="a.mp4", closes_after=closes_after).run()
        assert source.closed


def test_a_snapshot_tells_size_rate_age_and_address_without_password():
    rig = Rig()
    before = rig.capture.snapshot()
    assert (before.state, before.last_frame_age_s, before.width, before.fps) == ("connecting", None, None, 0.0)
    tick = lambda: rig.clock.advance(0.1)  # noqa: E731
    rig.plays(ScriptedSource([*[IMAGE, tick] * 80, tick, rig.capture.stop]))
    rig.run()
    now = rig.capture.snapshot()
    assert now.uri == "rtsp://***@cam/1"
    assert (now.width, now.height, now.state) == (6, 4, "online")
    assert now.fps == pytest.approx(10, abs=0.5)
    assert now.last_frame_age_s == pytest.approx(0.2, abs=0.01)
    assert now.frames.captured == 80
    rig.clock.advance(60)
    assert rig.capture.snapshot().fps == 0.0


@pytest.mark.parametrize(("uri", "kept"), [("rtsp://cam/1", [8, 9]), ("a.mp4", list(range(10)))])
def test_live_sources_keep_the_newest_frames_and_files_lose_none(uri, kept):
    channel = Channel(2, lane_of=lambda item: item.source_id, droppable=lambda item: not item.lossless)

    def emit(item):
        if isinstance(item, Frame) and channel.put(item):
            rig.ledger.settle("door", Outcome.DROPPED_QUEUE)

    rig = Rig(uri=uri, emit=emit)
    rig.plays(ScriptedSource([*_images(10), rig.capture.stop]))
    thread = Thread(target=rig.run)
    thread.start()
    if uri != "a.mp4":
        thread.join(10)  # a file waits for room instead
    taken = []
    while len(taken) < len(kept):
        taken += [item.index for item in channel.get_batch(max_items=1)]
    thread.join(10)
    assert taken == kept
    assert rig.counts.outcomes[Outcome.DROPPED_QUEUE] == 10 - len(kept)


@pytest.mark.parametrize("uri", ["rtsp://cam/1", "a.mp4"])
def test_a_source_that_leaves_says_so_last_and_hands_on_nothing_more(uri):
    rig = Rig(uri=uri)
    rig.plays(ScriptedSource([IMAGE, lambda: rig.capture.leave("paused"), IMAGE, IMAGE]))
    rig.run()
    assert rig.outbox.states == ["connecting", "online", "ended"]
    last = rig.outbox.statuses[-1]
    assert (last.cause, last.detail, rig.capture.snapshot().state) == (None, "paused", "ended")
    assert len(rig.outbox.frames) == 1
    assert rig.capture.failure is None


def test_one_that_leaves_during_an_outage_says_so_and_one_that_only_stops_does_not():
    rig = Rig()

    def refuse(_config):
        rig.capture.leave("removed")
        raise REFUSED

    rig._opener = refuse
    assert rig.run().outbox.states == ["connecting", "ended"]
    rig = _live([IMAGE])
    rig.plays(ScriptedSource([IMAGE, rig.capture.stop]))
    assert rig.run().outbox.states == ["connecting", "online"]


def test_a_file_that_has_ended_does_not_end_twice():
    rig = Rig(ScriptedSource(_images(1)), uri="a.mp4").run()
    rig.capture.leave("removed")
    assert rig.outbox.states == ["connecting", "online", "ended"]


def test_what_was_ended_before_it_began_opens_nothing_and_says_nothing():
    rig = Rig(ScriptedSource(_images(3)))
    rig.capture.leave("paused")
    assert rig.run().outbox.states == []


def test_frames_are_numbered_on_when_a_source_comes_back():
    indices, numbered = Numbering(first=0), []
    for _ in range(2):
        rig = Rig(ScriptedSource(_images(2)), uri="a.mp4", indices=indices).run()
        numbered += [frame.index for frame in rig.outbox.frames]
    assert numbered == [0, 1, 2, 3]


@pytest.mark.parametrize("uri", ["a.mp4", "rtsp://cam/1"])
def test_what_a_reader_lost_is_counted_also_when_nothing_follows(uri):
    rig = Rig(uri=uri)
    script = [IMAGE, Losses(lost=3), IMAGE, Losses(lost=1, damaged=2), rig.capture.stop]
    rig.plays(ScriptedSource(script))
    rig.run()
    outcomes = rig.counts.outcomes
    assert (outcomes[Outcome.LOST], outcomes[Outcome.DAMAGED]) == (4, 2)
    assert rig.counts.captured == sum(outcomes.values()) == 8 - rig.counts.in_flight
