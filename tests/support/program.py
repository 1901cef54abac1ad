"""The `moodline` program as a user starts it: a process of its own."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

from tests.support.redis_server import until

ENTRY = "import sys; from pipelines.cli import main; sys.argv[0] = 'moodline'; main()"


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-c", ENTRY, *map(str, arguments)]


def moodline(*arguments: object, cwd: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run it to its end."""
    return subprocess.run(
        command(*arguments),
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **variables},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


class Running:
    """It, while it runs. `url` is its API's address once `ready`."""

    def __init__(self, log: Path, *arguments: object, cwd: Path | None = None, **variables: str) -> None:
        self.log = log
        self.url = ""
        with log.open("w") as file:
            self.process = subprocess.Popen(
                command(*arguments),
                cwd=cwd,
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **variables},
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_ready(self, timeout_s: float = 90) -> None:
        until(self._find_url, timeout_s)
        until(lambda: self.get("/readyz", expect=None) is not None, timeout_s)

    def _find_url(self) -> bool:
        assert self.process.poll() is None, self.text()
        lines = [line for line in self.text().splitlines() if "API at http" in line]
        if lines:
            self.url = lines[0].split("API at ", 1)[1].split()[0]
        return bool(lines)

    def text(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def get(self, path: str, expect: int | None = 200) -> Any:
        """The JSON (or text) that `path` answers; None for another status where `expect` is None."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=10) as answer:
                body = answer.read().decode()
        except OSError:
            if expect is None:
                return None
            raise
        return json.loads(body) if path.startswith("/api") else body

    def end(self, number: int = signal.SIGTERM, timeout_s: float = 20) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout_s)

    def __enter__(self) -> "Running":
        return self

    def __exit__(self, *_error: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
