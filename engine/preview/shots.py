"""What is seen right now: the newest frame of each source that somebody watches, and of no other."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from threading import Lock

from engine.events import Emotion
from engine.items import FaceChip, TrackKey, Unseen
from engine.stages.track import TrackedFrame

TRACKS = 1024
"""More than are in view of all sources together."""


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """One frame with its faces. `number` grows from one shot of a watch to the next."""

    number: int
    tracked: TrackedFrame
    emotion_of: Callable[[TrackKey], Emotion | None]
    """What a track is judged to show by now; None before the first judgement."""


class Watch:
    """One source, watched. Holds a reference to one or two frames and copies nothing; any thread."""

    def __init__(self, source_id: str, notify: Callable[[], None]) -> None:
        """`notify` is called after each frame, on the detector's thread: it must not wait."""
        self.source_id = source_id
        self.notify = notify
        self._numbers = count(1)
        self._newest: Shot | None = None
        self._looked: Shot | None = None

    def newest(self, looked: bool = False) -> Shot | None:
        """The newest shot; with `looked` the newest one that the detector has looked at. None before the first."""
        return self._looked if looked else self._newest

    def take(self, tracked: TrackedFrame, emotion_of: Callable[[TrackKey], Emotion | None]) -> None:
        """A frame came through."""
        self._newest = Shot(next(self._numbers), tracked, emotion_of)
        if tracked.looked:
            self._looked = self._newest
        self.notify()


class Shots:
    """The tap: hears of every frame and every judgement. Any thread.

    Of a source that nobody watches no frame is kept; one costs a look into a dict. Judgements are kept in any
    case, so that whoever comes need not wait for the next ones: those of the last `TRACKS` tracks.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._watches: dict[str, tuple[Watch, ...]] = {}
        self._emotions: OrderedDict[TrackKey, Emotion] = OrderedDict()
        self._closed = False

    @property
    def closed(self) -> bool:
        return self._closed

    @property
    def watched(self) -> tuple[str, ...]:
        """The sources that somebody watches."""
        return tuple(self._watches)

    def on_faces(self, tracked: TrackedFrame) -> None:
        """A frame has passed the tracker; on the detector's thread."""
        for watch in self._watches.get(tracked.frame.source_id, ()):
            watch.take(tracked, self._emotions.get)

    def on_emotion(self, seen: FaceChip | Unseen, emotion: Emotion | None) -> None:
        """A face was judged; on the smoother's thread."""
        if emotion is None:
            if not isinstance(seen, FaceChip) or not seen.quality.gated:
                return
            emotion = Emotion(None, 0.0, 0.0, {}, "unreadable", seen.quality.gated)
        self._emotions[seen.key] = emotion
        self._emotions.move_to_end(seen.key)
        if len(self._emotions) > TRACKS:
            self._emotions.popitem(last=False)

    @contextmanager
    def watch(self, source_id: str, notify: Callable[[], None]) -> Iterator[Watch]:
        """Keep the newest frame of a source from now on; `notify` is called after each and by `close`."""
        watch = Watch(source_id, notify)
        with self._lock:
            self._watches[source_id] = (*self._watches.get(source_id, ()), watch)
        try:
            yield watch
        finally:
            with self._lock:
                left = tuple(other for other in self._watches[source_id] if other is not watch)
                if left:
                    self._watches[source_id] = left
                else:
                    del self._watches[source_id]

    def close(self) -> None:
        """Nothing more will come: whoever watches should end."""
        self._closed = True
        with self._lock:
            watches = [watch for some in self._watches.values() for watch in some]
        for watch in watches:
            watch.notify()
