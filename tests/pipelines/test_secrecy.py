"""Files with people or secrets in them are for their owner alone."""

import logging
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from engine import ownerfiles
from engine.history import EventFilter, History
from engine.sources.av_writer import VideoWriter
from pipelines.history_export import export
from pipelines.outputs import lines_into
from pipelines.secrecy import check_files, holds_secrets
from tests.support.documents import event


@pytest.fixture(autouse=True)
def generous() -> Iterator[None]:
    """The umask of most machines; also one that forbids nothing must not matter."""
    before = os.umask(0o000)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, str]:
    return {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in folder.iterdir()}


@contextmanager
def used(path: Path, seq: int = 1) -> Iterator[History]:
    history = History(f"sqlite:///{path}")
    history.open()
    history.append([event(seq)])
    yield history
    history.close()


def test_a_new_history_and_its_log_are_for_their_owner(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with used(tmp_path / "h.db"):
        assert modes(tmp_path) == dict.fromkeys(("h.db", "h.db-wal", "h.db-shm"), "0o600")
    assert caplog.messages == []


def test_an_older_history_is_closed_to_others_when_it_is_opened(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with used(tmp_path / "h.db"):
        for path in tmp_path.iterdir():  # as 0.1 left them, with a reader or a crash keeping the log
            path.chmod(0o644)
        with used(tmp_path / "h.db", 2):
            assert set(modes(tmp_path).values()) == {"0o600"}
    assert len(caplog.messages) == 3
    assert f"other users could read {tmp_path}/h.db-wal and no longer can" in "\n".join(caplog.messages)


def test_a_link_to_a_history_closes_the_file_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "h.db").touch(0o666)
    (tmp_path / "link.db").symlink_to(tmp_path / "real" / "h.db")
    with used(tmp_path / "link.db"):
        assert modes(tmp_path / "real")["h.db"] == "0o600"


def _video(path: Path) -> None:
    with VideoWriter(path, 32, 32, 10) as writer:
        writer.write(np.zeros((32, 32, 3), np.uint8), 0.0)


def _lines(path: Path) -> None:
    with lines_into(path) as file:
        file.write("{}\n")


def _export(kind: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with used(path.with_name("h.db")) as history:
            export(history, EventFilter(), path, kind, lambda _count: None)

    return write


@pytest.mark.parametrize(
    ("name", "write"),
    [("v.mp4", _video), ("v.mkv", _video), ("e.jsonl", _lines), ("x.jsonl", _export("jsonl")),
     ("x.parquet", _export("parquet"))],
)  # fmt: skip
@pytest.mark.parametrize("older", [False, True])
def test_what_is_written_is_for_its_owner(
    tmp_path: Path, name: str, write: Callable[[Path], None], older: bool
) -> None:
    path = tmp_path / name
    if older:
        path.touch(0o644)
    write(path)
    assert path.stat().st_size
    assert modes(tmp_path)[name] == "0o600"


def test_a_pipe_is_left_alone(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o644)
    assert not ownerfiles.make(tmp_path / "pipe")
    assert modes(tmp_path)["pipe"] == "0o644"


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        ("uri: rtsp://admin:S3cret@10.0.0.7/live", True),
        ("uri: 'rtsp://10.0.0.7/live?password=S3cret'", True),
        ("uri: rtsp://${USER}:${PASSWORD}@10.0.0.7/live", False),
        ("uri: ${DOOR_RTSP}", False),
        ("# uri: rtsp://admin:S3cret@10.0.0.7/live", False),
        ("uri: rtsp://10.0.0.7/live", False),
        ("api: {token: S3cret}", True),
        ("api: {token: '${TOKEN}'}", False),
        ("api: {token: null}", True),  # in doubt a warning more
        ("  tokens: [{token: S3cret, scopes: [read]}]", True),
        ('  tokens: [{"token": "${A}", scopes: [read]}]', False),
        ("history: {url: 'postgresql+psycopg://u:S3cret@db/moods'}", True),
        ("bus: {url: 'redis://:${P}@db'}", False),
    ],
)
def test_secrets_in_a_configuration_are_found(tmp_path: Path, line: str, secret: bool) -> None:
    (tmp_path / "c.yaml").write_text(f"name: x\n{line}\n")
    assert holds_secrets(tmp_path / "c.yaml") is secret


def test_a_configuration_with_secrets_that_others_can_read_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "c.yaml"
    config.write_text("api: {token: S3cret-S3cret-S3cret}\n")
    with capfd.disabled(), caplog.at_level(logging.WARNING):
        config.chmod(0o600)
        check_files(config)
        assert [one for one in caplog.messages if "c.yaml" in one] == []
        config.chmod(0o640)
        check_files(config)
    [said] = [one for one in caplog.messages if "c.yaml" in one]
    assert "run chmod 600" in said
    assert "S3cret" not in said
