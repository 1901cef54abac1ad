"""The sources of a run that goes on: who may begin and end them while it lasts."""

from collections.abc import Callable
from typing import Protocol

from engine.sources.config import SourceConfig
from engine.sources.reader import Reader


class Fleet(Protocol):
    """The running sources of a live run. Any thread may call it; no call waits for a camera."""

    def start(self, config: SourceConfig, open_reader: Callable[[SourceConfig], Reader] | None = None) -> None:
        """Begin to read. Where one of the same id runs or is still ending, it begins as soon as that one is gone.

        `open_reader` replaces `engine.sources.reader.open_reader`; it is called at every connect.
        """

    def stop(self, source_id: str, paused: bool = False) -> None:
        """End it: its tracks end, its status event says `ended`, its frame counts stay in the totals.

        With `paused` it stays in the status with state `paused`; otherwise it leaves the list. Unknown id: nothing
        happens.
        """
