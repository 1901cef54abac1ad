"""What several tests of the engine start: a Redis server, a client of it, histories."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import redis

from engine.history import History
from tests.support.redis_server import RedisServer


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with RedisServer() as running:
        yield running


@pytest.fixture
def client(server: RedisServer) -> Iterator[Any]:
    with redis.Redis.from_url(server.url, decode_responses=True) as connected:
        yield connected


@pytest.fixture(params=["file", "memory"])
def history(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[History]:
    """An empty history, once in a file and once in memory."""
    opened = History(f"sqlite:///{tmp_path}/h.db" if request.param == "file" else "sqlite://")
    opened.open()
    yield opened
    opened.close()


@pytest.fixture
def begun(tmp_path: Path) -> Iterator[History]:
    """A history in a file in which run `run-1` has begun."""
    opened = History(f"sqlite:///{tmp_path}/h.db")
    opened.open()
    opened.begin_run("run-1", "lobby", datetime(2026, 1, 1, tzinfo=UTC))
    yield opened
    opened.close()
