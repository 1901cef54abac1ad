"""The contract in words that machines read: JSON Schemas and an AsyncAPI document, made from `engine.documents`.

`python -m engine.contract` writes them anew; a test compares what is written with what would be.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

from engine import __version__
from engine.documents import Event, Gap, Heartbeat, Message, SourceState
from engine.fields import json_schema

ROOT = Path(__file__).parents[1]
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_UNTIL = "A key: GET. It is gone 15 s after the engine."
_PREFIX = {"default": "moodline", "description": "`bus.prefix` of the configuration."}
_NAMES = {
    "prefix": _PREFIX,
    "source_id": {"description": "`id` of a source in the configuration."},
    "run_id": {"description": "The run."},
}


def event_schema() -> dict[str, Any]:
    """Of an event as the history stores it, the API answers it and the bus broadcasts it."""
    kinds = [kind for event in get_args(Event) for kind in get_args(event.__annotations__["type"])]
    return {
        "$schema": _DIALECT,
        "$id": "urn:moodline:event:1.0",
        "title": "moodline event",
        "description": "One event of a track or a source, as stored in the history and broadcast on the bus.",
        "type": "object",
        "properties": {"type": {"enum": kinds}},
        **_schema(Event, "#/$defs/"),
    }


def gap_schema() -> dict[str, Any]:
    """Of what is broadcast in place of events that are lost."""
    return {"$schema": _DIALECT, "$id": "urn:moodline:gap:1.0", **_schema(Gap, "#/$defs/"), "title": "moodline gap"}


def asyncapi() -> dict[str, Any]:
    """What is sent over Redis, and where."""
    schemas = _schema(Message | Heartbeat | SourceState, "#/components/schemas/")["$defs"]
    events = ("TrackEvent", "SourceEvent", "Gap")
    channels = {
        "stream": _channel(
            "{prefix}:events", events,
            "A Redis stream: XREAD, or XREADGROUP. Each entry has the fields event_id, type, source_id, track_uid, seq "
            "and payload; payload is the JSON document. At least once, in order within a run.",
        ),
        "live": _channel("{prefix}:events", events, "Pub/Sub: SUBSCRIBE. At most once."),
        "liveOfSource": _channel(
            "{prefix}:events:{source_id}", events[:2], "Pub/Sub: SUBSCRIBE, one source. At most once."
        ),
        "engine": _channel("{prefix}:engine:{run_id}", ("Heartbeat",), _UNTIL),
        "source": _channel("{prefix}:source:{source_id}", ("SourceState",), _UNTIL),
    }  # fmt: skip
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "moodline over Redis",
            "version": __version__,
            "description": "Emotion events of faces in video, and the state of what produces them.",
        },
        "defaultContentType": "application/json",
        "servers": {"redis": {"host": "localhost:6379", "protocol": "redis", "description": "`bus.url`"}},
        "channels": channels,
        "operations": {
            f"send{name[0].upper()}{name[1:]}": {"action": "send", "channel": {"$ref": f"#/channels/{name}"}}
            for name in channels
        },
        "components": {
            "messages": {name: _message(name, schemas[name]) for name in (*events, "Heartbeat", "SourceState")},
            "schemas": schemas,
        },
    }


def _channel(address: str, messages: tuple[str, ...], description: str) -> dict[str, Any]:
    return {
        "address": address,
        "description": description,
        "parameters": {name: told for name, told in _NAMES.items() if f"{{{name}}}" in address},
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
    }


def _message(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "summary": schema["description"], "payload": {"$ref": f"#/components/schemas/{name}"}}


def _schema(kind: Any, refs: str) -> dict[str, Any]:
    """Without the titles that pydantic makes of names, and with one of several where it says any."""
    schema: dict[str, Any] = _untitled(json_schema(kind, refs))
    if "anyOf" in schema:
        schema["oneOf"] = schema.pop("anyOf")
    return schema


def _untitled(part: Any) -> Any:
    if isinstance(part, list):
        return [_untitled(one) for one in part]
    if isinstance(part, dict):
        return {key: _untitled(one) for key, one in part.items() if not (key == "title" and isinstance(one, str))}
    return part


FILES: dict[str, Callable[[], dict[str, Any]]] = {
    "engine/schemas/event.schema.json": event_schema,
    "engine/schemas/gap.schema.json": gap_schema,
    "docs/asyncapi.json": asyncapi,
}


def text_of(document: dict[str, Any]) -> str:
    """As it is written to its file."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def write(root: Path = ROOT) -> None:
    """Write every file anew."""
    for name, make in FILES.items():
        (root / name).write_text(text_of(make()), encoding="utf-8")


if __name__ == "__main__":
    write()
