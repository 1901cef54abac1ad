"""A changed configuration while a run lasts: what is taken over, what waits, and what is a mistake."""

import logging
import os
from dataclasses import replace
from threading import Thread

import pytest

from engine.testing import FakeClock
from pipelines.config import load
from pipelines.knobs import TURNED, turned
from pipelines.reload import FileWatch, Reload
from tests.support.redis_server import until

FIRST = """
name: lobby
sources:
  - {id: door, uri: "rtsp://user:${DOOR_PASSWORD}@10.0.0.7/live"}
  - {id: desk, uri: "rtsp://10.0.0.8/live"}
"""


class Taken:
    """A run that notes what it takes over."""

    def __init__(self, config):
        self.config = config
        self.taken = []

    def take_over(self, config):
        self.taken.append(config)
        self.config = config


@pytest.fixture
def rig(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("DOOR_PASSWORD", "S3cret")
    caplog.set_level(logging.INFO, "pipelines")
    return Rig(tmp_path / "lobby.yaml", caplog)


class Rig:
    def __init__(self, path, caplog):
        self.path, self.caplog = path, caplog
        path.write_text(FIRST)
        self.reload = Reload(path, look_s=0.01)
        self.run = Taken(load(path))
        self.reload.of(self.run)

    def again(self, text):
        """Read the file with this text; what is logged."""
        self.path.write_text(text)
        self.caplog.clear()
        self.reload.read_again()
        return self.caplog.messages


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (FIRST, ["lobby.yaml: read again, nothing has changed"]),
        (FIRST + "stages: {smooth: {margin: 0.2}}", ["stages.smooth.margin: 0.2 instead of 0.05"]),
        (FIRST + "stages: {classify: {max_wait_ms: 3}}", ["stages.classify.max_wait_ms: 3.0 instead of 10.0"]),
        (FIRST.replace("10.0.0.8", "10.0.0.9"), ["sources: desk changed"]),
        (FIRST + "  - {id: gate, uri: webcam:0}", ["sources: gate added"]),
        (FIRST.replace("{id: desk,", "{id: yard,"), ["sources: desk removed, yard added"]),
        (FIRST + "stages: {detect: {every_s: 0.3, size: 320}}",
         ["stages.detect.every_s: 0.3 instead of 0.1", "stages.detect.size: changed; takes effect at the next start"]),
        (FIRST + "api: {token: hunter2}", ["api.token: changed; takes effect at the next start"]),
        (FIRST + "bus: {url: 'redis://:hunter2@h'}", ["bus.url: changed; takes effect at the next start"]),
        (FIRST + "mode: replay", ["mode: changed; takes effect at the next start"]),
        (FIRST.replace("lobby", "hall"), ["name: changed; takes effect at the next start"]),
        # enabling it needs a start, so until then a run without any source would end
        ("name: lobby\nsources: []\napi: {sources: {enabled: true}}",
         ["api.sources.enabled: changed; takes effect at the next start",
          "sources: changed; takes effect at the next start"]),
    ],
)  # fmt: skip
def test_what_differs_is_taken_over_or_waits_and_is_said_in_one_line_each(rig, text, said):
    assert [line.replace(f"{rig.path.parent}/", "") for line in rig.again(text)] == said
    assert "hunter2" not in rig.caplog.text
    assert "S3cret" not in rig.caplog.text


def test_what_waits_is_not_in_the_configuration_that_runs(rig):
    rig.again(FIRST + "stages: {detect: {every_s: 0.3, size: 320}}\nbus: {prefix: other}")
    (taken,) = rig.run.taken
    assert (taken.stages.detect.every_s, taken.stages.detect.size, taken.bus.prefix) == (0.3, 640, "moodline")


