"""A source that is tried: the first picture counts, all is closed, and time is bounded."""

from queue import Queue
from threading import Event
from typing import Any

import numpy as np
import pytest

from engine.errors import Cause, SourceError
from engine.sources.config import SourceConfig
from engine.sources.rules import NO_ANSWER
from engine.sources.trial import Seen, TooManyTrials, Trial, Trials
from engine.testing import ScriptedSource, opening

CAMERA = SourceConfig(id="cam", uri="rtsp://u:hunter2@10.0.0.7/x", open_timeout_s=60, read_timeout_s=60)
PICTURE = np.zeros((48, 64, 3), np.uint8)


def tried(*script: Any, config: SourceConfig = CAMERA, within_s: float = 30.0) -> tuple[Trial, ScriptedSource]:
    source = ScriptedSource(script)
    trial = Trial(config, opening(source), within_s, lambda: None)
    trial.run()
    return trial, source


def test_the_first_picture_is_what_is_seen() -> None:
    trial, source = tried(None, PICTURE, SourceError(Cause.ENDED, "not read any more"))
    assert isinstance(trial.outcome, Seen)
    assert (trial.outcome.image.shape, trial.outcome.declared.codec, source.closed) == ((48, 64, 3), "script", True)


def test_what_fails_says_why_and_is_closed() -> None:
    trial, source = tried(None, SourceError(Cause.CODEC, "damaged"))
    assert isinstance(trial.outcome, SourceError) and trial.outcome.cause is Cause.CODEC
    assert source.closed


def test_no_time_out_is_longer_than_a_trial_lasts() -> None:
    asked: list[SourceConfig] = []

    def refuse(config: SourceConfig) -> Any:
        asked.append(config)
        raise SourceError(Cause.AUTH, "no")

    Trial(CAMERA, refuse, 4.0, lambda: None).run()
    assert (asked[0].open_timeout_s, asked[0].read_timeout_s) == (2.0, 2.0)


def test_pictures_that_never_come_end_with_the_time_and_with_who_asked() -> None:
    trial, source = tried(*[None] * 1000, within_s=1e-6)
    assert isinstance(trial.outcome, SourceError) and trial.outcome.cause is Cause.TIMEOUT
    assert "no picture within 1e-06 s" in str(trial.outcome) and "hunter2" not in str(trial.outcome)
    assert source.closed
    left = Trial(CAMERA, opening(ScriptedSource([None, PICTURE])), 60.0, lambda: None)
    left.give_up()
    left.run()
    assert isinstance(left.outcome, SourceError)


def test_a_host_that_has_not_answered_when_time_is_over_sounds_as_a_closed_one() -> None:
    late = Trial(CAMERA, opening(ScriptedSource([])), 5.0, lambda: None).late()
    assert (late.cause, str(late)) == (Cause.REFUSED, f"rtsp://***@10.0.0.7/x: {NO_ANSWER}")
    told = Trial(CAMERA, opening(ScriptedSource([])), 5.0, lambda: None, tells_all=True).late()
    assert (told.cause, str(told)) == (Cause.TIMEOUT, "rtsp://***@10.0.0.7/x: no answer within 5 s")


def test_a_place_is_taken_until_its_thread_is_back() -> None:
    trials, opened, go_on, done = Trials(limit=1), Event(), Event(), Queue[int]()

    def hang(_config: SourceConfig) -> Any:
        opened.set()
        assert go_on.wait(30)
        raise SourceError(Cause.TIMEOUT, "back")

    trial = trials.begin(CAMERA, hang, lambda: done.put(1))
    assert opened.wait(30)
    trial.give_up()
    with pytest.raises(TooManyTrials):
        trials.begin(CAMERA, hang, lambda: None)
    go_on.set()
    done.get(timeout=30)
    trials.begin(CAMERA, opening(ScriptedSource([PICTURE])), lambda: done.put(2))
    assert done.get(timeout=30) == 2
