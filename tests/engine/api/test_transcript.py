"""The session in docs/http.md, run with curl against a server."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.api import ApiConfig, ApiServer, create_app
from engine.history import History
from engine.sources.config import SourceConfig
from tests.support.documents import event
from tests.support.managing import Managed
from tests.support.run_status import FixedView

DOCS = Path(__file__).parents[3] / "docs" / "http.md"


def transcript(text: str) -> Iterator[tuple[str, str]]:
    """Each command and what it prints."""
    block = text.split("```console\n", 1)[1].split("```", 1)[0]
    for part in block.split("$ ")[1:]:
        command, printed = part.split("\n", 1)
        while command.endswith("\\"):
            line, printed = printed.split("\n", 1)
            command = f"{command[:-1]} {line}"
        yield command, printed


@pytest.fixture
def url(history: History) -> Iterator[str]:
    history.append(
        [
            event(1, label="neutral", at="2026-11-22T10:00:00Z", age_s=0.5),
            event(2, "emotion_changed", before="neutral", at="2026-11-22T10:00:02Z", age_s=2.5),
            event(3, "end", at="2026-11-22T10:00:03Z", age_s=3.5),
            event(4, track_id=2, source_id="desk", label="sadness", at="2026-11-22T10:00:10Z"),
        ]
    )
    managed = Managed(history, *(SourceConfig(id=name, uri="demo:") for name in ("door", "desk")))
    config = ApiConfig(port=0, token="open-sesame", sources=managed.config)
    running = ApiServer(create_app(FixedView(), history, config, "0.1.0", sources=managed.sources), config)
    running.start()
    yield running.url
    running.stop()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_session_in_the_documentation_is_what_happens(url: str) -> None:
    commands = list(transcript(DOCS.read_text(encoding="utf-8")))
    assert len(commands) > 8
    for command, expected in commands:
        done = subprocess.run(
            ["bash", "-c", command],
            env={"PATH": os.environ["PATH"], "API": url, "TOKEN": "open-sesame"},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.stdout == expected, command
