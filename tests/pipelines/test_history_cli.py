"""`moodline history`, as typed."""

import csv
import json
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import click
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from engine.bus import RedisBus
from engine.errors import ConfigError, HistoryError, OutputError
from engine.history import EventFilter, History
from pipelines.cli import COMMANDS
from pipelines.history_cli import history
from pipelines.history_export import export
from tests.support.documents import RUN, event, status
from tests.support.postgres_server import PostgresServer, find_postgres
from tests.support.redis_server import RedisServer

FOOTAGE = [
    event(1, at="2026-11-22T10:20:30.081Z"),
    event(2, "emotion_changed", label="sadness", before="happiness", at="2026-11-22T10:20:40.500Z"),
    event(3, track_id=2, source_id="desk", at="2026-11-22T10:20:41Z"),
    status(4, "stalled"),
]
UID = str(FOOTAGE[0].track_uid)


@pytest.fixture(params=["file", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path):
    """A history with four events."""
    if request.param == "file":
        yield filled(f"sqlite:///{tmp_path}/h.db")
    elif find_postgres() is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql (make system)")
    else:
        with PostgresServer() as server:
            yield filled(server.fresh())


@pytest.fixture
def file_url(tmp_path: Path) -> str:
    return filled(f"sqlite:///{tmp_path}/h.db")


def filled(url: str) -> str:
    store = History(url)
    store.open()
    store.begin_run(RUN, "lobby", datetime(2026, 11, 22, 10, 20, tzinfo=UTC))
    store.append(FOOTAGE)
    store.end_run()
    store.close()
    return url


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(history, [str(one) for one in arguments], standalone_mode=False)
    if result.exception:
        raise result.exception
    return result.return_value, result.output


def test_the_command_is_listed() -> None:
    assert COMMANDS["history"][0] == "pipelines.history_cli"


def test_stats_tell_how_much_there_is_and_no_password(url: str) -> None:
    code, said = run("stats", "--url", url)
    assert code == 0
    assert "events              4" in said.replace(",", "")
    assert f"run {RUN} lobby ended, 2026-11-22T10:20:00+00:00 to " in said
    assert "source door stalled, last seen 2026-11-22T10:20:40+00:00" in said
    assert "S3cr3t" not in said


def test_events_are_exported_as_lines_oldest_first(url: str, tmp_path: Path) -> None:
    code, said = run("export", "--url", url, "-o", tmp_path / "out.jsonl")
    assert (code, said.splitlines()[-1]) == (0, f"4 events in {tmp_path / 'out.jsonl'}")
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert lines == [FOOTAGE[n].document for n in (0, 3, 1, 2)]
    assert list(tmp_path.glob(".out*")) == []


def test_a_part_is_exported_as_parquet(url: str, tmp_path: Path) -> None:
    wanted = ["--source", "door", "--from", "2026-11-22T10:20:40", "--to", "2026-11-23"]
    assert run("export", "--url", url, "-o", tmp_path / "out.parquet", *wanted)[0] == 0
    [row] = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert json.loads(row["payload"]) == FOOTAGE[1].document
    assert (row["label"], row["label_before"], row["confidence"], row["seq"]) == ("sadness", "happiness", 0.8, 2)
    assert row["captured_at"] == datetime(2026, 11, 22, 10, 20, 40, 500_000, tzinfo=UTC)


def test_a_name_that_ends_in_csv_gives_csv(url: str, tmp_path: Path) -> None:
    assert run("export", "--url", url, "-o", tmp_path / "out.CSV", "--source", "door")[0] == 0
    with (tmp_path / "out.CSV").open(newline="") as file:
        rows = list(csv.DictReader(file))
    wanted = [FOOTAGE[n].document for n in (0, 3, 1, 2) if FOOTAGE[n].document["source_id"] == "door"]
    assert [row["event_id"] for row in rows] == [document["event_id"] for document in wanted]
    assert [row["captured_at"] for row in rows] == [document["captured_at"] for document in wanted]
    assert [row["label"] for row in rows] == [(document.get("after") or {}).get("label") or "" for document in wanted]


@pytest.mark.parametrize("name", ["out.json", "out.xlsx", "out.csv.gz", "out.txt"])
def test_a_name_that_promises_another_format_is_refused(url: str, tmp_path: Path, name: str) -> None:
    with pytest.raises(click.UsageError, match=r"ends in '.*': name it .jsonl, .csv or .parquet, or say --format"):
        run("export", "--url", url, "-o", tmp_path / name)
    assert not (tmp_path / name).exists()
    assert run("export", "--url", url, "-o", tmp_path / name, "--format", "jsonl")[0] == 0
    assert len((tmp_path / name).read_text().splitlines()) == 4


def test_a_name_without_an_ending_gives_lines(url: str, tmp_path: Path) -> None:
    assert run("export", "--url", url, "-o", tmp_path / "out")[0] == 0
    assert len([json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]) == 4


def test_an_export_that_fails_leaves_the_file_that_was_there(file_url: str, tmp_path: Path) -> None:
    (tmp_path / "out.jsonl").write_text("precious")
    store = History(file_url)
    store.open()

    def break_off(_count: int) -> None:
        store.close()
        raise HistoryError("the server went away")

    with pytest.raises(HistoryError):
        export(store, EventFilter(), tmp_path / "out.jsonl", "jsonl", break_off)
    assert (tmp_path / "out.jsonl").read_text() == "precious"
    assert list(tmp_path.glob(".out*")) == []


def test_a_full_disk_is_told(file_url: str) -> None:
    store = History(file_url)
    store.open()

    def fill_up(_count: int) -> None:
        raise OSError(28, "No space left on device")

    target = Path(file_url.removeprefix("sqlite:///")).with_name("out.jsonl")
    with pytest.raises(OutputError, match=r"out.jsonl: cannot be written: No space left on device"):
        export(store, EventFilter(), target, "jsonl", fill_up)
    store.close()


def test_pruning_says_how_much_went(url: str) -> None:
    assert "removed 0 events; " in run("prune", "--url", url, "--older-than", "1")[1]
    assert "removed 4 events; " in run("prune", "--url", url, "--to-mb", "0")[1]


def test_erasing_forgets_the_track_in_the_history_and_on_the_stream(url: str) -> None:
    with RedisServer() as server:
        bus = RedisBus(server.url, "moodline", 1000)
        bus.publish(FOOTAGE)
        code, said = run("erase", "--url", url, "--track", UID, "--bus", server.url)
        assert (code, said.splitlines()) == (
            0,
            [
                "erased 2 events, 2 samples and 1 tracks from the history",
                "erased 2 entries from the stream moodline:events",
            ],
        )
        assert "erased 0 events" in run("erase", "--url", url, "--track", UID, "--bus", server.url)[1]
        bus.close()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["stats"], "which history"),
        (["prune", "--url", "{url}"], "say what may go"),
        (["prune", "--url", "{url}", "--older-than", "1e300"], "there was no time so long ago"),
        (["stats", "--url", "sqlite:///nowhere.db"], "there is no such file"),
        (["stats", "--url", "mysql://u:hunter2@h/d"], "mysql is not supported"),
        (["stats", "--config", "nowhere.yaml"], "nowhere.yaml"),
        (["export", "--url", "{url}", "-o", "/nowhere/x.jsonl"], "folder that does not exist"),
        (["export", "--url", "{url}", "-o", "/tmp"], "is a folder"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(file_url: str, arguments: list[str], message: str) -> None:
    with pytest.raises(Exception, match=message) as caught:
        run(*(one.format(url=file_url) for one in arguments))
    assert isinstance(caught.value, ConfigError) or type(caught.value).__name__ == "UsageError"
    assert "hunter2" not in str(caught.value)


def test_a_configuration_names_history_and_stream(file_url: str, tmp_path: Path) -> None:
    config = tmp_path / "run.yaml"
    config.write_text(f"name: x\nsources: [{{id: a, uri: 'demo:'}}]\nhistory: {{url: '{file_url}'}}\n")
    assert run("erase", "--config", config, "--track", UID)[0] == 0
    config.write_text("name: x\nsources: [{id: a, uri: 'demo:'}]\nhistory: {url: 'sqlite:////nowhere/h.db'}\n")
    with pytest.raises(ConfigError, match=r"run.yaml: history.url: there is no such file"):
        run("stats", "--config", config)


def test_ctrl_c_in_the_middle_leaves_no_half_file(file_url: str, tmp_path: Path) -> None:
    program = f"""
import os, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from pathlib import Path
from engine.history import EventFilter, History
from pipelines.history_export import export
store = History({file_url!r}); store.open()
target = Path({str(tmp_path / "out.jsonl")!r})
export(store, EventFilter(), target, "jsonl", lambda n: os.kill(os.getpid(), signal.SIGINT))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60)
    assert done.returncode in (-signal.SIGINT, 130, 1)
    assert list(tmp_path.glob("*out*")) == []
