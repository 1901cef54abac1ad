"""What of the settings of the stages can be taken over while they run."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from engine.detectors.base import TunableDetector
from engine.stages.chip import Chip
from engine.stages.detect import Detect
from engine.stages.smooth import Smooth
from engine.stages.track import Track
from engine.worker import Worker
from pipelines.config import StagesConfig

TURNED = {
    "detect": ("min_score", "every_s", "max_age_s"),
    "track": ("max_missing_s", "confirm_s", "max_distance"),
    "chip": ("size", "min_size", "min_sharpness", "max_yaw_deg", "min_brightness", "min_shown", "min_score"),
    "classify": ("max_wait_ms",),
    "smooth": (
        "preset",
        "half_life_s",
        "min_dwell_s",
        "min_confidence",
        "margin",
        "hold_s",
        "own_neutral",
        "update_s",
        "state_ttl_s",
    ),
}
"""The keys of each stage that `Knobs.turn` takes over; no model is opened anew for them."""


def turned(running: StagesConfig, wanted: StagesConfig) -> StagesConfig:
    """`running` with all of `wanted` that can be taken over."""
    blocks = {
        stage: replace(getattr(running, stage), **{key: getattr(getattr(wanted, stage), key) for key in keys})
        for stage, keys in TURNED.items()
    }
    return replace(running, **blocks)


@dataclass(frozen=True)
class Knobs:
    """The running stages. Tracks and filters go on; nothing is lost."""

    detector: TunableDetector
    detects: Sequence[Detect]
    tracks: Sequence[Track]
    chip: Chip
    labeller: Worker[Any, Any]
    smooth: Smooth

    def turn(self, stages: StagesConfig) -> None:
        """From about the next batch on these settings hold, as far as `TURNED` names them; any thread."""
        self.detector.min_score = stages.detect.min_score
        for detect in self.detects:
            detect.adopt(stages.detect)
        for track in self.tracks:
            track.adopt(stages.track)
        self.chip.adopt(stages.chip)
        self.labeller.max_wait_s = stages.classify.max_wait_ms / 1000
        self.smooth.adopt(stages.smooth)
