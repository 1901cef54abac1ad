"""The machine-readable contract: up to date, sound, and true of what really leaves the engine."""

from typing import Any, get_args

import orjson
import pytest
from jsonschema import Draft202012Validator, ValidationError

from engine import documents
from engine.bus import RedisBus
from engine.clock import SystemClock
from engine.contract import FILES, ROOT, asyncapi, event_schema, gap_schema, text_of
from engine.errors import Cause
from engine.events import gap_event
from engine.history import History
from engine.relay import Relay
from tests.support.documents import event, status
from tests.support.redis_server import RedisServer
from tests.support.run_status import source

VALIDATOR = Draft202012Validator(event_schema(), format_checker=Draft202012Validator.FORMAT_CHECKER)


@pytest.mark.parametrize("name", FILES)
def test_what_is_committed_is_what_the_types_give(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == text_of(FILES[name]()), "run python -m engine.contract"


@pytest.mark.parametrize("schema", [event_schema(), gap_schema()])
def test_the_schemas_are_schemas(schema: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(schema)


def _refs(part: Any) -> list[str]:
    if isinstance(part, dict):
        return [part["$ref"]] if "$ref" in part else [ref for one in part.values() for ref in _refs(one)]
    return [ref for one in part for ref in _refs(one)] if isinstance(part, list) else []


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    document = asyncapi()
    refs = _refs(document)
    assert len(refs) > 20
    for ref in refs:
        place: Any = document
        for step in ref.removeprefix("#/").split("/"):
            place = place[step]


def _validator_of(message: str) -> Draft202012Validator:
    document = asyncapi()
    payload = document["components"]["messages"][message]["payload"]
    return Draft202012Validator({**payload, "components": document["components"]})


def test_the_causes_of_a_source_are_those_of_the_engine() -> None:
    assert set(get_args(documents.Cause)) == set(Cause)


def test_what_a_relay_leaves_in_redis_is_as_the_contract_says(server: RedisServer, client: Any, begun: History) -> None:
    bus = RedisBus(server.url, "moodline")
    relay = Relay(begun, bus, SystemClock(), sources=lambda: (source(),))
    made = [event(3, run_id="run-1"), status(4, run_id="run-1"), event(5, "end", run_id="run-1")]
    begun.append(made)
    relay.stop(5)
    relay._step()  # with a heartbeat, unlike the rest of a drain
    relay.run()
    for _, fields in client.xrange("moodline:events"):
        document = orjson.loads(fields["payload"])
        names = ("event_id", "type", "source_id", "track_uid", "seq", "payload")
        assert tuple(fields) == names
        assert [fields[name] for name in names[:5]] == [str(document.get(name) or "") for name in names[:5]]
        name = {"gap": "Gap", "status": "SourceEvent"}.get(fields["type"], "TrackEvent")
        _validator_of(name).validate(document)
        if name != "Gap":
            VALIDATOR.validate(document)
    assert client.xlen("moodline:events") == 4
    _validator_of("Heartbeat").validate(orjson.loads(client.get("moodline:engine:run-1")))
    _validator_of("SourceState").validate(orjson.loads(client.get("moodline:source:door")))


def test_a_gap_is_no_event_and_an_event_no_gap() -> None:
    gap = gap_event("run-1", 2, 5, SystemClock()).document
    gaps = Draft202012Validator(gap_schema())
    gaps.validate(gap)
    VALIDATOR.validate(event(1).document)
    with pytest.raises(ValidationError):
        VALIDATOR.validate(gap)
    with pytest.raises(ValidationError):
        gaps.validate(event(1).document)
