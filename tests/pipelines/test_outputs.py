"""The files that `analyze` writes."""

import re
from pathlib import Path

import pytest

from engine.errors import ConfigError, OutputError
from pipelines.outputs import check_outputs, lines_into


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.mp4").write_bytes(b"footage")
    (tmp_path / "link.mp4").hardlink_to(tmp_path / "in.mp4")
    (tmp_path / "pointer").symlink_to(tmp_path / "in.mp4")
    (tmp_path / "old.mp4").write_bytes(b"an earlier one")
    (tmp_path / "folder.mp4").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("video", "events", "problem"),
    [
        ("in.mp4", None, "--output: 'in.mp4' is the file to be analysed"),
        ("folder.mp4/../in.mp4", None, "is the file to be analysed"),
        ("link.mp4", None, "is the file to be analysed"),
        (None, "in.mp4", "--events: 'in.mp4' is the file to be analysed"),
        (None, "pointer", "is the file to be analysed"),
        ("folder.mp4", None, "'folder.mp4' is a folder"),
        ("nowhere/out.mp4", None, "folder 'nowhere' does not exist"),
        (None, "nowhere/out", "folder 'nowhere' does not exist"),
        ("out", None, "must end in .mp4"),
        ("out.gif", None, "must end in .mp4"),
        ("out.mp4", "out.mp4", "is the video of --output"),
        (None, "out.csv", "--events: 'out.csv' ends in .csv, but holds JSON lines; name it .jsonl"),
        (None, "old.mp4", "'old.mp4' ends in .mp4, but holds JSON lines"),
        ("out.mp4", "out.parquet", "ends in .parquet"),
    ],
)
def test_what_must_not_be_written_is_refused(here, video, events, problem):
    with pytest.raises(ConfigError, match=re.escape(problem)) as refused:
        check_outputs(Path("in.mp4"), video and Path(video), events and Path(events))
    assert len(refused.value.problems) == 1
    assert (here / "in.mp4").read_bytes() == b"footage"


def test_files_that_are_new_or_from_before_are_fine(here):
    check_outputs(here / "in.mp4", here / "OUT.MP4", here / "out")
    check_outputs(here / "in.mp4", here / "old.mp4", None)
    check_outputs(here, here / "old.mp4", None)


def test_both_problems_are_said_at_once(here):
    with pytest.raises(ConfigError) as refused:
        check_outputs(here / "in.mp4", here / "folder.mp4", here / "in.mp4")
    assert len(refused.value.problems) == 2


def test_a_full_disk_is_one_fact(here):
    (here / "full").symlink_to("/dev/full")
    with (
        pytest.raises(OutputError, match=r"full: cannot be written: No space left on device"),
        lines_into(here / "full") as lines,
    ):
        lines.write("{}\n")
