"""What several tests of the engine start: a Redis server, a client of it, a PostgreSQL server, histories."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import redis

from engine.history import History
from tests.support.postgres_server import PostgresServer, find_postgres
from tests.support.redis_server import RedisServer


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with RedisServer() as running:
        yield running


@pytest.fixture
def client(server: RedisServer) -> Iterator[Any]:
    with redis.Redis.from_url(server.url, decode_responses=True) as connected:
        yield connected


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A server that all tests share, each with a database of its own."""
    if find_postgres() is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql (make system)")
    with PostgresServer() as running:
        yield running


@pytest.fixture(params=["file", "postgres"])
def shared_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty history that can be opened more than once: a file, and a server's database."""
    if request.param == "file":
        return f"sqlite:///{tmp_path}/h.db"
    running: PostgresServer = request.getfixturevalue("postgres")
    return running.fresh()


@pytest.fixture(params=["file", "memory", "postgres"])
def history_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty history of each kind."""
    if request.param == "postgres":
        running: PostgresServer = request.getfixturevalue("postgres")
        return running.fresh()
    return f"sqlite:///{tmp_path}/h.db" if request.param == "file" else "sqlite://"


@pytest.fixture
def opened() -> Iterator[Callable[..., History]]:
    """Opens histories and closes them at the end."""
    made: list[History] = []

    def make(url: str, *arguments: Any) -> History:
        history = History(url, *arguments)
        made.append(history)
        history.open()
        return history

    yield make
    for history in made:
        history.close()


@pytest.fixture
def history(history_url: str, opened: Callable[..., History]) -> History:
    """An empty history of each kind: in a file, in memory, on a server."""
    return opened(history_url)


@pytest.fixture
def begun(tmp_path: Path, opened: Callable[..., History]) -> History:
    """A history in a file in which run `run-1` has begun."""
    history = opened(f"sqlite:///{tmp_path}/h.db")
    history.begin_run("run-1", "lobby", datetime(2026, 1, 1, tzinfo=UTC))
    return history
