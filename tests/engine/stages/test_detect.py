"""The detect stage: what is due, what is stale, what is counted."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from engine.errors import Cause
from engine.items import Detection, Frame, Image, SourceStatus
from engine.ledger import Ledger, Outcome
from engine.stages.detect import Detect, DetectConfig, DetectedFrame
from engine.testing import FakeClock

NOW = datetime(2026, 1, 1, tzinfo=UTC)
START_S = 1000.0


class Counting:
    """Finds one face per picture, whose score is the picture's first value; notes its batches."""

    name = "counting"
    has_landmarks = False

    def __init__(self) -> None:
        self.batches: list[int] = []

    def detect(self, images: Sequence[Image]) -> list[tuple[Detection, ...]]:
        self.batches.append(len(images))
        return [(Detection((0, 0, 4, 4), image[0, 0, 0] / 100),) for image in images]


class Rig:
    """A stage with its collaborators; `feed` enters frames into the ledger as capture does."""

    def __init__(self, **config: object) -> None:
        self.detector = Counting()
        self.ledger = Ledger()
        self.clock = FakeClock(START_S)
        self.stage = Detect(self.detector, DetectConfig(**config), self.ledger, self.clock)

    def feed(self, *items: Frame | SourceStatus) -> Sequence[DetectedFrame | SourceStatus]:
        for item in items:
            if isinstance(item, Frame):
                self.ledger.enter(item.source_id)
        return self.stage.process(items)

    def detected(self, *times: float, source: str = "door") -> list[float]:
        """The times at which it detected when frames of these times came one by one."""
        found = [self.feed(frame(time_s, source))[0] for time_s in times]
        return [item.frame.time_s for item in found if isinstance(item, DetectedFrame) and item.faces is not None]

    def outcomes(self, source: str = "door") -> dict[Outcome, int]:
        counts = self.ledger.snapshot()[source]
        assert counts.in_flight == 0
        return {outcome: count for outcome, count in counts.outcomes.items() if count}


def frame(
    time_s: float, source: str = "door", value: int = 50, received_s: float = START_S, lossless: bool = False
) -> Frame:
    image = np.full((8, 8, 3), value, np.uint8)
    return Frame(source, 0, time_s, NOW, image, received_s=received_s, lossless=lossless)


def status(state: str, source: str = "door") -> SourceStatus:
    return SourceStatus(source, state, Cause.ENDED, "", 0.0, NOW)


@pytest.mark.parametrize(
    "every_s, times, detected",
    [
        (0.1, [0, 0.04, 0.08, 0.12, 0.16, 0.2], [0, 0.12, 0.2]),  # keeps its phase: 0.12 does not move 0.2
        (0.1, [0, 0.1, 0.2 - 1e-9], [0, 0.1, 0.2 - 1e-9]),  # a rounding error early is on time
        (0.1, [5, 5.05, 6.0, 6.05, 6.1], [5, 6.0, 6.1]),  # after a gap the phase begins anew
        (0, [0, 0.01, 0.02], [0, 0.01, 0.02]),  # every frame
        (1, [7, 7.5, 3, 3.5, 4], [7, 3, 4]),  # the stream's clock went back: a loop
    ],
)
def test_a_frame_is_detected_when_it_is_due(every_s, times, detected):
    assert Rig(every_s=every_s).detected(*times) == detected


@pytest.mark.parametrize("fps", [5, 15, 24, 30])
def test_the_rate_is_held_over_time_at_any_frame_rate(fps):
    detected = Rig(every_s=0.2).detected(*(index / fps for index in range(10 * fps)))
    assert len(detected) == 50


def test_frames_that_are_not_due_go_on_without_faces_and_are_counted():
    rig = Rig(every_s=1)
    items = rig.feed(frame(0), frame(0.1), frame(0.2))
    assert [item.faces is None for item in items] == [False, True, True]
    assert rig.outcomes() == {Outcome.INFERRED: 1, Outcome.SKIPPED_INTERVAL: 2}


def test_due_frames_of_all_sources_are_one_batch_and_keep_their_order():
    rig = Rig(every_s=0)
    items = rig.feed(frame(0, "a", 10), frame(3, "b", 20), status("online", "c"), frame(1, "a", 30))
    assert rig.detector.batches == [3]
    assert [item.faces[0].score if isinstance(item, DetectedFrame) else item.state for item in items] == [
        0.1,
        0.2,
        "online",
        0.3,
    ]


def test_sources_are_due_independently():
    rig = Rig(every_s=1)
    assert rig.detected(0, 0.5, source="a") == [0]
    assert rig.detected(0.4, 0.5, source="b") == [0.4]


@pytest.mark.parametrize(
    "age_s, lossless, outcome",
    [
        (1.9, False, Outcome.INFERRED),
        (2.1, False, Outcome.DROPPED_STALE),
        (500.0, True, Outcome.INFERRED),  # files forget nothing
    ],
)
def test_live_frames_that_waited_too_long_vanish_counted(age_s, lossless, outcome):
    rig = Rig(max_age_s=2)
    items = rig.feed(frame(0, received_s=START_S - age_s, lossless=lossless))
    assert len(items) == (outcome is Outcome.INFERRED)
    assert rig.outcomes() == {outcome: 1}


def test_a_stale_frame_does_not_use_up_its_turn():
    rig = Rig(every_s=1)
    rig.feed(frame(0, received_s=START_S - 10))
    assert rig.detected(0.2) == [0.2]


@pytest.mark.parametrize(
    "state, forgotten", [("ended", True), ("offline", True), ("online", False), ("stalled", False)]
)
def test_a_sources_schedule_dies_with_it(state, forgotten):
    rig = Rig(every_s=10)
    rig.feed(frame(0), status(state))
    assert rig.detected(1) == ([1] if forgotten else [])


def test_a_detector_that_raises_leaves_its_frames_in_flight_for_the_runner_to_settle():
    rig = Rig()
    rig.detector.detect = lambda images: 1 / 0  # type: ignore[method-assign]
    with pytest.raises(ZeroDivisionError):
        rig.feed(frame(0))
    assert rig.ledger.snapshot()["door"].in_flight == 1


def test_nothing_in_means_no_call_to_the_detector():
    rig = Rig()
    assert rig.feed() == [] and rig.feed(status("online")) == [status("online")]
    assert rig.detector.batches == []
    assert rig.stage.flush() == []
    rig.stage.close()


def test_places_below_the_threshold_are_told_apart_from_faces() -> None:
    rig = Rig(every_s=0)
    rig.stage = Detect(rig.detector, DetectConfig(every_s=0), rig.ledger, rig.clock, faint=True)
    clear, faint = rig.feed(frame(0.0, value=60), frame(0.1, value=31))
    assert isinstance(clear, DetectedFrame) and isinstance(faint, DetectedFrame)
    assert (len(clear.faces or ()), clear.faint) == (1, ())
    assert (faint.faces, faint.faint) == ((), ((0, 0, 4, 4),))


def test_the_first_frame_of_a_scene_is_always_due():
    rig = Rig(every_s=1.0)
    photographs = [replace(frame(number / 10), cut=True) for number in range(4)]
    assert all(item.faces is not None for item in rig.feed(*photographs))
    assert rig.detected(0.4, 1.2, 1.3) == [1.3]
