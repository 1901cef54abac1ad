"""Bodies of requests: JSON objects, read as strictly as the configuration file is."""

import json
from collections.abc import Sequence
from typing import Any

from fastapi import HTTPException, Request
from starlette.requests import ClientDisconnect

from engine.errors import ConfigError

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"


async def json_object(request: Request, kinds: Sequence[str] = (JSON,)) -> dict[str, Any]:
    """The body of `request`.

    Raises:
        HTTPException: 415 when it is not said to be one of `kinds`, 400 when it is no JSON.
        ConfigError: it is something else than an object.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in kinds:
        raise HTTPException(415, f"send the body as Content-Type: {' or '.join(kinds)}")
    try:
        found = json.loads(await request.body(), object_pairs_hook=_each_once, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise HTTPException(400, f"the body is no JSON: line {error.lineno}, column {error.colno}") from error
    except (ValueError, RecursionError) as error:  # not UTF-8, numbers of thousands of digits, too deep
        raise HTTPException(400, "the body is no JSON that makes sense here") from error
    except ClientDisconnect as error:
        raise HTTPException(400, "the body ended early") from error
    if not isinstance(found, dict):
        raise ConfigError(f"body: expected an object with keys such as id and uri, found {type(found).__name__}")
    return found


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ConfigError(f"{key[:64]}: is given twice")
        found[key] = value
    return found


def _no_constant(_name: str) -> Any:
    raise ValueError
