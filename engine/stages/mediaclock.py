"""The clock of a file that may be played again and again."""


class MediaClock:
    """A file's time, which goes on increasing when the file starts again."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._offset_s = 0.0
        self._begins_s: float | None = None
        self._step_s = 0.1
        self._count = 0

    def advance(self, media_s: float) -> float:
        time_s = self._offset_s + media_s
        if self._count:
            self._step_s = time_s - self.now_s
        self._count += 1
        self.now_s = time_s
        return time_s

    def early_s(self, now_s: float, epoch_s: float) -> float:
        """Seconds until the last picture is due, in a file played at its own speed from its first picture on."""
        if self._begins_s is None:
            self._begins_s = max(epoch_s, now_s - self.now_s)
        return self._begins_s + self.now_s - now_s

    def next_loop(self) -> bool:
        """Go on one picture's duration after the last one; False when the last loop had no picture."""
        seen, self._count = self._count > 0, 0
        self._offset_s = self.now_s + self._step_s
        return seen
