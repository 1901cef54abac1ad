"""How far a live stream is behind: its own clock, compared with when its frames arrive."""

_DRIFT = 0.002
"""No camera's clock is thought to be more wrong than this: 2 ms in a second."""
_GRACE_S = 2.0
"""A backlog that is gone within this time is no reason to connect again."""
_BACKLOG_S = 0.5
_STEP_S, _SETTLED_S = 0.25, 0.5
"""A lateness that falls by steps of the first, each within the second, is being caught up with."""


class Lag:
    """Seconds by which the frames of one connection are late, the promptest of them being on time.

    Time stamps that go back start the comparison again; ones that jump ahead are caught up with. A link that is too
    thin, or a decoder that is too slow, shows as frames that arrive later and later.

    >>> lag = Lag(max_s=3)
    >>> [round(lag.take(media_s=n / 10, now_s=50 + n / 5), 1) for n in (0, 10, 20)]
    [0.0, 1.0, 2.0]
    >>> lag.is_over, lag.wants_live_edge
    (False, False)
    """

    def __init__(self, max_s: float | None) -> None:
        """`max_s`: the most that may be handed on; None sets no limit."""
        self._max_s = max_s
        self._offset_s: float | None = None
        self._media_s = self._now_s = 0.0
        self._over_since_s: float | None = None
        self._low_s = self._low_at_s = 0.0
        self._shrinks = False
        self.seconds = 0.0
        """Lateness of the last frame."""
        self.is_backlog = False
        """Whether the last frame came faster than it was filmed, with newer ones behind it."""

    def take(self, media_s: float, now_s: float) -> float:
        """The lateness of a frame that the stream stamps with `media_s` and that arrived at `now_s`."""
        offset_s = now_s - media_s
        if self._offset_s is None or media_s < self._media_s:
            self._offset_s = offset_s
            self.is_backlog = False
        else:
            passed_s, filmed_s = now_s - self._now_s, media_s - self._media_s
            self._offset_s = min(offset_s, self._offset_s + _DRIFT * passed_s)
            is_fast = passed_s < 0.5 * filmed_s
            self.is_backlog = self._is_shrinking(offset_s - self._offset_s, now_s, is_fast)
        self._media_s, self._now_s = media_s, now_s
        self.seconds = offset_s - self._offset_s
        if not self.is_over:
            self._over_since_s = None
        elif self._over_since_s is None:
            self._over_since_s = now_s
        return self.seconds

    def _is_shrinking(self, lag_s: float, now_s: float, is_fast: bool) -> bool:
        """Whether frames are being caught up with; one that `is_fast` came much sooner than it was filmed."""
        if lag_s <= _BACKLOG_S:
            self._low_s, self._low_at_s, self._shrinks = lag_s, now_s, False
            return False
        if lag_s < self._low_s - _STEP_S:
            self._low_s, self._low_at_s, self._shrinks = lag_s, now_s, True
        elif now_s - self._low_at_s > _SETTLED_S:
            self._low_s, self._low_at_s, self._shrinks = lag_s, now_s, False
        return is_fast or self._shrinks

    @property
    def is_over(self) -> bool:
        """Whether the last frame is too old to be handed on."""
        return self._max_s is not None and self.seconds > self._max_s

    @property
    def wants_live_edge(self) -> bool:
        """Whether frames have been too old for so long that a new connection shows the present sooner."""
        return self._over_since_s is not None and self._now_s - self._over_since_s >= _GRACE_S
