"""Fills an empty history with millions of scripted events at once, past the store: indices are made at the end.

The rows are those that `append` would have left: two hundred faces at a time, each 30 events in 30 seconds.
"""

import random
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import psycopg
from sqlalchemy import make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateIndex
from tqdm import tqdm

from engine import ids, jsontext
from engine.history import schema
from engine.history.inserting import sqlite_text

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
RUN = "01KAXW3E8M0000000000000000"
SOURCES = [f"camera-{number:02}" for number in range(20)]
LABELS = ["neutral", "happiness", "sadness", "anger", "surprise", "fear", "disgust"]
WEIGHTS = [60, 25, 6, 4, 3, 1.9, 0.1]
RATE = 200
"""Events a second of the scripted run: 10 million rows are 14 hours."""
PER_TRACK = 30
AT_ONCE = 20_000
_TABLES = (schema.events, schema.samples, schema.tracks)
_COLUMNS = {
    "events": "id event_id run_id seq type source_id track_uid label captured_at stored_at payload",
    "samples": "track_uid second source_id label confidence scores",
    "tracks": "track_uid run_id source_id track_id first_seen last_seen duration_s label confidence state events "
    "stored_at lasted_s",
}
Rows = dict[str, list[tuple[Any, ...]]]


def uid_of(track_id: int) -> str:
    return ids.derive(RUN, "track", SOURCES[track_id % len(SOURCES)], track_id)


def made(rows: int, seed: int = 1, first: int = 1) -> Iterator[Rows]:
    """Rows of the three tables, for `AT_ONCE` events each time, from event `first` on."""
    random_ = random.Random(seed)
    scores = [jsontext.dumps({name: round(random_.random() / 7, 4) for name in LABELS}).decode() for _ in range(997)]
    uids: dict[int, str] = {}
    seqs = iter(range(first, first + rows))
    while chunk := list(islice(seqs, AT_ONCE)):
        told: Rows = {"events": [], "samples": [], "tracks": []}
        labels = random_.choices(LABELS, WEIGHTS, k=len(chunk))
        for seq, label in zip(chunk, labels, strict=True):
            _tell(told, seq, label, scores[seq % 997], random_.random() < 0.15, uids)
        yield told


def _tell(told: Rows, seq: int, label: str, scores: str, changed: bool, uids: dict[int, str]) -> None:
    turn, place = divmod(seq, RATE)
    life, age = divmod(turn + place % PER_TRACK, PER_TRACK)
    track_id = life * RATE + place + 1
    uid = uids.get(track_id) or uids.setdefault(track_id, uid_of(track_id))
    source_id = SOURCES[track_id % len(SOURCES)]
    kind = "new" if age == 0 else "end" if age == PER_TRACK - 1 else "emotion_changed" if changed else "update"
    at = BEGIN + timedelta(seconds=seq / RATE)
    event_id = ids.numbered(RUN, seq)
    moment = at.isoformat(timespec="milliseconds")[:23] + "Z"
    shown = f'{{"label":"{label}","confidence":0.81,"dwell_s":1.5'
    before = "null" if kind in ("new", "update") else shown + "}"
    after = "null" if kind == "end" else f'{shown},"scores":{scores}}}'
    payload = (
        f'{{"schema":"1.0","type":"{kind}","event_id":"{event_id}","run_id":"{RUN}","seq":{seq},'
        f'"source_id":"{source_id}","time_s":{seq / RATE},"captured_at":"{moment}","published_at":"{moment}",'
        f'"track_id":{track_id},"track_uid":"{uid}","frame_index":{seq},"age_s":{age}.0,'
        '"bbox":{"x":412,"y":188,"width":96,"height":118},"frame":{"width":1280,"height":720},'
        f'"before":{before},"after":{after},'
        '"quality":0.77,"gated":[],"aligned":true,"model":{"name":"emotion-fer","sha256":"' + "0" * 64 + '"},'
        '"latency_ms":42}'
    )  # fmt: skip
    told["events"].append((seq, event_id, RUN, seq, kind, source_id, uid, label, at, at, payload))
    if kind != "end":
        told["samples"].append((uid, int(at.timestamp()), source_id, label, 0.81, scores))
    else:
        first = at - timedelta(seconds=age)
        told["tracks"].append(
            (uid, RUN, source_id, track_id, first, at, float(age), label, 0.81, "ended", PER_TRACK, at, float(age))
        )
        uids.pop(track_id, None)


def fill(url: str, rows: int) -> None:
    """Fill the database at `url`, whose tables are there and empty, and make its indices anew."""
    batches = tqdm(made(rows), total=-(-rows // AT_ONCE), unit="batch", disable=None, mininterval=5)
    if url.startswith("sqlite"):
        _into_sqlite(str(make_url(url).database), batches)
    else:
        _into_postgres(url.replace("+psycopg", ""), batches, rows)


def _into_sqlite(path: str, batches: Any) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for setting in ("synchronous=OFF", "cache_size=-1000000", "journal_mode=WAL"):
            connection.execute(f"PRAGMA {setting}").close()
        for name in _dropped():
            connection.execute(f"DROP INDEX {name}")
        for told in batches:
            connection.execute("BEGIN")
            for name, rows in told.items():
                columns = _COLUMNS[name].split()
                marks = ", ".join("?" * len(columns))
                connection.executemany(
                    f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({marks})",
                    [tuple(sqlite_text(x) if isinstance(x, datetime) else x for x in row) for row in rows],
                )
            connection.execute("COMMIT")
        for statement in _indices(sqlite.dialect()):  # type: ignore[no-untyped-call]
            connection.execute(statement)
        connection.execute(
            "INSERT INTO runs (run_id, name, started_at, state) VALUES (?, 'bench', ?, 'running')",
            (RUN, sqlite_text(BEGIN)),
        )
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _into_postgres(url: str, batches: Any, rows: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET synchronous_commit = off")
        connection.execute("SET maintenance_work_mem = '512MB'")
        for name in _dropped():
            connection.execute(f"DROP INDEX {name}".encode())
        for told in batches:
            for name, found in told.items():
                columns = ", ".join(_COLUMNS[name].split())
                with connection.cursor().copy(f"COPY {name} ({columns}) FROM STDIN".encode()) as copy:
                    for row in found:
                        copy.write_row(row)
        for statement in _indices(postgresql.dialect()):  # type: ignore[no-untyped-call]
            connection.execute(statement.encode())
        connection.execute("SELECT setval(pg_get_serial_sequence('events', 'id'), %s)", (rows,))
        connection.execute(
            "INSERT INTO runs (run_id, name, started_at, state) VALUES (%s, 'bench', %s, 'running')", (RUN, BEGIN)
        )
        # What autovacuum does while a history grows over days.
        connection.execute("VACUUM ANALYZE")


def _dropped() -> Sequence[str]:
    return [str(index.name) for table in _TABLES for index in table.indexes]


def _indices(dialect: Any) -> list[str]:
    return [str(CreateIndex(index).compile(dialect=dialect)) for table in _TABLES for index in table.indexes]
