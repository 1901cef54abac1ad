"""The examples of docs/events.md, run as they stand."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from engine.bus import RedisBus
from tests.support.documents import RUN, event, status
from tests.support.redis_many import free_ports, listening

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")
MADE = [event(1), event(2, "emotion_changed", before="neutral"), status(3), event(4, "end")]


def example(language: str) -> str:
    """The one block of that language."""
    [block] = re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    return str(block)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A Redis on TCP that holds a few events."""
    [number] = free_ports(1)
    with listening(number):
        bus = RedisBus(f"redis://127.0.0.1:{number}/0", "moodline")
        bus.publish(MADE)
        bus.heartbeat(RUN, {"run_id": RUN}, {"door": {"state": "online"}})
        bus.close()
        yield number


def check_lines(output: str) -> None:
    assert [line.split()[:3] for line in output.splitlines()] == [[one.type, RUN, str(one.seq)] for one in MADE]


def test_the_python_example_runs(port: int, tmp_path: Path) -> None:
    code = example("python").replace("localhost:6379", f"127.0.0.1:{port}")
    command = [sys.executable, "-c", code]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    answer = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert answer.returncode == 0, answer.stderr
    check_lines(answer.stdout)
    assert "-" in (tmp_path / "seen.id").read_text()


def test_the_redis_cli_examples_run(port: int) -> None:
    commands = example("sh").replace("redis-cli", f"redis-cli -p {port}")
    answer = subprocess.run(["/bin/sh", "-e", "-c", commands], capture_output=True, text=True, timeout=60, check=True)
    lines = answer.stdout.splitlines()
    assert lines.count(MADE[0].event_id) == 2  # by XRANGE and by XREADGROUP
    assert lines[-1] == '{"state":"online"}'
    assert "a" in lines  # the consumer with something pending


def test_the_node_example_runs(port: int, tmp_path: Path) -> None:
    """Needs node and, in MOODLINE_NODE_MODULES, a folder in which `npm install redis` has been run."""
    modules = os.environ.get("MOODLINE_NODE_MODULES", "")
    if not shutil.which("node") or not modules:
        pytest.skip("no node, or MOODLINE_NODE_MODULES names no folder with the redis package of npm")
    (tmp_path / "node_modules").symlink_to(modules)
    (tmp_path / "example.mjs").write_text(example("js"))
    command = ["node", "example.mjs", f"redis://127.0.0.1:{port}"]
    answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert answer.returncode == 0, answer.stderr
    check_lines(answer.stdout)


def test_the_table_of_types_is_that_of_the_schema() -> None:
    schema = orjson.loads((ROOT / "engine" / "schemas" / "event.schema.json").read_bytes())
    assert re.findall(r"^\| `(\w+)` \|", TEXT, re.MULTILINE) == schema["properties"]["type"]["enum"]
