"""One small picture of each face, where it was allowed: in memory alone, for an hour, and never on disk."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

import cv2

from engine.clock import Clock
from engine.events import Emotion
from engine.ids import fingerprint
from engine.items import FaceChip, Image

TRACKS = 256
KEPT_S = 3600.0
SIDE = 112
"""Pixels; chips are of that size unless the configuration says otherwise."""
_BETTER = 1.05
"""A look must be so much better than the one that is kept: faces need not be copied with each frame."""
_QUALITY = 85


@dataclass(slots=True, eq=False)
class _Kept:
    image: Image
    quality: float
    until_s: float


class Thumbnails:
    """The best look at each of the last `tracks` tracks, for `kept_s` seconds after it was last seen. Any thread.

    `skip` says of a source that none of its faces may be kept.
    """

    def __init__(
        self,
        clock: Clock,
        skip: Callable[[str], bool] = lambda _source_id: False,
        kept_s: float = KEPT_S,
        tracks: int = TRACKS,
    ) -> None:
        self._clock, self._skip, self._tracks, self._kept_s = clock, skip, tracks, kept_s
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._lock = Lock()

    def on_emotion(self, chip: FaceChip, _emotion: Emotion | None) -> None:
        """A face was judged; on the smoother's thread."""
        if self._skip(chip.key.source_id):
            return
        now_s = self._clock.monotonic()
        with self._lock:
            kept = self._kept.get(chip.track_uid)
            if kept is None or chip.quality.score > _BETTER * kept.quality:
                kept = self._kept[chip.track_uid] = _Kept(chip.image, chip.quality.score, 0.0)
            kept.until_s = now_s + self._kept_s
            self._kept.move_to_end(chip.track_uid)
            self._drop(now_s)

    def jpeg(self, track_uid: str) -> bytes | None:
        """The face as a JPEG of at most `SIDE` pixels; None where none is kept. Takes some milliseconds."""
        with self._lock:
            self._drop(self._clock.monotonic())
            kept = self._kept.get(track_uid)
        if kept is None:
            return None
        image = kept.image
        if image.shape[0] > SIDE:
            image = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        return data.tobytes()

    def forget(self, erased: str) -> None:
        """Drop what is kept of the track with this fingerprint; of a face still in view the next look is kept again."""
        with self._lock:
            for track_uid in [uid for uid in self._kept if fingerprint(uid) == erased]:
                del self._kept[track_uid]

    def tidy(self) -> None:
        """Let go of what is over; called now and then, since nobody may come or ask for a long time."""
        with self._lock:
            self._drop(self._clock.monotonic())

    def _drop(self, now_s: float) -> None:
        """The oldest come first, since each look moves its track to the end."""
        while self._kept:
            oldest = next(iter(self._kept.values()))
            if len(self._kept) <= self._tracks and oldest.until_s > now_s:
                return
            self._kept.popitem(last=False)
