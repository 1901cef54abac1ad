"""Two hundred events a second while Redis, the engine and the database are killed: each arrives, once, in order."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from engine.client import OLDEST, subscribe
from engine.history import History
from tests.support.postgres_server import PostgresServer, find_postgres
from tests.support.redis_server import RedisServer, until
from tests.support.relaying import entries

RATE = 200
_GROWTH_MB = 40


class Engine:
    """The feeder in a process of its own."""

    def __init__(self, history_url: str, bus_url: str, run_id: str) -> None:
        command = [sys.executable, "-m", "tests.support.feeder", history_url, bus_url, run_id, str(RATE)]
        root = Path(__file__).parents[2]
        self._process = subprocess.Popen(command, cwd=root, env={**os.environ, "PYTHONPATH": str(root)})

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(10)

    def end(self) -> int:
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(30)

    @property
    def memory_mb(self) -> float:
        lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))

    def __enter__(self) -> "Engine":
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self.kill()


class Consumer:
    """A program that follows the stream through all of it."""

    def __init__(self, url: str) -> None:
        self.got: dict[str, list[int]] = defaultdict(list)
        self.subscription = subscribe(url, since=OLDEST, on_lost=lambda _trouble: None)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        with self.subscription as messages:
            for message in messages:
                self.got[message.event["run_id"]].append(message.event["seq"])

    def count(self) -> int:
        return sum(map(len, list(self.got.values())))

    def __enter__(self) -> "Consumer":
        return self

    def __exit__(self, *_: object) -> None:
        self.subscription.stop()
        self._thread.join(10)


def in_stream(url: str) -> tuple[dict[str, list[int]], int]:
    """For each run the numbers of its events as they lie in the stream, repeats dropped, and how many those were."""
    seen: set[str] = set()
    runs: dict[str, list[int]] = defaultdict(list)
    repeats = 0
    for fields in entries(url):
        if fields["event_id"] in seen:
            repeats += 1
            continue
        seen.add(fields["event_id"])
        runs[orjson.loads(fields["payload"])["run_id"]].append(int(fields["seq"]))
    return runs, repeats


def stored(history_url: str) -> dict[str, list[int]]:
    """For each run the numbers of its events in the history."""
    history = History(history_url)
    history.open()
    runs: dict[str, list[int]] = defaultdict(list)
    last = 0
    while rows := history.events_after(last, 5000):
        last = rows[-1][0]
        for _, event in rows:
            runs[event.run_id].append(event.seq)
    history.close()
    return runs


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, PostgresServer | None]]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/h.db", None
        return
    if find_postgres() is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql (make system)")
    with PostgresServer() as server:
        yield server.fresh(), server


def outage(server: RedisServer, seconds: float) -> None:
    server.kill()
    time.sleep(seconds)
    server.start()


def some_more(consumer: Consumer, count: int) -> None:
    goal = consumer.count() + count
    until(lambda: consumer.count() >= goal, 40)


@pytest.mark.slow
@pytest.mark.parametrize("saving", ["always", "never"])  # whether Redis comes back with what it had, or empty
def test_nothing_is_lost_doubled_or_out_of_order(database: tuple[str, PostgresServer | None], saving: str) -> None:
    url, postgres = database
    if (postgres is None) == (saving == "never"):
        pytest.skip("each database with one kind of Redis is enough")
    options: tuple[str, ...] = () if saving == "always" else ("--appendonly", "no")
    with RedisServer(*options) as server, Consumer(server.url) as consumer:
        with Engine(url, server.url, "one"):
            some_more(consumer, 120)
            outage(server, 0.7)
            some_more(consumer, 120)
        # Killed with everything running, and once more while Redis is away.
        with Engine(url, server.url, "two") as engine:
            some_more(consumer, 120)
            server.kill()
            time.sleep(0.7)
            engine.kill()
        server.start()
        with Engine(url, server.url, "three") as engine:
            some_more(consumer, 120)
            before_mb = engine.memory_mb
            outage(server, 1.5)
            some_more(consumer, 120)
            if postgres:
                postgres.kill()
                time.sleep(0.5)
                postgres.start()
                some_more(consumer, 120)
            assert engine.memory_mb - before_mb < _GROWTH_MB
            assert engine.end() == 0
        there, repeats = in_stream(server.url)
        expected = stored(url)
        assert there == {run: list(range(1, len(seqs) + 1)) for run, seqs in expected.items()}
        assert repeats == 0
        until(lambda: consumer.count() >= sum(map(len, expected.values())))
        assert {run: sorted(set(seqs)) for run, seqs in consumer.got.items()} == dict(there)
        assert all(len(seqs) == len(set(seqs)) for seqs in consumer.got.values())
        assert all(seqs == sorted(seqs) for seqs in consumer.got.values())
