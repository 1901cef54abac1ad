import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import orjson
import pytest
from click.testing import CliRunner

from engine.bus import RedisBus
from engine.client import Received
from engine.clock import SystemClock
from engine.errors import ConfigError
from engine.events import gap_event
from pipelines import events_cli
from pipelines.events_cli import _line, events
from tests.support.documents import event, status
from tests.support.redis_server import RedisServer, until

# Under some shells background programs ignore Ctrl-C; a terminal's does not.
_PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from pipelines.events_cli import events
sys.exit(events.main(sys.argv[1:], standalone_mode=False))
"""
CANARY = "hunter2-S3cr3t"


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with RedisServer(password=CANARY) as running:
        yield running


class Command:
    """`moodline events` in a process of its own; its output goes to files in `folder`."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._out, self._err = folder / "out", folder / "err"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            command = [sys.executable, "-c", _PROGRAM, *arguments]
            self._process = subprocess.Popen(command, stdout=out, stderr=err)

    def lines(self) -> list[str]:
        return self._out.read_text().splitlines()

    def errors(self) -> str:
        return self._err.read_text()

    def interrupt(self) -> int:
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(30)

    def __enter__(self) -> "Command":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait(30)


def test_events_are_lines_for_people_until_ctrl_c(server: RedisServer, tmp_path: Path) -> None:
    bus = RedisBus(server.url, "moodline")
    changed = event(2, "emotion_changed", before="neutral", label="anger")
    bus.publish([event(1), changed, event(3, "end"), status(4, "offline", detail="no\x1b[31m route")])
    with Command(tmp_path, "--url", server.url, "--from-start") as command:
        until(lambda: len(command.lines()) == 4, timeout_s=60)
        bus.publish([event(5)])
        until(lambda: len(command.lines()) == 5)
        assert command.interrupt() == 130
        texts = [line.rpartition(" [")[0] for line in command.lines()]
        errors = command.errors()
    assert texts[:4] == [
        "2026-11-22T10:20:30.081Z door new #1 - -> happiness 0.80",
        "2026-11-22T10:20:30.081Z door emotion_changed #1 neutral 0.80 -> anger 0.80",
        "2026-11-22T10:20:30.081Z door end #1 happiness 0.80 -> -",
        "2026-11-22T10:20:30.081Z door status offline no?[31m route",
    ]
    assert errors == ""


@pytest.mark.parametrize(
    ("after", "gated", "said"),
    [
        ({"label": "neutral", "confidence": 0.19, "scores": {"neutral": 0.19, "anger": 0.7}}, [], "neutral"),
        ({"label": None, "confidence": 0.4, "scores": {"neutral": 0.4}, "reason": "undecided"}, [], "unclear"),
        ({"label": None, "confidence": 0, "scores": {}, "reason": "unreadable"}, ["dark"], "not readable: dark"),
        ({"label": None, "confidence": 0, "scores": {}, "reason": "unseen"}, [], "not readable: hidden"),
        (None, ["small", "dark"], "not readable: small, dark"),  # never read
    ],
)
def test_a_line_never_has_the_score_of_a_loser(after: dict[str, Any] | None, gated: list[str], said: str) -> None:
    document = {**event(1).document, "after": after, "gated": gated}
    line = _line(Received("1-0", cast("Any", document)))
    assert line == f"2026-11-22T10:20:30.081Z door new #1 - -> {said} [1-0]"


def test_json_lines_are_the_documents_filtered_by_source_and_type(server: RedisServer, tmp_path: Path) -> None:
    wanted = event(3, source_id="desk")
    bus = RedisBus(server.url, "moodline")
    bus.publish([event(1), status(2, source_id="desk"), wanted, event(4, "end", source_id="desk")])
    arguments = ["--url", server.url, "--from-start", "--json", "--source", "desk", "--type", "new"]
    with Command(tmp_path, *arguments) as command:
        until(lambda: len(command.lines()) == 1, timeout_s=60)
        assert orjson.loads(command.lines()[0]) == wanted.document
        assert command.interrupt() == 130


def test_an_outage_is_one_line_without_the_password_and_then_it_goes_on(tmp_path: Path) -> None:
    server = RedisServer(password=CANARY, start=False)
    with server, Command(tmp_path, "--url", server.url, "--from-start") as command:
        until(command.errors, timeout_s=60)
        server.start()
        RedisBus(server.url, "moodline").publish([event(1)])
        until(lambda: len(command.lines()) == 1)
        assert command.interrupt() == 130
        errors = command.errors()
    assert errors.count("\n") == 1
    assert "Redis cannot be reached" in errors and "trying again" in errors
    assert CANARY not in errors


@pytest.mark.parametrize(
    "arguments",
    [
        ["--url", "memory://"],
        ["--url", "localhost"],
        ["--url", f"redis://u:{CANARY}@x@h"],
        ["--url", f"redis://u:{CANARY}@h", "--prefix", "a b"],
    ],
)
def test_wrong_settings_are_one_line_without_the_password(arguments: list[str]) -> None:
    result: Any = CliRunner().invoke(events, arguments)
    assert isinstance(result.exception, ConfigError)
    assert "--url" in str(result.exception) and "\n" not in str(result.exception)
    assert CANARY not in str(result.exception)


@pytest.mark.parametrize("arguments", [["--since", "yesterday"], ["--since", "5-0", "--from-start"], ["--what"]])
def test_wrong_arguments_are_exit_code_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(events, arguments).exit_code == 2


@pytest.mark.parametrize("document", [{}, {"type": "new", "track_id": 1}, {"type": "status", "state": None}])
def test_what_others_write_into_the_stream_is_one_harmless_line(document: Any) -> None:
    assert events_cli._line(Received("5-0", document)) == "? not an event of moodline [5-0]"


def test_a_gap_is_told(server: RedisServer, tmp_path: Path) -> None:
    gap = gap_event("run-1", 2, 4, SystemClock())
    bus = RedisBus(server.url, "moodline")
    bus.publish([event(1, run_id="run-1"), gap])
    with Command(tmp_path, "--url", server.url, "--from-start", "--type", "gap") as command:
        until(command.lines, timeout_s=60)
        assert "gap 3 events from 2 on are lost" in command.lines()[0]
        assert command.interrupt() == 130


def test_a_place_in_a_file_is_where_the_next_one_goes_on(server: RedisServer, tmp_path: Path) -> None:
    bus = RedisBus(server.url, "moodline")
    place = tmp_path / "seen.id"
    for round_ in range(2):
        bus.publish([event(2 * round_ + 1), event(2 * round_ + 2)])
        arguments = ("--url", server.url, "--from-start", "--place", str(place), "--json")
        with Command(tmp_path, *arguments) as command:
            until(lambda command=command: len(command.lines()) == 2, timeout_s=60)
            until(place.exists)
            assert command.interrupt() == 130
            assert [orjson.loads(line)["seq"] for line in command.lines()] == [2 * round_ + 1, 2 * round_ + 2]


def test_a_group_and_a_place_are_one_too_many(tmp_path: Path) -> None:
    result: Any = CliRunner().invoke(events, ["--group", "g", "--place", str(tmp_path / "p")])
    assert "not both" in str(result.exception)
