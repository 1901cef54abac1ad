"""The browsers that feed a live run with their cameras."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Lock

from engine.errors import Refusal, SourceRefused
from engine.sources.fleet import Fleet
from engine.sources.pushed import PushedPictures

MAX_BROWSERS = 4
SHOWN = "browser:"
"""What is shown as the address of each."""
_REMEMBERED = 256


class BrowserCameras:
    """Begins a source when a browser comes and ends it when it goes; nothing of it is stored. Any thread."""

    def __init__(self, fleet: Fleet, known: Callable[[], Mapping[str, str]], limit: int = MAX_BROWSERS) -> None:
        """`known` tells the sources that are there, however they came: each id and what is shown as its address."""
        self.limit = limit
        self._fleet = fleet
        self._known = known
        self._fed: dict[str, PushedPictures] = {}
        self._had: dict[str, None] = {}
        """The last ids that browsers had and nobody else took since: pictures outlive their browser by some stages."""
        self._held: set[str] = set()
        """Ids that somebody else is about to take."""
        self._lock = Lock()

    def begin(self, source_id: str, on_taken: Callable[[], None] = lambda: None) -> PushedPictures:
        """Start a source of that id; what is put into the answer is read by it. See `PushedPictures` for `on_taken`.

        Raises:
            SourceRefused: the id is in use, or there are too many browsers.
        """
        with self._lock:
            if source_id in self._fed or source_id in self._held or source_id in self._known():
                raise SourceRefused(Refusal.EXISTS, f"source {source_id!r} is there already; choose another name")
            if len(self._fed) >= self.limit:
                raise SourceRefused(Refusal.FULL, f"{self.limit} browsers send their cameras already; no more can")
            pictures = self._fed[source_id] = PushedPictures(source_id, on_taken)
            self._fleet.start(pictures.config, pictures.open)
            return pictures

    def lent(self, source_id: str) -> bool:
        """Whether what comes from that source is, or a moment ago was, a browser's."""
        return source_id in self._fed or source_id in self._had

    def end(self, pictures: PushedPictures) -> None:
        """The browser has gone. Ending twice does nothing."""
        with self._lock:
            self._end(pictures)
        pictures.close()

    def has(self, source_id: str) -> bool:
        """Whether a browser feeds a source of that id."""
        return source_id in self._fed

    def dismiss(self, source_id: str, why: str) -> bool:
        """End the source of that id and tell its browser `why`, in a few words; False where none feeds one."""
        with self._lock:
            pictures = self._fed.get(source_id)
            if pictures is None:
                return False
            self._end(pictures)
        pictures.dismiss(why)
        return True

    @contextmanager
    def hold(self, source_id: str) -> Iterator[None]:
        """While another source of that id begins no browser gets it; nor is one replaced that has it.

        Raises:
            SourceRefused: a browser has it.
        """
        with self._lock:
            if source_id in self._fed:
                text = f"source {source_id!r} is there already, a browser sends it; end it, or choose another id"
                raise SourceRefused(Refusal.EXISTS, text)
            self._held.add(source_id)
            self._had.pop(source_id, None)
        try:
            yield
        finally:
            with self._lock:
                self._held.discard(source_id)

    def _end(self, pictures: PushedPictures) -> None:
        source_id = pictures.config.id
        if self._fed.get(source_id) is pictures:
            self._remember(source_id)
            del self._fed[source_id]
            # Somebody may have put another source in its place.
            if self._known().get(source_id) == pictures.config.shown:
                self._fleet.stop(source_id)

    def _remember(self, source_id: str) -> None:
        self._had.pop(source_id, None)
        self._had[source_id] = None
        if len(self._had) > _REMEMBERED:
            del self._had[next(iter(self._had))]
