"""Labelled sets are read from class folders, tables and clips; what cannot be judged is told in one line."""

import cv2
import numpy as np
import pytest

from engine.errors import ConfigError
from tests.trainer.sources.layouts import write_csv, write_pictures
from tests.trainer.unseen.drawn import tight, write_faces
from trainer.unseen.cutting import Cutter, serving_detector
from trainer.unseen.sets import open_sets


@pytest.fixture(scope="module")
def cutter():
    return Cutter(serving_detector())


def opened(cutter, *folders, **options):
    return open_sets(folders, cutter, **options)


def named(faces):
    return [faces.labels[place] for place in faces.truth]


def test_class_folders_are_read_in_the_fields_words(cutter, tmp_path):
    write_faces(tmp_path / "own", ["Smiling/1.png", "scared/1.png", "scared/2.png"])
    (faces,) = opened(cutter, tmp_path / "own")
    assert (faces.name, faces.layout, named(faces)) == ("own", "folders", ["happiness", "fear", "fear"])
    assert faces.chips.shape == (3, 112, 112, 3) and dict(faces.ways)["found"] == 3
    assert faces.names == ("Smiling/1.png", "scared/1.png", "scared/2.png")


def test_every_split_is_judged(cutter, tmp_path):
    write_faces(tmp_path, [f"{split}/{label}/1.png" for split in ("train", "test") for label in ("angry", "sad")])
    assert len(opened(cutter, tmp_path)[0]) == 4


def test_a_table_says_what_each_picture_shows(cutter, tmp_path):
    write_faces(tmp_path, ["a/1.png", "a/2.png", "b.png"])
    (tmp_path / "labels.csv").write_text("file,label,note\na/1.png,Happy,x\na\\2.png,sad,\nb.png,calm,\n")
    (faces,) = opened(cutter, tmp_path)
    assert (faces.layout, named(faces)) == ("labels-csv", ["happiness", "sadness", "calm"])


def test_of_clips_the_last_frame_is_judged_or_all(cutter, tmp_path):
    names = [f"{label}/clip/{number}.png" for label in ("anger", "fear") for number in (2, 10, 9)]
    write_faces(tmp_path, names)
    (faces,) = opened(cutter, tmp_path)
    assert faces.names == ("anger/clip/10.png", "fear/clip/10.png")
    assert len(opened(cutter, tmp_path, clip_frames="all")[0]) == 6


def test_frames_without_numbers_are_in_the_order_of_their_names(cutter, tmp_path):
    write_faces(tmp_path, ["anger/x/a.png", "anger/x/b.png", "fear/y/z.png"])
    assert opened(cutter, tmp_path)[0].names == ("anger/x/b.png", "fear/y/z.png")


def test_votes_of_fer2013_are_used_where_they_are_asked_for(cutter, tmp_path):
    write_csv(tmp_path)
    pixels = " ".join(map(str, cv2.cvtColor(tight(), cv2.COLOR_BGR2GRAY).ravel()))
    (tmp_path / "fer2013.csv").write_text(f"emotion,pixels,Usage\n0,{pixels},Training\n3,{pixels},PrivateTest\n")
    assert named(opened(cutter, tmp_path, label_set="fer2013")[0]) == ["anger", "happiness"]
    votes = opened(cutter, tmp_path)[0]
    assert (named(votes), votes.without_label) == (["happiness"], 1)


def test_how_faces_were_cut_is_counted_and_blank_pictures_are_left_out(cutter, tmp_path):
    write_faces(tmp_path, ["anger/1.png", "fear/1.png"])
    cv2.imwrite(str(tmp_path / "fear" / "2.png"), tight())
    write_pictures(tmp_path, ["fear/3.png"])
    cv2.imwrite(str(tmp_path / "fear" / "4.png"), np.full((60, 60, 3), 9, np.uint8))
    (faces,) = opened(cutter, tmp_path)
    assert dict(faces.ways) == {"found": 2, "in a margin": 1, "whole picture": 1}
    assert (len(faces), faces.blank) == (4, 1)


def test_sets_of_one_name_are_told_apart(cutter, tmp_path):
    folders = [write_faces(tmp_path / name / "test", ["anger/1.png", "fear/1.png"]) for name in ("stills", "stock")]
    assert [faces.name for faces in opened(cutter, *folders)] == ["stills/test", "stock/test"]
    with pytest.raises(ConfigError, match="is named twice"):
        opened(cutter, folders[0], folders[1] / ".." / ".." / "stills" / "test")


def test_progress_counts_every_picture(cutter, tmp_path):
    write_faces(tmp_path / "own", ["anger/1.png", "fear/1.png"])
    seen = []
    opened(cutter, tmp_path / "own", progress=lambda *facts: seen.append(facts))
    assert seen == [("own", 0, 2), ("own", 2, 2)]


TABLES = {
    "": "line 1: column 'file' is missing",
    "picture,label\n": "line 1: column 'file' is missing; there is 'picture, label'",
    "file,emotion\na.png,anger\n": "line 1: column 'label' is missing",
    "file,label\n": "holds no pictures",
    "file,label\ngone.png,anger\n": r"line 2: 'gone.png' does not exist",
    "file,label\n../out.png,anger\n": r"line 2: '../out.png' lies outside",
    "file,label\na.png,anger\n/etc/hostname,fear\n": r"line 3: '/etc/hostname' lies outside",
    "file,label\na.png,\n": "line 2, column 'label': no value",
    "file,label\n,anger\n": "line 2, column 'file': no value",
    "file,label\na.png,anger\n./a.png,fear\n": r"line 3: './a.png' stands on line 2 already",
    "file,label\na.png,anger\nb.png,Angry\n": "every picture is in class 'anger'",
    "file,label,split\na.png,anger,train\nb.png,fear,spare\n": "line 3, column 'split': other rows name one of",
    "file,label,frame\na.png,anger,x\n": "line 2, column 'frame': expected a number",
}


@pytest.mark.parametrize("text", TABLES)
def test_a_table_that_cannot_be_used_says_where(cutter, tmp_path, text):
    write_faces(tmp_path / "own", ["a.png", "b.png"])
    write_faces(tmp_path, ["out.png"])
    (tmp_path / "own" / "labels.csv").write_text(text)
    with pytest.raises(ConfigError, match=TABLES[text]) as raised:
        opened(cutter, tmp_path / "own")
    assert len(str(raised.value).splitlines()) == 1


def test_what_is_no_labelled_set_is_refused_in_one_line(cutter, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    faceless = write_pictures(tmp_path / "noise", ["anger/1.png", "fear/1.png"])
    broken = write_faces(tmp_path / "broken", ["anger/1.png", "fear/1.png"])
    (broken / "fear" / "1.png").write_bytes(b"GIF89a")
    prepared = tmp_path / "prepared"
    prepared.mkdir()
    for name in ("manifest.json", "aligned.npy"):
        (prepared / name).write_text("")
    cases = {
        tmp_path / "missing": "--also: .* does not exist",
        empty: "nothing in it",
        faceless: "no face was found in any of 2 pictures",
        broken: "cannot be decoded as a picture; repair or remove it$",
        prepared: "was written by prepare",
        write_faces(tmp_path / "one", ["anger/1.png"]): "every picture is in class 'anger'",
    }
    for folder, message in cases.items():
        with pytest.raises(ConfigError, match=message) as raised:
            opened(cutter, folder)
        assert len(str(raised.value).splitlines()) == 1
