"""A real engine on the built-in footage, with tokens, and a real browser to look at it."""

import json
import os
import shutil
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.browser import chromium
from tests.support.program import Running
from tests.support.redis_server import until

WEB = Path(__file__).parents[2] / "engine" / "web"
SOURCES = ("src", "build.mjs", "package.json", "tsconfig.json", ".npmrc")
READ, OPERATE = "reader-of-the-tests", "operator-of-the-tests"
CONFIG = """
name: lobby
mode: live
sources:
  - {{id: door, uri: "demo:", fps: 4}}
  - {{id: desk, uri: "demo:", fps: 2}}
stages:
  detect: {{every_s: 0.2, size: 480}}
  track: {{max_missing_s: 1.5}}
bus: {{url: "memory://"}}
history: {{url: "sqlite:///dashboard.db"}}
privacy: {{thumbnails: true}}
api:
  port: {port}
  tokens:
    - {{token: "{read}", scopes: [read]}}
    - {{token: "{operate}", scopes: [read, operate]}}
  sources: {{enabled: true, schemes: [demo, rtsp, http], hosts: [127.0.0.1]}}
"""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


class Engine:
    """`moodline run` on one port, so that it can be killed and come back where pages look for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "dashboard.yaml"
        self.url = f"http://127.0.0.1:{free_port()}"
        self.config.write_text(CONFIG.format(port=self.url.rsplit(":", 1)[1], read=READ, operate=OPERATE))
        self._runs = 0
        self.program = self._run()

    def _run(self) -> Running:
        self._runs += 1
        return Running(self.folder / f"log-{self._runs}", "run", self.config, cwd=self.folder)

    def kill(self) -> None:
        self.program.process.kill()
        self.program.process.wait(10)

    def start(self) -> None:
        self.program = self._run()

    def wait_ready(self) -> None:
        until(self._ready, 60)

    def _ready(self) -> bool:
        assert self.program.process.poll() is None, self.program.text()
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    running = Engine(tmp_path_factory.mktemp("dashboard"))
    try:
        running.wait_ready()
        yield running
    finally:
        if running.program.process.poll() is None:
            running.kill()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Not for the whole session: while Playwright runs, nothing else in its process can have an event loop."""
    with chromium() as opened:
        yield opened


def pinned() -> dict[str, str]:
    about = json.loads((WEB / "package.json").read_text())
    return {**about["dependencies"], **about["devDependencies"]}


def installed(folder: Path) -> bool:
    """Whether `folder` has exactly the packages that package.json names."""
    found = {name: folder / "node_modules" / name / "package.json" for name in pinned()}
    return all(
        path.is_file() and json.loads(path.read_text())["version"] == pinned()[name] for name, path in found.items()
    )


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources with their packages: those beside the sources, else freshly installed ones."""
    if shutil.which("npm") is None:
        pytest.skip("needs Node and npm: apt-get install nodejs npm (make system)")
    folder = tmp_path_factory.mktemp("web")
    for name in SOURCES:
        (shutil.copytree if (WEB / name).is_dir() else shutil.copy)(WEB / name, folder / name)
    if installed(WEB):
        (folder / "node_modules").symlink_to(WEB / "node_modules")
        return folder
    done = subprocess.run(["npm", "install"], cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode and not os.environ.get("CI"):
        pytest.skip(f"npm cannot install the packages: {done.stderr.strip()[-200:]}")
    assert done.returncode == 0, done.stderr[-2000:]
    return folder
