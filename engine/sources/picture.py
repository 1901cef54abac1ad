"""What every reader of footage offers, and what it hands out."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from engine.items import Image


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One decoded picture: uint8 `(H, W, 3)` BGR.

    `media_s` counts seconds from the first picture and strictly increases; None where footage is live.
    """

    image: Image
    media_s: float | None
    missed: int = 0
    """So many pictures that arrived before it were given up for it; they count as dropped."""
    spoiled: int = 0
    """So many that arrived before it could not be decoded; they count as failed."""
    cut: bool = False
    """Another scene begins with it, for instance the next of many photographs."""
    lag_s: float | None = None
    """How long before its arrival it was filmed; None where nothing tells, or where footage is not live."""


@dataclass(frozen=True, slots=True)
class Losses:
    """Frames that a reader has not handed out, counted since it was opened.

    `lost`: not there, or nothing in them could be decoded. `damaged`: decoded with errors, or built on such a frame.
    `stale`: too late, with newer ones behind them.
    """

    lost: int = 0
    damaged: int = 0
    stale: int = 0

    def since(self, earlier: "Losses") -> "Losses":
        """What came after `earlier`."""
        return Losses(self.lost - earlier.lost, self.damaged - earlier.damaged, self.stale - earlier.stale)


NO_LOSSES = Losses()


@dataclass(frozen=True, slots=True)
class Declared:
    """What footage says of itself; None where it says nothing. `fps` are pictures a second."""

    codec: str | None = None
    fps: float | None = None
    stills: bool = False
    """Pictures that do not follow one another: each is a scene of its own."""


class Reader(Protocol):
    """Opened footage, read and closed by one thread: closing from another one crashes the process."""

    @property
    def declared(self) -> Declared:
        """What it says of itself."""

    @property
    def duration_s(self) -> float | None:
        """As the footage declares it; None where it is live or unknown."""

    @property
    def started_at(self) -> datetime | None:
        """When the footage began, in UTC; None where it is live."""

    @property
    def frame_count(self) -> int | None:
        """How many pictures to expect, for progress; None where it is live or unknown."""

    @property
    def losses(self) -> Losses:
        """What was lost or damaged so far; stays readable after the end, until `close`."""

    def read(self) -> Picture | None:
        """The next picture. None: one arrived that is not wanted (rate cap) or not due yet; read again.

        Blocks for the source's `read_timeout_s` at most, twice that when a decoder holds back a picture.

        Raises:
            SourceError: the footage ended (`Cause.ENDED`) or was lost; the reader can only be closed now.
        """

    def close(self) -> None:
        """Free what is open. Closing twice does nothing."""


class RateCap:
    """Says which moments are wanted so that at most `fps` are; all are when `fps` is None.

    >>> cap = RateCap(10)
    >>> [number for number in range(8) if cap.wants(number / 15)]
    [0, 2, 3, 5, 6]
    """

    def __init__(self, fps: float | None) -> None:
        self._period_s = 1.0 / fps if fps else 0.0
        self._due_s: float | None = None

    def wants(self, moment_s: float) -> bool:
        """Whether the picture of this moment is wanted; moments do not go back."""
        if not self._period_s or self._due_s is None:
            self._due_s = moment_s + self._period_s
            return True
        if moment_s + 1e-6 < self._due_s:
            return False
        late_s = moment_s - self._due_s
        self._due_s = (self._due_s if late_s < self._period_s else moment_s) + self._period_s
        return True
