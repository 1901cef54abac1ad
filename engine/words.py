"""Numbers and names as people read them, and text of others as it may be shown."""

from collections.abc import Sequence
from typing import Any


def printable(text: str) -> str:
    """`text` on one line and in valid Unicode: control characters and undecodable bytes of file names as escapes.

    >>> printable("caf\\udce9 \\n é")
    'caf\\\\xe9 \\\\n é'
    """
    return "".join(one if one.isprintable() else _escaped(one) for one in text)


def _escaped(letter: str) -> str:
    if "\udc80" <= letter <= "\udcff":
        return f"\\x{ord(letter) - 0xDC00:02x}"
    return letter.encode("unicode_escape").decode("ascii")


def counted(count: int, what: str) -> str:
    """
    >>> counted(1, "download"), counted(2, "download")
    ('1 download', '2 downloads')
    """
    return f"{count} {what}{'' if count == 1 else 's'}"


def size_of(count: int) -> str:
    """So many bytes.

    >>> [size_of(count) for count in (14969382, 232589, 1000, 1)]
    ['15.0 MB', '0.2 MB', '1.0 kB', '1 byte']
    """
    if count >= 50_000:
        return f"{count / 1e6:.1f} MB"
    return f"{count / 1e3:.1f} kB" if count >= 1000 else counted(count, "byte")


def sure_of(shown: dict[str, Any]) -> float | None:
    """The confidence of `before` or `after`, where it may stand beside the label.

    None where there is no label, and where another class has the best score by now.

    >>> sure_of({"label": "neutral", "confidence": 0.19, "scores": {"neutral": 0.19, "anger": 0.7}})
    """
    if shown.get("label") is None:
        return None
    confidence = float(shown["confidence"])
    return confidence if confidence >= max((shown.get("scores") or {}).values(), default=0.0) else None


def unread(shown: dict[str, Any], gated: Sequence[str]) -> str | None:
    """Why the face of an event cannot be read, in words; None where it can.

    >>> unread({"label": None, "reason": "unreadable"}, ["dark", "small"])
    'not readable: dark, small'
    """
    if shown.get("reason") == "unseen":
        return "not readable: hidden"
    if shown.get("reason") == "unreadable" or (gated and not shown):
        return f"not readable: {', '.join(gated)}"
    return None
