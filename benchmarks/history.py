"""How fast the history answers and takes events: `python -m benchmarks.history --rows 10000000`.

Fills a fresh SQLite file, and a private PostgreSQL server where one is installed, with scripted tracks (`--rows`, past
the store, see benchmarks/bulk.py), adds as many as `--append` by the same `append` that a run uses, in batches of what
5,000 events a second are in 50 ms, and asks what the API asks. Prints p50 and p95 in milliseconds. Room on the disk:
about 2 kB an event. `--url` takes a database of one's own; `--filled` that it has its `--rows` already.
"""

import argparse
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks import bulk
from benchmarks.bulk import BEGIN, LABELS, PER_TRACK, RATE, SOURCES
from engine import jsontext
from engine.clock import SystemClock
from engine.history import EventFilter, History, StatsFilter, TrackFilter, minutes
from engine.items import EmotionEvent
from tests.support.postgres_server import PostgresServer, find_postgres

LIMIT = 100
DEEP = 1000


class StreamClock(SystemClock):
    """Its time of day is that of the newest event."""

    def __init__(self) -> None:
        self.now = BEGIN

    def utc(self) -> datetime:
        return self.now


def script(first: int, count: int) -> Iterator[EmotionEvent]:
    """The scripted run from event `first` on."""
    for told in bulk.made(count, first=first):
        for _, event_id, run_id, seq, kind, source_id, uid, *_, payload in told["events"]:
            yield EmotionEvent(event_id, run_id, seq, kind, source_id, uid, jsontext.loads(payload))


def append(history: History, clock: StreamClock, first: int, count: int, batch: int) -> tuple[float, float]:
    """Append `count` events; events a second of wall time, and of CPU time here. Making them up is left out."""
    spent, cpu = 0.0, 0.0
    events = script(first, count)
    while made := list(islice(events, batch)):
        clock.now = datetime.fromisoformat(made[-1].document["captured_at"])
        began, cpu_began = time.perf_counter(), time.process_time()
        history.append(made)
        spent += time.perf_counter() - began
        cpu += time.process_time() - cpu_began
    return count / spent, count / cpu


def add_up(history: History, rows: int) -> float:
    """Let the minutes of what was filled past the store be added up; seconds that takes."""
    began = time.perf_counter()
    end = BEGIN + timedelta(seconds=rows / RATE)
    before = -1
    while True:
        with history._database.write(appends=True) as connection:
            minutes.roll(connection, end, ())
            done = minutes.added_up(connection)
        if done == before:
            return time.perf_counter() - began
        before = done


