import logging
import os
import resource
import sys
from contextlib import closing
from datetime import UTC, datetime

import numpy as np
import pytest

from engine.errors import Cause, SourceError
from engine.sources.config import SourceConfig
from engine.sources.reader import open_reader


def _open(path, **more):
    return open_reader(SourceConfig(id="a", uri=str(path), **more))


def _read_all(path, **more):
    """The pictures, and the error that ended them."""
    pictures = []
    with closing(_open(path, **more)) as reader:
        while True:
            try:
                pictures += [picture] if (picture := reader.read()) else []
            except SourceError as error:
                return pictures, error


@pytest.mark.parametrize("name", ["plain.mp4", "index_last.mp4", "plain.mkv", "plain.avi", "plain.ts", "plain.h264"])
def test_every_picture_is_delivered_also_those_the_decoder_holds_back(clips, name):
    pictures, error = _read_all(clips[name])
    assert error.cause is Cause.ENDED
    assert len(pictures) == 50
    times = [picture.media_s for picture in pictures]
    assert np.diff(times) == pytest.approx(0.04, abs=0.021)  # AVI's last two are made up
    assert times[-1] == pytest.approx(1.96, abs=0.05)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("grey.mkv", (240, 320, 3)),
        ("grey16.mkv", (240, 320, 3)),
        ("alpha.mov", (240, 320, 3)),
        ("one_pixel.mkv", (1, 1, 3)),
        ("odd.mkv", (91, 157, 3)),
        ("slow.gif", (240, 320, 3)),
    ],
)
def test_every_kind_of_pixel_becomes_eight_bit_bgr(clips, name, shape):
    pictures, error = _read_all(clips[name])
    assert error.cause is Cause.ENDED
    assert len(pictures) == 5
    assert {picture.image.shape for picture in pictures} == {shape}
    assert {picture.image.dtype for picture in pictures} == {np.dtype(np.uint8)}


def test_a_grey_video_keeps_its_brightness_at_any_depth(clips):
    eight, sixteen = (_read_all(clips[name])[0][0].image.astype(int) for name in ("grey.mkv", "grey16.mkv"))
    assert abs(eight - sixteen).max() <= 2
    assert eight.std() > 30


def test_a_recording_held_upright_is_turned_as_the_phone_says(clips):
    image = _read_all(clips["upright.mp4"])[0][0].image
    expected = _read_all(clips["upright.png"])[0][0].image
    assert image.shape == expected.shape == (320, 240, 3)
    assert abs(image.astype(int) - expected).mean() < 3


def test_the_rate_is_capped_before_colours_are_converted(clips):
    pictures, _ = _read_all(clips["plain.mp4"], fps=5)
    assert [round(picture.media_s, 2) for picture in pictures] == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8]
    with closing(_open(clips["plain.mp4"], fps=5)) as reader:
        assert reader.frame_count == 10


def test_the_start_is_what_the_recorder_wrote_else_the_time_of_the_file(clips):
    with closing(_open(clips["dated.mp4"])) as reader:
        assert reader.started_at == datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
    os.utime(clips["plain.mp4"], (1_000_000_000, 1_000_000_000))
    with closing(_open(clips["plain.mp4"])) as reader:
        assert reader.started_at == datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC)


@pytest.mark.parametrize("name", ["plain.mp4", "plain.mkv", "plain.avi"])
def test_a_recording_cut_short_gives_what_is_there_and_says_where_it_ended(clips, name):
    pictures, error = _read_all(clips.cut(name, 0.6))
    assert 15 < len(pictures) < 45
    assert error.cause is Cause.CODEC
    seconds = len(pictures) / 25
    assert f"ended early at {seconds:.1f} s of 2.0 s" in str(error)


def test_damage_in_the_middle_costs_what_builds_on_it_and_is_told(clips, caplog):
    data = bytearray(clips["plain.ts"].read_bytes())
    middle = len(data) // 2
    data[middle : middle + 2000] = bytes(2000)
    path = clips.folder / "hole.ts"
    path.write_bytes(data)
    with caplog.at_level(logging.WARNING):
        pictures, error = _read_all(path)
    assert error.cause is Cause.ENDED
    assert 20 <= len(pictures) < 50  # the second key frame is gone, and all that builds on it with it
    assert "of 50 frames could not be read" in caplog.text


UNREADABLE = {
    # name: (content, what the message says)
    "text.mp4": (b"these are not the pictures you are looking for\n" * 50, "not a video"),
    "empty.mp4": (b"", "the file is empty"),
    "script.mp4": (b"ffconcat version 1.0\nfile 'plain.mp4'\n", "not a video"),
    "playlist.mp4": (b"#EXTM3U\n#EXTINF:1,\nplain.mp4\n", "not a video"),
    "text.png": (b"no picture", "cannot be decoded as a picture"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_is_no_video_is_refused_with_a_plain_word(clips, name):
    content, words = UNREADABLE[name]
    _ = clips["plain.mp4"]
    (clips.folder / name).write_bytes(content)
    with pytest.raises(SourceError, match=words) as caught:
        _read_first(clips.folder / name)
    assert caught.value.cause is Cause.CODEC
    assert name in str(caught.value)


def _read_first(path, **more):
    with closing(_open(path, **more)) as reader:
        while (picture := reader.read()) is None:
            continue
        return picture


def test_a_recording_without_its_index_is_refused(clips):
    with pytest.raises(SourceError, match="not a video, or damaged") as caught:
        _open(clips.cut("index_last.mp4", 0.8))
    assert caught.value.cause is Cause.CODEC


def test_sound_alone_is_no_video(clips):
    with pytest.raises(SourceError, match="holds no video") as caught:
        _open(clips["sound.mp4"])
    assert caught.value.cause is Cause.CODEC


@pytest.mark.parametrize("uri", ["nowhere.mp4", "file:///nowhere/at%20all.mp4", "nowhere/"])
def test_a_missing_file_is_not_found(tmp_path, monkeypatch, uri):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError, match="no such file or folder") as caught:
        _open(uri)
    assert caught.value.cause is Cause.NOT_FOUND


def test_file_addresses_are_unquoted(clips, tmp_path):
    path = tmp_path / "a b%.mp4"
    path.write_bytes(clips["dated.mp4"].read_bytes())
    assert len(_read_all(path.as_uri())[0]) == 5


def test_a_huge_video_is_refused_before_it_is_decoded(clips):
    with pytest.raises(SourceError, match="320x240 is more than max_pixels 70000") as caught:
        _open(clips["plain.mp4"], max_pixels=70_000)
    assert caught.value.cause is Cause.CODEC


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in kilobytes on Linux only")
def test_reading_a_recording_again_and_again_holds_no_memory(clips):
    _read_all(clips["plain.mp4"])
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(10):
        _read_all(clips["plain.mp4"], fps=1)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 60_000
