"""Folders named by class, with and without splits and clips; names that say who it is."""

from pathlib import Path

import cv2
import pytest

from engine.errors import ConfigError
from tests.trainer.sources.layouts import picture, write_pictures
from trainer.sources.base import PictureReader, read_picture
from trainer.sources.codes import Code, read_code
from trainer.sources.collected import Clip, add_clip
from trainer.sources.find import open_source


def test_class_folders_give_labels_in_the_fields_words(tmp_path):
    source = open_source(write_pictures(tmp_path, ["Happy/1.png", "angry/1.jpg", "dizzy/1.png"]))
    assert source.layout == "folders"
    assert source.label_sets["emotion"].labels == ("happiness", "anger", "dizzy")
    records = list(source.records())
    assert [record.name for record in records] == ["Happy/1.png", "angry/1.jpg", "dizzy/1.png"]
    assert [int(record.answers["emotion"].argmax()) for record in records] == [0, 1, 2]
    assert {record.split for record in records} == {None}


def test_split_folders_say_the_split(tmp_path):
    names = [f"{split}/{label}/1.png" for split in ("Training", "val", "test") for label in ("angry", "happy")]
    source = open_source(write_pictures(tmp_path, names))
    assert source.layout == "splits"
    assert [record.split for record in source.records()] == [0, 0, 2, 2, 1, 1]


def test_an_archive_packed_with_its_folder_is_looked_into(tmp_path):
    write_pictures(tmp_path, [f"fer/images/{split}/{label}/1.png" for split in ("train", "test") for label in "ab"])
    (tmp_path / "__MACOSX").mkdir()
    assert open_source(tmp_path).layout == "splits"


def test_clips_keep_their_frames_in_order_and_their_person(tmp_path):
    names = ["anger/S055_004/S055_004_00000010.png", "anger/S055_004/S055_004_00000002.png", "fear/walk/7.png"]
    source = open_source(write_pictures(tmp_path, names))
    by_clip = [(record.clip, record.frame, record.person) for record in source.records()]
    assert by_clip == [("anger/S055_004", 2, "S055"), ("anger/S055_004", 10, "S055"), ("fear/walk", 7, None)]


def test_one_class_of_clips_is_not_taken_for_clips_as_classes(tmp_path):
    write_pictures(tmp_path, ["happiness/a/1.png", "happiness/b/1.png"])
    with pytest.raises(ConfigError, match="every picture is in class 'happiness'"):
        open_source(tmp_path)


def test_collected_clips_know_their_person(tmp_path):
    write_pictures(tmp_path, ["anger/a/1.png", "fear/b/1.png"])
    add_clip(tmp_path, Clip("fear/b", "fear", "webcam:0", "haar", "2026-01-01", 9, 1, {}, "anna"))
    add_clip(tmp_path, Clip("anger/a", "anger", "webcam:0", "haar", "2026-01-01", 9, 1, {}))
    assert [record.person for record in open_source(tmp_path).records()] == [None, "anna"]
    (tmp_path / "collected.json").write_text("{")
    with pytest.raises(ConfigError, match=r"collected\.json: damaged"):
        open_source(tmp_path)


def test_jaffe_has_its_labels_in_file_names(tmp_path):
    source = open_source(write_pictures(tmp_path, ["KA.AN1.39.tiff", "KM.HA2.5.tiff"]))
    assert source.layout == "jaffe"
    happy = list(source.records())[1]
    assert (happy.person, source.label_sets["emotion"].labels) == ("KM", ("happiness", "anger"))
    write_pictures(tmp_path, ["who.tiff"])
    with pytest.raises(ConfigError, match=r"who\.tiff: its name says no expression"):
        open_source(tmp_path)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("S005_001_00000011.png", Code("S005", "S005_001", 11)),
        ("S055_004", Code("S055", "S055_004")),
        ("NA.SU3.204.tiff", Code("NA", label="surprise")),
        # names that only look alike
        ("S05_001.png", Code()),
        ("KA.XX1.39.tiff", Code()),
    ],
)
def test_names_of_known_sets_are_read(name, code):
    assert read_code(Path(name)) == code


def test_an_empty_class_is_named(tmp_path):
    write_pictures(tmp_path, ["train/angry/1.png", "test/angry/1.png"])
    (tmp_path / "train" / "happy").mkdir()
    with pytest.raises(ConfigError, match="train/happy: class folder without a picture"):
        open_source(tmp_path)


@pytest.mark.parametrize("place", ["{}/a/b/1.png", "train/{}/a/b/1.png"])
def test_pictures_too_deep_for_a_layout_are_told(tmp_path, place):
    write_pictures(tmp_path, [place.format(label) for label in ("angry", "happy")])
    with pytest.raises(ConfigError, match=r"/a/b/1\.png'?:? lies deeper than a layout allows"):
        open_source(tmp_path)


def test_a_folder_beside_the_splits_is_named(tmp_path):
    write_pictures(tmp_path, ["train/angry/1.png", "test/angry/1.png", "extra/angry/1.png"])
    with pytest.raises(ConfigError, match="'extra' stands beside the splits"):
        open_source(tmp_path)


def test_a_source_that_is_missing_or_of_no_known_layout_is_refused_with_what_is_known(tmp_path):
    with pytest.raises(ConfigError, match="does not exist"):
        open_source(tmp_path / "none")
    with pytest.raises(ConfigError, match="has nothing in it; known layouts"):
        open_source(tmp_path)
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ConfigError, match=r"1 entries \(notes.txt\).*fer2013-csv.*folders.*jaffe"):
        open_source(tmp_path)
    with pytest.raises(ConfigError, match=r"a file of type '\.txt'"):
        open_source(tmp_path / "notes.txt")


@pytest.mark.parametrize("layout", ["fer2013-csv", "splits", "folders", "jaffe", "other"])
def test_a_layout_that_is_forced_but_not_there_is_refused(tmp_path, layout):
    with pytest.raises(ConfigError):
        open_source(tmp_path, layout)


def test_unreadable_pictures_are_named_or_skipped_and_counted(tmp_path):
    write_pictures(tmp_path, ["angry/1.png", "happy/1.jpg", "happy/2.jpg"])
    (tmp_path / "angry" / "0.png").write_bytes(b"no picture")
    with pytest.raises(ConfigError, match=r"angry/0\.png: cannot be decoded.*--skip-unreadable"):
        list(open_source(tmp_path).records())
    reader = PictureReader(skip_unreadable=True)
    assert len(list(open_source(tmp_path, reader=reader).records())) == 3
    assert len(reader.skipped) == 1


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_picture_cut_short_is_not_filled_up_in_silence(tmp_path, suffix):
    path = tmp_path / f"face{suffix}"
    cv2.imwrite(str(path), picture(0, 96))
    assert read_picture(path).shape == (96, 96, 3)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ConfigError, match="cut short"):
        read_picture(path)
    path.write_bytes(b"")
    with pytest.raises(ConfigError, match="is empty"):
        read_picture(path)


def test_a_jpeg_with_a_thumbnail_or_something_behind_it_is_whole(tmp_path):
    path = tmp_path / "face.jpg"
    cv2.imwrite(str(path), picture(0, 96))
    data = path.read_bytes()
    thumbnail = b"\xff\xe1" + (len(data) + 2).to_bytes(2, "big") + data
    for whole in (data + b"\xff\xda motion", data[:2] + thumbnail + data[2:]):
        path.write_bytes(whole)
        assert read_picture(path).shape == (96, 96, 3)
    path.write_bytes(data[:2] + thumbnail + data[2:-40])
    with pytest.raises(ConfigError, match="cut short"):
        read_picture(path)
