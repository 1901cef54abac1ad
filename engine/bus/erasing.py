"""Erasing: takes what a stream still holds of tracks out of it."""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

from engine.bus.link import Link
from engine.bus.meanings import one_sentence
from engine.bus.script import ERASE
from engine.errors import BusError
from engine.ids import fingerprint
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
            return sum(erase_entries(link.client(stream), stream, [fingerprint(track_uid)]).values())
    finally:
        link.close()


def erase_entries(client: Any, stream: str, fingerprints: Collection[str]) -> Mapping[str, int]:
    """Delete the entries of the tracks with these fingerprints; how many of each. Redis itself looks for them."""
    erased: Counter[str] = Counter()
    start = "-"
    while start and fingerprints:
        start, *found = client.eval(ERASE, 1, stream, start, _PAGE, *fingerprints)
        erased.update(found)
    return erased
