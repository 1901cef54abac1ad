"""Counts frames that are lost or damaged, from what demuxer and decoder say about each packet."""

from collections import deque
from typing import Any, NamedTuple

from engine.sources.picture import Losses

_KEPT_GROUPS = 8
_MAX_TAINT = 250
"""After so many sound packets a stream without key frames (intra refresh) counts as healed."""
_MAX_HELD = 4
_STEPS = 15
_UNREAD_BYTES = 1024
# Demuxers of these formats search for the next packet behind bytes that they cannot read, and do not tell.
_SEARCHING = ("matroska", "avi", "flv", "asf")


class _Place(NamedTuple):
    """Where a packet stands in decoding order. `group` numbers the key frames: what follows one builds on it."""

    number: int
    group: int


class DamageWatch:
    """Says which frames may be used, and counts the others. One thread.

    A frame is damaged when the decoder reports errors in it, when its packet was incomplete, or when it builds on such
    a frame: until the next key frame nothing after it is sound. A frame is lost when its packet cannot be decoded, or
    when time is missing right where damage was seen. A gap in time alone is no loss: many recordings have gaps.
    """

    def __init__(self, format_name: str, patient: bool) -> None:
        """`patient`: hold frames back, a few at most, until all they may build on have been decoded."""
        self.lost = self.damaged = 0
        self._searches = format_name.startswith(_SEARCHING)
        # Packets of a transport stream are put together by a parser, which marks the one before the incomplete one.
        self._marks_early = format_name == "mpegts"
        self._marked = False
        self._patient = patient
        self._place = _Place(-1, 0)
        self._key_pts: int | None = None
        self._bad: dict[int, int] = {}
        self._sound_run = 0
        self._read_to = 0
        self._held: list[tuple[_Place, Any]] = []
        self._next_number = 0
        # What makes a gap a loss: damage was seen since the last frame, or in it.
        self._wounds = self._wounds_before = 0
        self._last_pts: int | None = None
        self._steps: deque[int] = deque(maxlen=_STEPS)

    @property
    def losses(self) -> Losses:
        """Totals so far."""
        return Losses(self.lost, self.damaged)

    def packet(self, packet: Any) -> None:
        """Mark `packet` before it is decoded, so that its frame is known again."""
        number, group = self._place.number + 1, self._place.group
        if packet.is_keyframe:
            group, self._key_pts = group + 1, packet.pts
        self._place = _Place(number, group)
        # Frames shown before a key frame but decoded after it build on the group before, too.
        leads = None not in (packet.pts, self._key_pts) and packet.pts < self._key_pts
        packet.opaque = place = _Place(number, group - leads)
        self._sound_run += 1
        marked, self._marked = self._marked, packet.is_corrupt
        if marked if self._marks_early else packet.is_corrupt:
            self._hurt(place)
        self._follow(packet)

    def other(self, packet: Any) -> None:
        """Take note of a packet of another stream: its bytes have been read."""
        self._follow(packet)

    def undecodable(self) -> None:
        """The decoder refused the packet last marked."""
        self._hurt(self._place)
        if self._last_pts is None:
            self.lost += 1

    def frame(self, frame: Any) -> list[Any]:
        """Take a frame from the decoder; return the sound ones that are ready, in the order in which they are shown."""
        place = frame.opaque if isinstance(frame.opaque, _Place) else self._place
        if frame.is_corrupt:
            self._hurt(place)
        if not self._patient:
            return self._sorted_out([(place, frame)])
        self._held.append((place, frame))
        return self._sorted_out(self._ready())

    def flush(self) -> list[Any]:
        """Return the frames still held back; nothing more will come."""
        held, self._held = self._held, []
        return self._sorted_out(held)

    def _follow(self, packet: Any) -> None:
        if not self._searches or packet.pos is None or packet.pos < 0:
            return
        if self._read_to and packet.pos - self._read_to > _UNREAD_BYTES:
            self._wounds += 1
        self._read_to = max(self._read_to, packet.pos + packet.size)

    def _hurt(self, place: _Place) -> None:
        self._wounds += 1
        self._sound_run = 0
        self._bad[place.group] = min(place.number, self._bad.get(place.group, place.number))
        while len(self._bad) > _KEPT_GROUPS:
            del self._bad[min(self._bad)]

    def _ready(self) -> list[tuple[_Place, Any]]:
        """Frames before which nothing is missing any more; a packet that gives no frame is waited for only so long."""
        ready = []
        while self._held:
            numbers = {place.number for place, _ in self._held}
            while self._next_number in numbers:
                self._next_number += 1
            oldest = self._held[0][0]
            if oldest.number >= self._next_number:
                if len(self._held) <= _MAX_HELD:
                    break
                self._next_number = min(number for number in numbers if number >= self._next_number)
                continue
            ready.append(self._held.pop(0))
        return ready

    def _sorted_out(self, frames: list[tuple[_Place, Any]]) -> list[Any]:
        return [frame for place, frame in frames if self._count(place, frame)]

    def _count(self, place: _Place, frame: Any) -> bool:
        missing = self._missing(frame.pts)
        is_loss = bool(missing) and (self._wounds or self._wounds_before or self._is_damaged(place))
        if is_loss and not frame.key_frame:
            self._hurt(place)  # it builds on what is missing
        damaged = self._is_damaged(place)
        self.lost += missing if is_loss else 0
        self.damaged += damaged
        self._wounds, self._wounds_before = 0, self._wounds
        return not damaged

    def _is_damaged(self, place: _Place) -> bool:
        if self._sound_run > _MAX_TAINT:
            self._bad.pop(self._place.group, None)
        return place.number >= self._bad.get(place.group, place.number + 1)

    def _missing(self, pts: int | None) -> int:
        """How many frames of the usual distance are missing before the one at `pts`."""
        last, self._last_pts = self._last_pts, pts
        if pts is None or last is None or pts <= last:
            return 0
        usual = sorted(self._steps)[len(self._steps) // 2] if self._steps else 0
        self._steps.append(pts - last)
        return max(round((pts - last) / usual) - 1, 0) if usual else 0
