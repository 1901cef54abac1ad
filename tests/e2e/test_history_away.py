"""The whole program while its history takes nothing: what waits is told, and then each event arrives once, in order."""

import sqlite3
from contextlib import closing

from tests.support.program import Running
from tests.support.redis_server import RedisServer, until
from tests.support.relaying import entries

CONFIG = """
name: away
sources: [{{id: lobby, uri: "demo:"}}]
history: {{url: "sqlite:///{folder}/h.db?timeout=0.2"}}
bus: {{url: "{bus}"}}
api: {{port: 0}}
"""


def test_what_waits_for_the_history_is_told_and_then_sent_in_order(tmp_path):
    config = tmp_path / "c.yaml"
    with RedisServer() as server:
        config.write_text(CONFIG.format(folder=tmp_path, bus=server.url))
        with Running(tmp_path / "log", "run", config) as program:
            program.wait_ready()
            until(lambda: len(entries(server.url)) > 3, 60)
            with closing(sqlite3.connect(tmp_path / "h.db", isolation_level=None, timeout=60)) as other:
                other.execute("BEGIN EXCLUSIVE")  # as another program, or a full disk, would hold it up
                until(lambda: program.get("/api/v1/status")["history"]["pending"] > 2, 60)
                told = program.get("/api/v1/status")["history"]
                assert told["state"] == "down"
                assert "events wait in memory" in told["detail"]
                assert "database is locked" in told["detail"]
                assert program.get("/readyz") == '{"status":"ready"}'  # cameras are read and faces are judged
                sent = len(entries(server.url))
                other.execute("ROLLBACK")
            until(lambda: program.get("/api/v1/status")["history"]["state"] == "ok", 60)
            until(lambda: len(entries(server.url)) > sent + 2, 60)
            assert program.end() == 0
        numbers = [int(fields["seq"]) for fields in entries(server.url)]
    assert numbers == list(range(1, len(numbers) + 1))
    text = program.text()
    assert "events wait in memory; they are sent to the bus when they are stored" in text
    assert "the history takes events again" in text
    assert "Traceback" not in text
