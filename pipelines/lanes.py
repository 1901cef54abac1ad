"""The channels of the line: how much waits in each, in which lanes, and what may be dropped."""

from collections.abc import Hashable
from typing import Any

from engine.channel import Channel
from engine.items import FaceChip, Frame, SourceStatus, TrackEnded, Unseen

CAMERAS = 4096
"""No worker takes frames of more sources than this at once."""
FRAMES = 2
"""Frames per source, times those taken at once."""
LIVE_CHIPS = 1
"""Chips per live track: an older one says nothing that the newer one does not."""
FILE_CHIPS = 32
"""Chips per file."""
READINGS = 256
EVENTS = 4096
"""Twenty seconds of a busy box: so long may the disk keep the history waiting before anything else waits."""
STORED_AT_ONCE = 1000
STORE_WITHIN_S = 0.05
"""Live events wait for each other this long, to be stored in one transaction."""

Chipped = FaceChip | Unseen | TrackEnded | SourceStatus


def frame_channel(abreast: int = 1) -> Channel[Any]:
    """Frames and source states; a lane per source. Live frames make room for newer ones, files wait.

    `abreast` frames of a source are taken at once.
    """
    return Channel(
        FRAMES * abreast, lambda item: item.source_id, lambda item: isinstance(item, Frame) and not item.lossless
    )


def chip_channel() -> Channel[Any]:
    """Chips and markers. Files keep all chips of a source in order; a live track keeps its newest."""
    return Channel(_chip_capacity, _chip_lane, _is_live)


def reading_channel() -> Channel[Any]:
    """Readings and markers, in one lane."""
    return Channel(READINGS)


def event_channel() -> Channel[Any]:
    """Events, in one lane; none is dropped. When a slow disk has filled it, smoothing waits, then the classifier,
    and before that live chips make room, counted; cameras are read on."""
    return Channel(EVENTS)


def _is_live(item: Any) -> bool:
    return isinstance(item, Frame | FaceChip | Unseen) and not item.lossless


def _chip_lane(item: Chipped) -> Hashable:
    if isinstance(item, SourceStatus):
        return item.source_id
    return item.key.source_id if item.lossless else item.key


def _chip_capacity(lane: Hashable) -> int:
    return LIVE_CHIPS if isinstance(lane, tuple) else FILE_CHIPS
