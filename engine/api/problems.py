"""Errors as RFC 9457 problem documents."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from engine.api.query import BadRange
from engine.errors import ConfigError, HistoryError, Refusal, SourceRefused
from engine.history import BadCursor
from engine.redact import redact

MEDIA_TYPE = "application/problem+json"


Invalid = dict[str, str]
"""One thing that is wrong with a request: `field` and `message`."""


class Problem(BaseModel):
    """What every error looks like."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[Invalid] | None = Field(
        default=None, description="What is wrong with the request: `field` and `message` of each."
    )
    cause: str | None = Field(default=None, description="Of a source that was tested: as in its status, in one word.")


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For a route's documentation: it may answer with these problems."""
    schema = Problem.model_json_schema()
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in statuses
    }


def problem(
    status: int,
    detail: str,
    errors: list[Invalid] | None = None,
    headers: Mapping[str, str] | None = None,
    cause: str | None = None,
) -> JSONResponse:
    """A response that is a problem document."""
    body = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, errors=errors, cause=cause)
    return JSONResponse(body.model_dump(exclude_none=True), status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def answer_with_problems(app: FastAPI) -> None:
    """Let `app` answer each error with a problem document."""
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(BadCursor, _bad_cursor)
    app.add_exception_handler(BadRange, _bad_range)
    app.add_exception_handler(ConfigError, _bad_settings)
    app.add_exception_handler(SourceRefused, _source_refused)
    app.add_exception_handler(HistoryError, _no_history)
    app.add_exception_handler(Exception, _failed)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail = str(error.detail)
    if detail == HTTPStatus(error.status_code).phrase:
        detail = f"{request.method} {request.url.path}: {detail.lower()}"
    return problem(error.status_code, detail[:300], headers=error.headers)


async def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = [_input(item) for item in error.errors()]
    return problem(422, "; ".join(f"{one['field']}: {one['message']}" for one in errors[:10]), errors)


def _input(item: Mapping[str, Any]) -> Invalid:
    where = [str(part) for part in item["loc"] if part not in ("query", "path", "header")]
    name = (item.get("ctx") or {}).get("parameter") or ".".join(where) or "query"
    return {"field": str(name)[:100], "message": str(item["msg"]).removeprefix("Value error, ")[:300]}


async def _bad_cursor(_request: Request, error: Exception) -> Response:
    message = f"{error}; use next_cursor of the page before"
    return problem(422, f"cursor: {message}", [{"field": "cursor", "message": message}])


async def _bad_range(_request: Request, error: Exception) -> Response:
    return problem(422, str(error), [{"field": str(error).split(maxsplit=1)[0].rstrip(":"), "message": str(error)}])


async def _bad_settings(_request: Request, error: Exception) -> Response:
    """The very lines that the configuration file would get, each with its path."""
    assert isinstance(error, ConfigError)
    lines = [redact(line.encode("utf-8", "replace").decode()) for line in error.problems]
    errors = [{"field": line.partition(": ")[0][:100], "message": line.partition(": ")[2][:300]} for line in lines]
    return problem(422, "; ".join(line[:300] for line in lines[:10]), errors[:100])


async def _source_refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, SourceRefused)
    return problem(404 if error.why is Refusal.UNKNOWN else 409, str(error))


async def _no_history(_request: Request, error: Exception) -> Response:
    return problem(503, redact(str(error)))


async def _failed(_request: Request, _error: Exception) -> Response:
    return problem(500, "an error in moodline; its log has the traceback")
