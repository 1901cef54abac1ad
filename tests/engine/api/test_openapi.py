"""The OpenAPI document: right by its own specification, by its examples, and by what the server does."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from engine.api import ApiConfig, ApiServer, create_app
from engine.history import History
from engine.preview import Shots
from engine.sources.config import SourceConfig
from tests.support.documents import event, status
from tests.support.managing import Managed
from tests.support.run_status import FixedView, run_status, source
from tests.support.shots import Camera


@pytest.fixture
def document(client: Any) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/openapi.json").json()
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


def test_the_document_is_openapi(document: dict[str, Any]) -> None:
    validator = pytest.importorskip("openapi_spec_validator")
    validator.validate(document)


def test_every_operation_has_a_name_and_examples_of_its_answer_and_its_problems(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, operation in operations(document)]
    assert len(set(names)) == len(names) == 25
    for where, operation in operations(document):
        for code, response in operation["responses"].items():
            for kind, content in response.get("content", {}).items():
                assert "example" in content or kind == "text/plain", (where, code, kind)


def test_examples_are_what_their_schemas_say(document: dict[str, Any]) -> None:
    checked = 0
    for where, operation in operations(document):
        for response in operation["responses"].values():
            for kind, content in response.get("content", {}).items():
                if "json" in kind and "schema" in content:
                    schema = {**content["schema"], "components": document["components"]}
                    try:
                        jsonschema.Draft202012Validator(schema).validate(content["example"])
                    except jsonschema.ValidationError as error:
                        raise AssertionError(f"{where}: {error.message}") from error
                    checked += 1
    assert checked > 60


def test_tokens_are_told_of_where_they_are_asked_for(document: dict[str, Any]) -> None:
    open_ones = {where for where, operation in operations(document) if "security" not in operation}
    assert open_ones == {"get /healthz", "get /readyz"}


@pytest.mark.timeout(300)
def test_schemathesis_finds_no_answer_that_the_document_does_not_tell_of(history: History, tmp_path: Path) -> None:
    """Thousands of generated requests to the running server: no 5xx, no undocumented status, type or shape."""
    pytest.importorskip("schemathesis")
    history.append([event(n, track_id=1 + n % 7) for n in range(1, 60)] + [status(60)])
    managed = Managed(history, SourceConfig(id="door", uri="demo:"), schemes=("rtsp", "http"))
    managed.sources.add({"id": "yard", "uri": "rtsp://10.0.0.8/"})
    config = ApiConfig(port=0, sources=managed.config)
    shots, view = Shots(), FixedView(run_status(sources=(source("door"),)))
    running = ApiServer(create_app(view, history, config, "0.1.0", shots=shots, sources=managed.sources), config)
    running.start()
    try:
        with Camera(shots):
            done = subprocess.run(
                [
                    Path(sys.executable).with_name("schemathesis"),
                    *(
                        "run",
                        f"{running.url}/openapi.json",
                        "--no-color",
                        "--seed",
                        "1",
                        "--generation-database",
                        "none",
                    ),
                    *("--checks", "not_a_server_error,status_code_conformance,content_type_conformance"),
                    *("--checks", "response_headers_conformance,response_schema_conformance"),
                    # Streams do not end; the half minute is for the others.
                    *("--exclude-path", "/api/v1/events/stream"),
                    *("--exclude-path", "/api/v1/sources/{source_id}/preview.mjpeg"),
                    *("--exclude-path", "/api/v1/sources/preview.mjpeg"),
                    # It would ask the network for cameras; test_source_trial has real ones.
                    *("--exclude-path", "/api/v1/sources/test"),
                    *("--max-time", "30", "--request-timeout", "10"),
                ],
                cwd=tmp_path,
                env={**os.environ, "SCHEMATHESIS_REPORT": "false"},
                capture_output=True,
                text=True,
                timeout=280,
                check=False,
            )
    finally:
        running.stop()
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
