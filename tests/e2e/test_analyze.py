"""Offline analysis as a user runs it."""

import json
import subprocess
from pathlib import Path

import insightface
import numpy as np
import pytest
from jsonschema import Draft202012Validator

from engine.events import event_schema
from engine.sources.config import SourceConfig
from engine.sources.reader import open_reader
from tests.support.program import moodline

ASSETS = Path(__file__).parents[3] / "shared" / "assets"


def next_picture(reader):
    while (picture := reader.read()) is None:
        pass
    return picture


def events_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_twice_the_same_bytes_and_the_same_at_its_own_speed(tmp_path, faces):
    outcomes = []
    for name, speed in (("a", "max"), ("b", "max"), ("c", "1x")):
        path = tmp_path / f"{name}.jsonl"
        done = moodline("analyze", faces, "--events", path, "--run-id", "fixed", "--speed", speed)
        assert done.returncode == 0, done.stderr
        outcomes.append(path.read_bytes())
    assert outcomes[0] == outcomes[1] == outcomes[2]
    events = events_of(tmp_path / "a.jsonl")
    schema = Draft202012Validator(event_schema())
    for event in events:
        schema.validate(event)
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert {"new", "emotion_changed", "end"} <= {event["type"] for event in events}


def test_without_a_run_id_only_ids_differ(tmp_path, faces):
    found = []
    for name in ("a", "b"):
        moodline("analyze", faces, "--events", tmp_path / name)
        found.append([{k: v for k, v in e.items() if k not in {"run_id", "event_id", "track_uid"}}
                      for e in events_of(tmp_path / name)])  # fmt: skip
    assert found[0] == found[1]
    assert {e["run_id"] for e in events_of(tmp_path / "a")} != {e["run_id"] for e in events_of(tmp_path / "b")}


def test_the_annotated_video_has_every_frame_and_something_on_it(tmp_path, faces):
    video = tmp_path / "seen.mp4"
    done = moodline("analyze", faces, "-o", video)
    assert done.returncode == 0, done.stderr
    assert "faces.mp4: 90 frames" in done.stdout
    assert "emotions by time" in done.stdout
    plain, drawn = (open_reader(SourceConfig(id="v", uri=str(path))) for path in (faces, video))
    assert drawn.frame_count == 90
    late = 0
    for _ in range(60):
        one, other = next_picture(plain), next_picture(drawn)
        late = np.abs(one.image.astype(int) - other.image.astype(int)).max()
    assert late > 100
    plain.close()
    drawn.close()


def test_a_truncated_recording_gives_what_it_holds_and_then_says_codec(tmp_path, faces):
    whole = tmp_path / "whole.mp4"
    subprocess.run(["ffmpeg", "-v", "error", "-i", faces, "-c", "copy", "-movflags", "+faststart", whole], check=True)
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    done = moodline("analyze", cut, "--events", tmp_path / "events")
    assert done.returncode == 1
    assert "codec" in done.stderr and "ended early" in done.stderr
    assert "Traceback" not in done.stderr
    assert {event["type"] for event in events_of(tmp_path / "events")} >= {"new", "end"}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.mp4", None, "no such file"),
        ("empty.mp4", b"", "empty"),
        ("text.mp4", b"this is no video\n" * 200, "text.mp4"),
    ],
)
def test_a_file_that_is_no_video_is_one_clear_line(tmp_path, name, content, message):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    done = moodline("analyze", path)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert message in done.stderr


@pytest.mark.parametrize("name", ["grey16.mkv", "grey.mkv", "one_pixel.mkv", "slow.gif"])
def test_unusual_pictures_are_analysed_all_the_same(tmp_path, name, tmp_path_factory):
    from tests.support.clips import Clips

    path = Clips(tmp_path_factory.mktemp("clips"))[name]
    done = moodline("analyze", path, "-o", tmp_path / "out.mp4")
    assert done.returncode == 0, done.stderr
    assert "5 frames" in done.stdout


def test_a_single_picture_shows_its_faces_at_once(tmp_path):
    photo = Path(insightface.__file__).parent / "data" / "images" / "t1.jpg"
    done = moodline("analyze", photo, "--events", tmp_path / "events")
    assert done.returncode == 0, done.stderr
    assert "1 frames" in done.stdout
    decided = [event for event in events_of(tmp_path / "events") if event["type"] == "emotion_changed"]
    assert len(decided) >= 3
    assert decided[0]["after"]["label"] in done.stdout


@pytest.mark.assets
@pytest.mark.skipif(not ASSETS.is_dir(), reason="needs the development assets beside the repository")
def test_one_person_on_a_real_clip_is_one_track(tmp_path):
    done = moodline("analyze", ASSETS / "video" / "pyfeat_single_face.mp4", "--events", tmp_path / "events")
    assert done.returncode == 0, done.stderr
    assert {event["track_id"] for event in events_of(tmp_path / "events") if event["track_id"]} == {1}


@pytest.mark.parametrize("option", ["-o", "--events"])
def test_the_analysed_file_itself_is_never_written(tmp_path, faces, option):
    victim = tmp_path / "party.mp4"
    victim.write_bytes(faces.read_bytes())
    done = moodline("analyze", victim, option, victim)
    assert done.returncode == 2
    assert "is the file to be analysed" in done.stderr
    assert victim.read_bytes() == faces.read_bytes()


@pytest.mark.parametrize(("option", "name"), [("-o", "full.mp4"), ("--events", "full.jsonl")])
def test_a_full_disk_is_said_in_words(tmp_path, faces, option, name):
    (tmp_path / name).symlink_to("/dev/full")
    done = moodline("analyze", faces, option, tmp_path / name)
    assert done.returncode == 1
    assert f"{name}: cannot be written" in done.stderr
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
