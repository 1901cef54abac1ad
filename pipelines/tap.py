"""A tap on the line: lets an onlooker, such as the video annotator, see the faces of every frame."""

from collections.abc import Callable, Sequence

from engine.items import SourceStatus, TrackEnded
from engine.stages.track import TrackedFrame

Tracked = TrackedFrame | TrackEnded | SourceStatus
FaceTap = Callable[[TrackedFrame], None]


class Tap:
    """A stage that changes nothing and shows each tracked frame to `watch`, on the worker's thread."""

    def __init__(self, watch: FaceTap | None) -> None:
        self._watch = watch

    def process(self, items: Sequence[Tracked]) -> Sequence[Tracked]:
        if self._watch:
            for item in items:
                if isinstance(item, TrackedFrame):
                    self._watch(item)
        return items

    def flush(self) -> Sequence[Tracked]:
        return ()

    def close(self) -> None:
        """Nothing to free."""
