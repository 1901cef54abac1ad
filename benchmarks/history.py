"""How fast the history answers and takes events: `python -m benchmarks.history --rows 10000000`.

Fills a fresh SQLite file, and a private PostgreSQL server where one is installed, with scripted tracks by the same
`append` that a run uses, then asks what the API asks. Prints p50 and p95 in milliseconds. Room on the disk: about
1.6 kB an event. `--url` takes a database of one's own instead; it is filled and left behind.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tqdm import tqdm

from engine import ids
from engine.history import EventFilter, History, StatsFilter, TrackFilter
from engine.items import EmotionEvent
from tests.support.postgres_server import PostgresServer, find_postgres

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
SOURCES = [f"camera-{number:02}" for number in range(20)]
LABELS = ["neutral", "happiness", "sadness", "anger", "surprise", "fear", "disgust"]
WEIGHTS = [60, 25, 6, 4, 3, 1.9, 0.1]
RATE = 200
"""Events a second of the scripted run: 10 million rows are 14 hours."""
PER_TRACK = 30
RUN = "01KAXW3E8M0000000000000000"
LIMIT = 100
DEEP = 1000


def script(rows: int, seed: int = 1) -> Iterator[EmotionEvent]:
    """Events of forty tracks at a time, which last 30 events each and wander over all sources."""
    random_ = random.Random(seed)
    live: list[list[Any]] = [[0, number % PER_TRACK] for number in range(RATE)]
    next_track = 0
    for seq in range(1, rows + 1):
        place = seq % RATE
        track_id, age = live[place]
        if age == 0 or track_id == 0:
            next_track += 1
            live[place] = [next_track, age := max(age, 0)]
            track_id = next_track
        kind = "new" if age == 0 else "end" if age == PER_TRACK - 1 else "update"
        if kind == "update" and random_.random() < 0.15:
            kind = "emotion_changed"
        live[place][1] = (age + 1) % PER_TRACK
        yield _event(seq, kind, track_id, age, random_)


def _event(seq: int, kind: str, track_id: int, age: int, random_: random.Random) -> EmotionEvent:
    at = BEGIN + timedelta(seconds=seq / RATE)
    label = random_.choices(LABELS, WEIGHTS)[0]
    source_id = SOURCES[track_id % len(SOURCES)]
    uid = ids.derive(RUN, "track", source_id, track_id)
    shown = {"label": label, "confidence": 0.81, "dwell_s": 1.5}
    scores = {"scores": {name: round(random_.random() / 7, 4) for name in LABELS}}
    moment = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    document = {
        "schema": "1.0", "type": kind, "event_id": ids.numbered(RUN, seq), "run_id": RUN, "seq": seq,
        "source_id": source_id, "time_s": seq / RATE, "captured_at": moment, "published_at": moment,
        "track_id": track_id, "track_uid": uid, "frame_index": seq, "age_s": float(age),
        "bbox": {"x": 412, "y": 188, "width": 96, "height": 118}, "frame": {"width": 1280, "height": 720},
        "before": None if kind in ("new", "update") else shown, "after": None if kind == "end" else {**shown, **scores},
        "quality": 0.77, "gated": [], "aligned": True, "model": {"name": "emotion-fer", "sha256": "0" * 64},
        "latency_ms": 42,
    }  # fmt: skip
    return EmotionEvent(str(document["event_id"]), RUN, seq, kind, source_id, uid, document)


def fill(history: History, rows: int, batch: int) -> tuple[float, float, float]:
    """Append `rows` events; events a second over all of it and over the last tenth, and events a second of this
    process's CPU time. The time it takes to make the events up is left out."""
    spent, late, late_rows, cpu, made = 0.0, 0.0, 0, 0.0, []
    with tqdm(total=rows, unit=" events", disable=None) as bar:
        for event in script(rows):
            made.append(event)
            if len(made) < batch and event.seq < rows:
                continue
            began, cpu_began = time.perf_counter(), time.process_time()
            history.append(made)
            took = time.perf_counter() - began
            cpu += time.process_time() - cpu_began
            spent += took
            if event.seq > 0.9 * rows:
                late, late_rows = late + took, late_rows + len(made)
            bar.update(len(made))
            made = []
    return rows / spent, late_rows / late, rows / cpu


def questions(history: History, rows: int) -> dict[str, Callable[[random.Random], Any]]:
    """What is asked, each with fresh values drawn for it."""
    last_s = rows / RATE

    def some_time(random_: random.Random) -> dict[str, datetime]:
        start = BEGIN + timedelta(seconds=random_.uniform(0, last_s * 0.9))
        return {"start": start, "end": start + timedelta(seconds=last_s * 0.1)}

    def uid(random_: random.Random) -> str:
        track_id = random_.randrange(1, max(2, rows // PER_TRACK))
        return ids.derive(RUN, "track", SOURCES[track_id % len(SOURCES)], track_id)

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


def report(name: str, history: History, rows: int, batch: int, times: int) -> None:
    began = time.perf_counter()
    overall, late, by_cpu = fill(history, rows, batch)
    size = history.size_bytes()
    print(f"\n{name}: {rows:,} events in {time.perf_counter() - began:.0f} s, {size / rows:.0f} bytes an event")
    print(
        f"ingest in batches of {batch}: {overall:,.0f} events/s, {late:,.0f} over the last tenth, "
        f"{by_cpu:,.0f} for each second of CPU time here"
    )
    print(f"\n| question ({LIMIT} a page) | p50 ms | p95 ms | own CPU ms |\n|---|---|---|---|")
    for question, ask in questions(history, rows).items():
        print("| {} | {:.1f} | {:.1f} | {:.1f} |".format(question, *measure(ask, times)), flush=True)
    for what, wanted in (("all", EventFilter()), ("source", EventFilter(source_id=SOURCES[3]))):
        for number in (1, DEEP):
            cursor = page_at(history, wanted, number)
            if number > 1 and cursor is None:
                print(f"| events: {what}, page {number} | - | - | - |")
                continue
            found = measure(lambda _, w=wanted, c=cursor: history.events(w, LIMIT, c), times)  # type: ignore[misc]
            print("| events: {}, page {} | {:.1f} | {:.1f} | {:.1f} |".format(what, number, *found), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--batch", type=int, default=250, help="events in a transaction: 50 ms at 5,000 a second")
    parser.add_argument("--times", type=int, default=200, help="how often each question is asked")
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    parser.add_argument("--url", help="an empty database to fill instead")
    wanted = parser.parse_args()
    with ExitStack() as stack:
        for name, url in _databases(stack, wanted.only, wanted.url):
            history = History(url)
            history.open()
            stack.callback(history.close)
            report(name, history, wanted.rows, wanted.batch, wanted.times)


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
