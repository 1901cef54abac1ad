"""Numbers as people read them, and text of others as it may be shown."""

from collections.abc import Sequence
from typing import Any


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


def plain(text: str) -> str:
    r"""`text` with whatever could steer a terminal or hide itself written out; line breaks, too.

    >>> plain("404 \x1b[2JNot\nhere"), plain("Tür 1")
    ('404 \\x1b[2JNot\\nhere', 'Tür 1')
    """
    return text if text.isprintable() else "".join(one if one.isprintable() else _written_out(one) for one in text)


def _written_out(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")
