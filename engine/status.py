"""What the engine tells about itself: plain snapshots, read by the API, the metrics and the log."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from engine.channel import ChannelStats
from engine.datarights import Commercial
from engine.ledger import NO_FRAMES, FrameCounts
from engine.modelcard import ModelCard
from engine.progress import StuckStage


@dataclass(frozen=True, slots=True)
class SourceSnapshot:
    """One source. `uri` is redacted; `last_frame_age_s` is None before the first frame.

    `lag_s` is how old frames are when they arrive, by the camera's clock; None where that is not known.
    """

    source_id: str
    uri: str
    state: str
    cause: str | None
    detail: str
    frames: FrameCounts
    width: int | None
    height: int | None
    fps: float
    last_frame_age_s: float | None
    lag_s: float | None
    reconnects: int
    tracks: int


@dataclass(frozen=True, slots=True)
class ModelSnapshot:
    """A model in use and the device it was proven to run on. `card` is None for one that has none.

    `report` is where a page on it would lie; None for a model without a file of its own.
    """

    stage: str
    name: str
    version: str
    sha256: str
    device: str
    card: ModelCard | None = None
    report: Path | None = None

    @property
    def commercial(self) -> Commercial:
        """What the terms of the data behind it allow; `unknown` without a card."""
        return self.card.commercial if self.card else "unknown"


@dataclass(frozen=True, slots=True)
class SinkSnapshot:
    """The history or the bus. `url` is redacted, `state` is `ok` or `down`, `pending` counts rows to send.

    `cause` is one word for why a bus is down (`engine.errors.BusCause`); `lost` counts events that were gone
    from the history before the bus could have them.
    """

    url: str
    state: str
    detail: str
    pending: int
    cause: str | None = None
    lost: int = 0


@dataclass(frozen=True, slots=True)
class RunStatus:
    """One consistent look at a run. `state`: `starting`, `running`, `draining`, `stopped`, `failed`."""

    run_id: str
    name: str
    version: str
    state: str
    started_at: datetime
    uptime_s: float
    ready: bool
    sources: tuple[SourceSnapshot, ...]
    models: tuple[ModelSnapshot, ...]
    channels: Mapping[str, ChannelStats]
    events: Mapping[str, int]
    """Published events by type."""
    chips: Mapping[str, int]
    """Chips by outcome: `classified`, `gated`, `dropped_queue`."""
    history: SinkSnapshot
    bus: SinkSnapshot
    stuck: tuple[StuckStage, ...] = ()
    """Stages whose call does not return, the longest first; the run is not ready then."""
    removed: FrameCounts = NO_FRAMES
    """Of all sources that have been removed meanwhile, together."""
    rejected_tracks: int = 0
    """Tracks that were never told, since they are no faces."""


class EngineView(Protocol):
    """What the API needs of a running engine. Any thread may call it."""

    def status(self) -> RunStatus: ...
