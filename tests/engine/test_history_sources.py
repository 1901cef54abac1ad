"""Sources kept in the history from run to run, of each kind of database."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.errors import HistoryError
from engine.history import History, StoredSource
from engine.testing import FakeClock
from tests.support.postgres_server import PostgresServer

DOOR = {"uri": "rtsp://admin:S3cr%40t@10.0.0.7/live", "fps": 5.0}


def test_what_is_put_is_loaded_in_the_order_in_which_it_was_added(
    shared_url: str, opened: Callable[..., History]
) -> None:
    clock = FakeClock()
    store = opened(shared_url, clock).source_store("lobby")
    assert store.load() == ()
    for name in ("zoo", "door", "attic"):
        clock.advance(1)
        store.put(name, DOOR, False)
    clock.advance(1)
    store.put("zoo", {"uri": "demo:"}, True)
    store.put("file", None, True)
    assert opened(shared_url).source_store("lobby").load() == (
        StoredSource("zoo", {"uri": "demo:"}, True),
        StoredSource("door", DOOR, False),
        StoredSource("attic", DOOR, False),
        StoredSource("file", None, True),
    )
    assert "S3cr" not in repr(store.load())


def test_what_is_removed_is_gone_and_said_to_have_been_there(history: History) -> None:
    store = history.source_store("lobby")
    store.put("door", DOOR, False)
    assert (store.remove("door"), store.remove("door"), store.load()) == (True, False, ())


def test_each_pipeline_has_its_own(history: History) -> None:
    lobby, yard = history.source_store("lobby"), history.source_store("yard")
    lobby.put("door", DOOR, False)
    assert yard.load() == () and not yard.remove("door")
    assert len(lobby.load()) == 1


def test_an_address_that_was_replaced_or_removed_is_nowhere_in_the_files(
    tmp_path: Path, opened: Callable[..., History]
) -> None:
    store = opened(f"sqlite:///{tmp_path}/h.db").source_store("lobby")
    for settings in (DOOR, {"uri": "demo:"}):
        store.put("door", settings, False)
    store.put("yard", DOOR, False)
    assert b"S3cr%40t" in b"".join(file.read_bytes() for file in tmp_path.iterdir())
    store.remove("yard")
    assert b"S3cr%40t" not in b"".join(file.read_bytes() for file in tmp_path.iterdir())


def test_a_closed_history_stores_nothing(history: History) -> None:
    store = history.source_store("lobby")
    history.close()
    for action in (store.load, lambda: store.put("door", DOOR, False), lambda: store.remove("door")):
        with pytest.raises(HistoryError):
            action()


def test_settings_that_are_no_settings_any_more_are_empty(history: History) -> None:
    store = history.source_store("lobby")
    store.put("door", DOOR, False)
    with history._database.write() as connection:
        connection.exec_driver_sql("UPDATE configured_sources SET settings = '[1'")
    assert store.load() == (StoredSource("door", {}, False),)


HOLDER = """
import sys
from engine.history import History
held = History(sys.argv[1]); held.open()
print(held.source_store("lobby").is_mine(), flush=True)
sys.stdin.read()
"""


def test_of_two_engines_of_one_name_on_one_server_one_has_the_sources_until_it_dies(
    postgres: PostgresServer, opened: Callable[..., History]
) -> None:
    url = postgres.fresh()
    mine, other = opened(url).source_store("lobby"), opened(url).source_store("yard")
    with subprocess.Popen([sys.executable, "-c", HOLDER, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == b"True\n"
        assert not mine.is_mine() and other.is_mine()
        holder.send_signal(signal.SIGKILL)
        holder.wait(20)
    for _ in range(1000):
        if mine.is_mine():
            break
    assert mine.is_mine()
