"""What reaches standard error: lines for people, or with `--log-format json` JSON lines and nothing else."""

import importlib.util
import json
import logging
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner

from pipelines import cli, logs
from pipelines.run_cli import demo


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Logging as the tests found it."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    logs.configure()
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)


def records(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_what_is_said_is_json_where_the_log_is(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(json=True)
    logs.say("moodline 1\n\nLook here:\n  dashboard  http://localhost:8080")
    logging.getLogger("engine.x").info("rtsp://me:S3cret@cam is %s", "online")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("careful", stacklevel=1)
    found = records(capsys.readouterr().err)
    assert [each["event"] for each in found[:3]] == ["moodline 1", "Look here:", "dashboard  http://localhost:8080"]
    assert {each["level"] for each in found[:3]} == {"info"} and all(each["timestamp"] for each in found)
    assert "S3cret" not in found[3]["event"] and "careful" in found[4]["event"]
    assert logs.is_json()


def test_what_is_said_is_plain_otherwise(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure()
    logs.say("two\n  lines of redis://me:S3cret@h")
    assert capsys.readouterr().err.startswith("two\n  lines of redis://***@h")
    assert not logs.is_json()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("rum",), 2, "No such command 'rum'"),
        (("check",), 2, "name a CONFIG file"),
        (("check", "nowhere.yaml"), 2, "nowhere.yaml: no such file"),
        (("analyze",), 2, "Missing argument 'VIDEO'"),
        (("run", "x.yaml", "--for", "-1"), 2, "--for"),
        (("--nonsense",), 2, "No such option"),
    ],
)
@pytest.mark.parametrize("option", [("--log-format", "json"), ("--log-format=json",)], ids=len)
def test_mistakes_are_json_too(
    option: tuple[str, ...], arguments: tuple[str, ...], code: int, said: str, capsys: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(sys, "argv", ["moodline", *option, *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == code
    assert any(said in each["event"] for each in records(capsys.readouterr().err))


def test_a_demo_without_its_picture_says_so_first_and_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    result = CliRunner().invoke(demo, [], standalone_mode=False)
    assert result.return_value == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("moodline: demo footage needs a picture of the insightface package")
    assert "pip install --no-deps insightface" in line
