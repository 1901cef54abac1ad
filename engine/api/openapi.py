"""The OpenAPI document: what FastAPI knows, and what only we know: tokens, events, examples."""

import json
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from engine.api.examples import ANSWERS, DETAILS
from engine.api.problems import MEDIA_TYPE, Problem
from engine.events import event_schema
from engine.fields import json_schema
from engine.sources.wanted import NewSource

_BEARER = {
    "type": "http",
    "scheme": "bearer",
    "description": "One of `api.tokens`: scope `read` for GET, `operate` for what changes something. Not needed where "
    "the configuration names no token; the API then answers its own machine alone.",
}

_URI = "With credentials where the camera asks for them; they are never told again. See `api.sources`."
_ID = "May be sent, and must then be the one that it has."


def describe(app: FastAPI) -> None:
    """Let `app` answer `/openapi.json` with the whole document."""

    def document() -> dict[str, Any]:
        if not app.openapi_schema:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    made = get_openapi(
        title=app.title, version=app.version, summary=app.summary, routes=app.routes, servers=app.servers or None
    )
    schemas = made["components"]["schemas"]
    schemas.update(_event_schemas())
    schemas["Events"]["properties"]["items"]["items"] = {"$ref": "#/components/schemas/Event"}
    # FastAPI describes its own way of saying what is invalid; ours is a problem as any other.
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas.update(_source_schemas())
    schemas["Problem"] = Problem.model_json_schema()
    made["components"]["securitySchemes"] = {"bearer": _BEARER}
    for path, methods in made["paths"].items():
        for operation in methods.values():
            _complete(path, operation)
    return made


def _complete(path: str, operation: dict[str, Any]) -> None:
    if path.startswith(("/api", "/metrics")):
        operation["security"] = [{"bearer": []}, {}]
    done = next(response for status, response in operation["responses"].items() if status.startswith("2"))
    answer = done.get("content", {}).get("application/json")
    if answer and operation["operationId"] in ANSWERS:
        answer["example"] = ANSWERS[operation["operationId"]]
    for status, response in operation["responses"].items():
        if int(status) >= 400 and MEDIA_TYPE in response.get("content", {}):
            response["content"] = {MEDIA_TYPE: _problem(int(status))}


def _problem(status: int) -> dict[str, Any]:
    example: dict[str, Any] = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    return {"schema": {"$ref": "#/components/schemas/Problem"}, "example": {**example, "detail": DETAILS[status]}}


def _source_schemas() -> dict[str, Any]:
    """What is sent to add a source, and to change one: there every key may be left out, or null for its default."""
    new = json_schema(NewSource, "#/components/schemas/")
    change = {
        name: {"anyOf": [_bare(part), {"type": "null"}]} if "anyOf" not in part else _bare(part)
        for name, part in new["properties"].items()
        if name != "id"
    }
    described = {**new["properties"]["uri"], "description": _URI}
    return {
        "NewSource": {**new, "properties": {**new["properties"], "uri": described}},
        "SourceTest": {
            **new,
            "title": "SourceTest",
            "required": ["uri"],
            "properties": {**new["properties"], "uri": described},
        },
        "SourceChange": {
            "type": "object",
            "title": "SourceChange",
            "additionalProperties": False,
            "properties": {**change, "uri": described, "id": {**new["properties"]["id"], "description": _ID}},
        },
    }


def _bare(schema: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key not in ("default", "title")}


def _event_schemas() -> dict[str, Any]:
    """The event contract, its definitions moved to where OpenAPI keeps them."""
    text = json.dumps(event_schema()).replace("#/$defs/", "#/components/schemas/Event.")
    schema: dict[str, Any] = json.loads(text)
    parts = schema.pop("$defs", {})
    for key in ("$schema", "$id"):
        schema.pop(key, None)
    return {"Event": schema, **{f"Event.{name}": part for name, part in parts.items()}}