def test_a_file_with_mistakes_changes_nothing_and_each_is_said_as_check_says_it(rig):
    before = rig.run.config
    said = rig.again(FIRST.replace("${DOOR_PASSWORD}", "${NOT_SET}") + "stagse: {}\nstages: {detect: {model: nowhere}}")
    assert [line.replace(str(rig.path), "F") for line in said[:-1]] == [
        "F: sources[0].uri: the environment variable NOT_SET is not set; export NOT_SET=…",
        "F: stagse: unknown key; did you mean 'stages'?",
    ]
    assert said[-1] == f"{rig.path}: the configuration stays as it was"
    assert rig.run.config is before
    rig.again("sources: [")
    rig.path.unlink()
    rig.reload.read_again()
    assert "no such file" in rig.caplog.text
    assert rig.run.taken == []
    missing = rig.again(FIRST + "stages: {detect: {model: nowhere}}")
    assert "stages.detect.model" in missing[0]
    assert rig.run.taken == []


def test_the_environment_is_read_anew_and_never_shown(rig, monkeypatch):
    monkeypatch.setenv("DOOR_PASSWORD", "N3w")
    assert rig.again(FIRST) == ["sources: door changed"]
    assert rig.run.config.sources[0].uri == "rtsp://user:N3w@10.0.0.7/live"
    assert "N3w" not in rig.caplog.text


def test_a_replay_keeps_its_settings(rig):
    rig.run.config = replace(rig.run.config, mode="replay")
    assert "a replay keeps its settings" in rig.again(FIRST + "stages: {smooth: {margin: 0.2}}")[0]
    assert rig.run.taken == []


def test_every_key_that_is_taken_over_exists_and_everything_else_stays(rig):
    assert turned(rig.run.config.stages, rig.run.config.stages) == rig.run.config.stages
    for stage, keys in TURNED.items():
        assert all(hasattr(getattr(rig.run.config.stages, stage), key) for key in keys)


def test_hangups_and_new_content_are_taken_up_while_it_runs_and_many_at_once_make_one(rig):
    thread = Thread(target=rig.reload.run, daemon=True)
    for _ in range(50):
        rig.reload.ask()
    thread.start()
    until(lambda: rig.run.taken, 20)
    assert len(rig.run.taken) == 1
    rig.path.write_text(FIRST + "stages: {smooth: {margin: 0.3}}")
    until(lambda: rig.run.config.stages.smooth.margin == 0.3, 20)
    rig.reload.stop(0.0)
    thread.join(20)
    assert not thread.is_alive()


def replaced(path):
    other = path.with_suffix(".tmp")
    other.write_text("new")
    other.rename(path)


def relinked(path):
    """As Kubernetes changes a mounted configuration."""
    for name in ("one", "two"):
        (path.parent / name).write_text(name)
    path.unlink()
    path.symlink_to(path.parent / "two")


def same_size_and_time(path):
    before = path.stat()
    path.write_text("dlo")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize(
    "change", [lambda path: path.write_text("new"), replaced, relinked, same_size_and_time, lambda path: path.unlink()]
)
def test_new_content_is_news_once_when_it_has_stayed_for_a_moment(tmp_path, change):
    path, clock = tmp_path / "c.yaml", FakeClock()
    path.write_text("old")
    watch = FileWatch(path, clock, settled_s=1.0)
    assert not watch.has_news()
    change(path)
    assert not watch.has_news()
    clock.advance(0.9)
    assert not watch.has_news()
    clock.advance(0.2)
    assert [watch.has_news(), watch.has_news()] == [True, False]


def test_what_is_still_being_written_is_no_news_and_neither_is_what_was_taken_back(tmp_path):
    path, clock = tmp_path / "c.yaml", FakeClock()
    path.write_text("old")
    watch = FileWatch(path, clock, settled_s=1.0)
    for size in range(1, 6):
        path.write_text("x" * size)
        assert not watch.has_news()
        clock.advance(0.8)
    path.write_text("old")
    for _ in range(3):
        assert not watch.has_news()
        clock.advance(1.0)
    path.touch()
    assert not watch.has_news()


def test_what_is_no_regular_file_is_neither_watched_nor_read_again(rig, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    watch = FileWatch(tmp_path / "pipe", FakeClock())
    assert not watch.has_news()
    rig.path.unlink()
    os.mkfifo(rig.path)
    rig.reload.read_again()
    assert "no regular file" in rig.caplog.text
