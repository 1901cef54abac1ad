"""Settings of running stages, turned."""

from dataclasses import replace

import pytest

from engine.channel import Channel
from engine.detectors.haar import Haar
from engine.detectors.parallel import Parallel
from engine.ledger import Ledger
from engine.stages.chip import Chip, ChipConfig
from engine.stages.classify import ClassifyConfig
from engine.stages.detect import Detect, DetectConfig
from engine.stages.smooth import Smooth, SmoothConfig
from engine.stages.track import Track, TrackConfig
from engine.testing import FakeClock
from engine.worker import Worker
from pipelines.config import StagesConfig
from pipelines.knobs import TURNED, Knobs, turned


def other(value):
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        return "calm"
    return value + 10 if isinstance(value, int) else value / 2


def wanted():
    """Every setting that can be turned, turned."""
    running, blocks = StagesConfig(), {}
    for stage, keys in TURNED.items():
        block = getattr(running, stage)
        blocks[stage] = replace(block, **{key: other(getattr(block, key)) for key in keys})
    return replace(running, **blocks)


def test_every_setting_that_is_called_turned_reaches_its_stage():
    detector = Parallel(Haar(), 2)
    stages = StagesConfig()
    chip = Chip(stages.chip)
    knobs = Knobs(
        detector,
        [Detect(detector, stages.detect, Ledger(), FakeClock())],
        [Track(stages.track, "run")],
        chip,
        Worker("classify", Channel(1), chip, max_wait_s=0.01),
        Smooth(stages.smooth, None),
    )
    new = wanted()
    assert turned(stages, new) == new
    knobs.turn(new)
    assert detector.min_score == new.detect.min_score == 0.3
    assert knobs.labeller.max_wait_s == pytest.approx(0.005)
    for track in knobs.tracks:
        track.process([])
    knobs.smooth.process([])
    assert knobs.detects[0]._config == new.detect
    assert (knobs.tracks[0]._config, chip._config, knobs.smooth._config) == (new.track, new.chip, new.smooth)


@pytest.mark.parametrize(
    ("stage", "config"),
    [
        ("detect", DetectConfig(size=320, model="haar", device="cpu", threads=3, workers=2)),
        ("track", TrackConfig()),
        ("chip", ChipConfig()),
        ("classify", ClassifyConfig(model="x", max_batch=2, device="cpu", threads=1)),
        ("smooth", SmoothConfig()),
    ],
)
def test_what_takes_a_model_or_threads_is_not_turned(stage, config):
    running = StagesConfig()
    assert turned(running, replace(running, **{stage: config})) == running