def questions(history: History, rows: int) -> dict[str, Callable[[random.Random], Any]]:
    """What is asked, each with fresh values drawn for it."""
    last_s = rows / RATE

    def some_time(random_: random.Random) -> dict[str, datetime]:
        start = BEGIN + timedelta(seconds=random_.uniform(0, last_s * 0.9))
        return {"start": start, "end": start + timedelta(seconds=last_s * 0.1)}

    def uid(random_: random.Random) -> str:
        return bulk.uid_of(random_.randrange(1, max(2, rows // PER_TRACK)))

    def events(**wanted: Any) -> Any:
        return history.events(EventFilter(**wanted), LIMIT)

    def stats(start: datetime, seconds: float, bucket_s: int) -> Any:
        wanted = StatsFilter(start=start, end=start + timedelta(seconds=seconds), bucket_s=bucket_s)
        return history.stats(wanted)

    return {
        "track: history": lambda r: history.events(EventFilter(track_uid=uid(r)), LIMIT, oldest_first=True),
        "track: timeline": lambda r: history.timeline(uid(r), LIMIT),
        "events: all": lambda _: events(),
        "events: source": lambda r: events(source_id=r.choice(SOURCES)),
        "events: type": lambda r: events(type=r.choice(["new", "emotion_changed", "end"])),
        "events: type that never was": lambda _: events(type="status"),
        "events: label": lambda r: events(label=r.choice(LABELS)),
        "events: source, label": lambda r: events(source_id=r.choice(SOURCES), label=r.choice(LABELS)),
        "events: source, type": lambda r: events(source_id=r.choice(SOURCES), type="emotion_changed"),
        "events: type, label": lambda r: events(type="emotion_changed", label=r.choice(LABELS)),
        "events: source, type, label": lambda r: events(
            source_id=r.choice(SOURCES), type="emotion_changed", label=r.choice(LABELS)
        ),
        "events: time": lambda r: events(**some_time(r)),
        "events: source, type, label, time": lambda r: events(
            source_id=r.choice(SOURCES), type="update", label=r.choice(LABELS), **some_time(r)
        ),
        "events: source, label, time": lambda r: events(
            source_id=r.choice(SOURCES), label=r.choice(LABELS), **some_time(r)
        ),
        "events: min_duration_s of most": lambda _: events(min_duration_s=5.0),
        "events: min_duration_s of none": lambda _: events(min_duration_s=1e6),
        "tracks: all": lambda _: history.tracks(TrackFilter(), LIMIT),
        "tracks: source, label, time": lambda r: history.tracks(
            TrackFilter(source_id=r.choice(SOURCES), label=r.choice(LABELS), **some_time(r)), LIMIT
        ),
        "stats: a minute by 10 s": lambda r: stats(some_time(r)["start"], 60, 10),
        "stats: ten minutes by minute": lambda r: stats(some_time(r)["start"], 600, 60),
        "stats: an hour by minute": lambda _: stats(BEGIN, 3600, 60),
        "stats: four hours by hour": lambda _: stats(BEGIN, 4 * 3600, 3600),
    }


def measure(ask: Callable[[random.Random], Any], times: int, most_s: float = 20.0) -> tuple[float, float, float]:
    """p50, p95 and p50 of this process's CPU time, in ms, of `times` questions; fewer, if that takes `most_s`."""
    random_ = random.Random(7)
    ask(random_)
    taken: list[float] = []
    cpu: list[float] = []
    while len(taken) < times and sum(taken) < most_s:
        began, cpu_began = time.perf_counter(), time.process_time()
        ask(random_)
        taken.append(time.perf_counter() - began)
        cpu.append(time.process_time() - cpu_began)
    taken.sort()
    late = taken[min(len(taken) - 1, int(len(taken) * 0.95))]
    return 1000 * taken[len(taken) // 2], 1000 * late, 1000 * sorted(cpu)[len(cpu) // 2]


def page_at(history: History, wanted: EventFilter, number: int) -> str | None:
    """The cursor that asks for page `number`."""
    cursor = None
    for _ in range(number - 1):
        cursor = history.events(wanted, LIMIT, cursor).next_cursor
        if cursor is None:
            break
    return cursor


def report(name: str, url: str, wanted: argparse.Namespace) -> None:
    clock = StreamClock()
    history = History(url, clock)
    history.open()
    began = time.perf_counter()
    if not wanted.filled:
        bulk.fill(url, wanted.rows)
    print(f"\n{name}: {wanted.rows:,} events in {time.perf_counter() - began:.0f} s, "
          f"minutes added up in {add_up(history, wanted.rows):.0f} s, "
          f"{history.size_bytes() / wanted.rows:.0f} bytes an event; load {os.getloadavg()[0]:.1f}")  # fmt: skip
    first = history.last_row() + 1
    by_wall, by_cpu = append(history, clock, first, wanted.append, wanted.batch)
    print(f"ingest of {wanted.append:,} in batches of {wanted.batch}: {by_wall:,.0f} events/s, "
          f"{by_cpu:,.0f} for each second of CPU time here; load {os.getloadavg()[0]:.1f}")  # fmt: skip
    print(f"\n| question ({LIMIT} a page) | p50 ms | p95 ms | own CPU ms |\n|---|---|---|---|")
    for question, ask in questions(history, wanted.rows).items():
        print("| {} | {:.1f} | {:.1f} | {:.1f} |".format(question, *measure(ask, wanted.times)), flush=True)
    for what, filter_ in (("all", EventFilter()), ("source", EventFilter(source_id=SOURCES[3]))):
        for number in (1, DEEP):
            cursor = page_at(history, filter_, number)
            if number > 1 and cursor is None:
                continue
            found = measure(lambda _, w=filter_, c=cursor: history.events(w, LIMIT, c), wanted.times)  # type: ignore[misc]
            print("| events: {}, page {} | {:.1f} | {:.1f} | {:.1f} |".format(what, number, *found), flush=True)
    history.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--append", type=int, default=50_000)
    parser.add_argument("--batch", type=int, default=250, help="events in a transaction: 50 ms at 5,000 a second")
    parser.add_argument("--times", type=int, default=200, help="how often each question is asked")
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    parser.add_argument("--url", help="an empty database to fill instead")
    parser.add_argument("--filled", action="store_true", help="with --url: it has been filled before")
    wanted = parser.parse_args()
    with ExitStack() as stack:
        for name, url in _databases(stack, wanted.only, wanted.url):
            report(name, url, wanted)


def _databases(stack: ExitStack, only: str | None, url: str | None) -> Iterator[tuple[str, str]]:
    if url:
        yield "given", url
        return
    if only != "postgresql":
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="moodline-bench-")))
        yield "SQLite", f"sqlite:///{folder}/h.db"
    if only != "sqlite" and find_postgres():
        # Durable, as a real one is: each transaction waits for the disk.
        server = stack.enter_context(PostgresServer(fsync="on", full_page_writes="on", shared_buffers="512MB"))
        yield "PostgreSQL", server.fresh()


if __name__ == "__main__":
    main()
