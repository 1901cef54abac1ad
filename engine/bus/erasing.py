"""Erasing: takes what a stream still holds of a track out of it."""

from typing import Any

from engine.bus.link import Link
from engine.bus.meanings import one_sentence
from engine.errors import BusError
from engine.redact import shown

_PAGE = 1000
_TIMEOUT_S = 5.0


def erase_track(url: str, prefix: str, track_uid: str) -> int:
    """Delete the entries of `<prefix>:events` that are of that track; how many there were.

    Reads the whole stream once. What consumers have already read is theirs.

    Raises:
        BusError: Redis does not answer; part of them may be gone.
    """
    try:
        link = Link(url, _TIMEOUT_S)
    except ValueError as error:
        raise BusError(f"bus {shown(url)}: {error}") from error
    stream = f"{prefix}:events"
    try:
        with one_sentence(url):
            return _erase(link.client(stream), stream, track_uid)
    finally:
        link.close()


def _erase(client: Any, stream: str, track_uid: str) -> int:
    erased, start = 0, "-"
    while rows := client.xrange(stream, start, "+", count=_PAGE):
        found = [entry_id for entry_id, fields in rows if fields.get("track_uid") == track_uid]
        if found:
            erased += int(client.xdel(stream, *found))
        start = f"({rows[-1][0]}"
    return erased
