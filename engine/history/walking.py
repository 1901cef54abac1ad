"""Pages of a list part of whose filter no index holds: a request looks at so many rows, and the next goes on there."""

from collections.abc import Callable, Sequence
from typing import TypeVar

Row = TypeVar("Row")
Place = tuple[int, ...]

LOOKED_AT = 1000
"""So many rows a request looks at before it answers with what it has found, and at least twice what it may answer."""


def walk(
    ask: Callable[[Place | None, int], Sequence[Row]],
    fits: Callable[[Row], bool],
    place_of: Callable[[Row], Place],
    after: Place | None,
    limit: int,
) -> tuple[list[Row], Place | None]:
    """Up to `limit` rows that fit, and after which place to go on; None at the end of the list.

    `ask` gives up to that many rows after a place, in order. Fewer than `limit`, even none, may come with a place.
    """
    found: list[Row] = []
    look = 2 * limit + 1
    left = max(LOOKED_AT, look)
    while left > 0:
        rows = ask(after, look)
        found += [row for row in rows if fits(row)]
        if len(found) > limit:
            return found[:limit], place_of(found[limit - 1])
        if len(rows) < look:
            return found, None
        after, left = place_of(rows[-1]), left - look
        look = min(left, look)
    return found, after
