"""JSON as it is stored and sent: compact UTF-8, keys in the order given."""

from typing import Any

import orjson


def dumps(document: Any) -> bytes:
    """Raises `TypeError` for what JSON cannot hold; NaN and infinity become null."""
    return orjson.dumps(document)


def loads(text: str | bytes) -> Any:
    """Raises `ValueError` when it is not JSON."""
    return orjson.loads(text)
