"""README's lines on the demo's Redis, run as they stand against a demo."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.program import ENTRY, Running

ROOT = Path(__file__).parents[2]


def lines() -> list[str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(r"```sh\n(SOCKET=.*?)```", text, re.DOTALL)
    assert found
    return found[1].splitlines()


def test_the_lines_for_the_demo_show_its_events(tmp_path: Path) -> None:
    for needed in ("redis-cli", "redis-server", "curl"):
        if shutil.which(needed) is None:
            pytest.skip(f"{needed} is not installed")
    setting, *following = lines()
    assert len(following) == 3
    program = f"{shlex.quote(sys.executable)} -c {shlex.quote(ENTRY)}"
    with Running(tmp_path / "log", "demo", "--port", "0") as demo:
        demo.wait_ready()
        port = demo.url.rsplit(":", 1)[1]
        for line in following:
            # Ends at the first of a face's own events; a subscriber is told first that it is one.
            script = f"{setting}\n{line} | grep -m 1 -E 'track_id|#[0-9]'"
            script = script.replace("localhost:8080", f"127.0.0.1:{port}").replace(".venv/bin/moodline", program)
            done = subprocess.run(
                ["bash", "-c", script], capture_output=True, text=True, timeout=90, check=False,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )  # fmt: skip
            assert done.returncode == 0 and done.stdout, (line, done.stderr)
