"""How numbers and names are written in a report."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

NOTHING = "\N{EN DASH}"
_SPECIAL = re.compile(r"([\\`*_\[\]<>|#{}!&~])")

TRUTHS = {
    "majority": "faces on which more than half of the annotators agree",
    "plurality": "faces on which one answer has more votes than any other",
    "label": "the label of the data set",
}
VIEWS = {"aligned": "aligned face", "whole": "whole crop"}


def plain(value: object) -> str:
    r"""Text of a file as inert markup: on one line, nothing in it is a mark or a tag.

    >>> plain("a*b|<c>")
    'a\\*b\\|\\<c\\>'
    """
    return _SPECIAL.sub(r"\\\1", " ".join(str(value).split()))


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def percent(value: Any, digits: int = 1) -> str:
    """With a space that does not break a line.

    >>> percent(0.87349), percent(None)
    ('87.3\\xa0%', '–')
    """
    return f"{100 * value:.{digits}f}\N{NO-BREAK SPACE}%" if is_number(value) else NOTHING


def between(interval: Any) -> str:
    """
    >>> between([0.861, 0.884]), between(None)
    ('86.1 to 88.4\\xa0%', '')
    """
    if not isinstance(interval, list | tuple) or len(interval) != 2 or not all(map(is_number, interval)):
        return ""
    return f"{100 * interval[0]:.1f} to {100 * interval[1]:.1f}\N{NO-BREAK SPACE}%"


def with_interval(values: dict[str, Any], key: str = "accuracy") -> str:
    """A share with its interval behind it, where there is one."""
    span = between(values.get(f"{key}_interval"))
    return percent(values.get(key)) + (f" ({span})" if span else "")


def decimal(value: Any, digits: int = 3) -> str:
    """
    >>> decimal(0.61449), decimal(None)
    ('0.614', '–')
    """
    return f"{value:.{digits}f}" if is_number(value) else NOTHING


def count(value: Any) -> str:
    """
    >>> count(27471), count(None)
    ('27,471', '–')
    """
    return f"{value:,.0f}" if is_number(value) else NOTHING


def duration(seconds: Any) -> str:
    """
    >>> duration(42.4), duration(3700), duration(90)
    ('42 s', '1 h 2 min', '2 min')
    """
    if not is_number(seconds):
        return NOTHING
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def size(octets: Any) -> str:
    """
    >>> size(3_250_000), size(900)
    ('3.25 MB', '1 kB')
    """
    if not is_number(octets):
        return NOTHING
    return f"{octets / 1e6:.2f} MB" if octets >= 100_000 else f"{octets / 1e3:.0f} kB"


def listed(items: Iterable[str], last: str = "and") -> str:
    """
    >>> listed(["a", "b", "c"]), listed(["a"])
    ('a, b and c', 'a')
    """
    names = list(items)
    return f"{', '.join(names[:-1])} {last} {names[-1]}" if len(names) > 1 else "".join(names)


def human(key: str) -> str:
    """
    >>> human("validation_loss")
    'validation loss'
    """
    return key.replace("_", " ").strip()


def short(digest: object) -> str:
    """The first twelve digits of a hash, enough to tell models apart."""
    return plain(digest)[:12] if digest else NOTHING


def columns(rows: Sequence[dict[str, Any]], known: Sequence[str]) -> list[str]:
    """Those of `known` keys that at least one row has, in the order of `known`."""
    return [key for key in known if any(row.get(key) is not None for row in rows)]
