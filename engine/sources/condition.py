"""How well a source delivers: whole frames, too many damaged ones, or the same picture all the time."""

from collections import deque

from engine.errors import Cause
from engine.items import Image
from engine.sources.config import SourceConfig
from engine.sources.picture import Losses
from engine.sources.stillness import Stillness

_WINDOW_S = 30
_MANY, _FEW = 0.01, 0.005
"""Shares of lost or damaged frames: above the first a source is degraded, below the second it no longer is."""
_AT_LEAST = 3
_CAN_FREEZE = ("rtsp", "http", "webcam")


class DamageShare:
    """How many frames of the last 30 s were lost or damaged. For one thread."""

    def __init__(self) -> None:
        self._seconds: deque[list[int]] = deque()
        self._many = False

    def add(self, now_s: float, whole: int = 0, lost: int = 0, damaged: int = 0) -> None:
        """So many frames arrived just now, or did not."""
        second = int(now_s)
        if not self._seconds or self._seconds[-1][0] != second:
            self._seconds.append([second, 0, 0, 0])
        for place, count in enumerate((whole, lost, damaged), start=1):
            self._seconds[-1][place] += count
        while self._seconds[0][0] <= second - _WINDOW_S:
            self._seconds.popleft()

    def trouble(self) -> tuple[Cause, str] | None:
        """Which of the two it is, and how many, for people; None while they are few."""
        whole, lost, damaged = (sum(each[place] for each in self._seconds) for place in (1, 2, 3))
        bad = lost + damaged
        share = bad / (whole + bad) if bad else 0.0
        self._many = bad >= _AT_LEAST and share > (_FEW if self._many else _MANY)
        if not self._many:
            return None
        told = f"{share:.0%}" if share >= 0.1 else f"{share:.1%}"
        cause = Cause.LOST if lost > damaged else Cause.DAMAGED
        return cause, f"{told.replace('%', ' %')} of the frames of the last 30 s: {lost} lost, {damaged} damaged"


class Condition:
    """What is known of a source that delivers, over all of its connections. For one thread."""

    def __init__(self, config: SourceConfig) -> None:
        self._frozen_after_s = (config.frozen_after_s or None) if config.kind in _CAN_FREEZE else None
        self._advice = "; set transport: tcp" if (config.kind, config.transport) == ("rtsp", "udp") else ""
        self._damage = DamageShare()
        self._stillness = Stillness()
        self._still_s = 0.0

    def picture(self, now_s: float, image: Image) -> None:
        """A wanted picture arrived, uint8 `(H, W, 3)`."""
        self._damage.add(now_s, whole=1)
        if self._frozen_after_s is not None:
            self._still_s = self._stillness.take(image, now_s)

    def unwanted(self, now_s: float) -> None:
        """A picture arrived that is not wanted."""
        self._damage.add(now_s, whole=1)

    def losses(self, now_s: float, new: Losses) -> None:
        """So many more frames were lost or damaged."""
        if new.lost or new.damaged:
            self._damage.add(now_s, lost=new.lost, damaged=new.damaged)

    def judge(self) -> tuple[str, Cause | None, str]:
        """`online`, `degraded` or `frozen`, with its cause and what to tell people."""
        if self._frozen_after_s is not None and self._still_s >= self._frozen_after_s:
            return "frozen", None, f"the same picture for {self._still_s:.0f} s; frozen_after_s: 0 for a test card"
        if trouble := self._damage.trouble():
            cause, detail = trouble
            return "degraded", cause, detail + self._advice
        return "online", None, ""
