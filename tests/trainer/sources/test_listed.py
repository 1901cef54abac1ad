"""Pictures with a table beside them: splits, persons and clips that it names."""

import pytest

from engine.errors import ConfigError
from tests.trainer.sources.layouts import write_pictures
from trainer.cli import run
from trainer.faceset import open_faces
from trainer.sources.find import open_source

HEAD = "file,label,split,identity,clip,frame,note\n"


def test_a_table_tells_split_person_clip_and_frame(tmp_path):
    write_pictures(tmp_path, ["a.png", "in/b.png", "in/c.png"])
    rows = ["a.png,Happy,Training,anna,,,", "in/b.png,sad,val,,k,7,x", "in/c.png,sad,test,bert,k,9,"]
    (tmp_path / "labels.csv").write_text(HEAD + "\n".join(rows) + "\n")
    source = open_source(tmp_path)
    assert (source.layout, source.count) == ("labels-csv", 3)
    assert source.label_sets["emotion"].labels == ("happiness", "sadness")
    said = [(each.name, each.split, each.person, each.clip, each.frame) for each in source.records()]
    assert said == [
        ("a.png", 0, "anna", None, None), ("in/b.png", 1, None, "k", 7), ("in/c.png", 2, "bert", "k", 9),
    ]  # fmt: skip
    assert [each.name for each in source.peaks.records()] == ["a.png", "in/c.png"]


def test_a_table_wins_over_folders_and_is_found_in_what_an_archive_was_packed_with(tmp_path):
    write_pictures(tmp_path / "pack", ["train/happy/1.png", "train/sad/1.png"])
    assert open_source(tmp_path).layout == "splits"
    (tmp_path / "pack" / "labels.csv").write_text("file,label\ntrain/happy/1.png,fear\ntrain/sad/1.png,sad\n")
    source = open_source(tmp_path)
    assert source.layout == "labels-csv" and source.label_sets["emotion"].labels == ("sadness", "fear")
    assert open_source(tmp_path, "splits").layout == "splits"
    assert open_source(tmp_path / "pack" / "labels.csv").layout == "labels-csv"


def test_splits_that_are_no_splits_are_dealt_out(tmp_path):
    write_pictures(tmp_path, ["a.png", "b.png"])
    (tmp_path / "labels.csv").write_text("file,label,split\na.png,happy,all\nb.png,sad,london\n")
    assert [record.split for record in open_source(tmp_path).records()] == [None, None]


def test_asking_for_the_layout_where_there_is_no_table_says_so(tmp_path):
    write_pictures(tmp_path, ["happy/1.png", "sad/1.png"])
    with pytest.raises(ConfigError, match=r"has no labels\.csv \(columns file, label\)"):
        open_source(tmp_path, "labels-csv")


def test_prepare_keeps_the_people_of_a_table_apart(tmp_path):
    names = [f"{person}/{label}{number}.png" for person in range(10) for label in ("happy", "sad") for number in (1, 2)]
    write_pictures(tmp_path / "own", names)
    rows = [f"{name},{name.split('/')[1][:-5]},,p{name[0]}\n" for name in names]
    (tmp_path / "own" / "labels.csv").write_text("file,label,split,identity\n" + "".join(rows))
    out = tmp_path / "data"
    arguments = ["--out", str(out), "--landmarks", "none", "--shares", "60/20/20"]
    assert run(["prepare", str(tmp_path / "own"), *arguments]) == 0
    faces = open_faces(out)
    assert faces.extra["layout"] == "labels-csv" and len(faces) == 40
    splits = {person: {int(split) for split in faces.split[faces.identity == person]} for person in range(10)}
    assert all(len(each) == 1 for each in splits.values()) and len(set.union(*splits.values())) == 3


def test_prepare_keeps_the_splits_of_a_table(tmp_path):
    names = [f"{number}.png" for number in range(12)]
    write_pictures(tmp_path / "own", names)
    kinds = ("train", "validation", "test")
    rows = [f"{name},{'happy' if row % 2 else 'sad'},{kinds[row // 4]}\n" for row, name in enumerate(names)]
    (tmp_path / "own" / "labels.csv").write_text("file,label,split\n" + "".join(rows))
    assert run(["prepare", str(tmp_path / "own"), "--out", str(tmp_path / "data"), "--landmarks", "none"]) == 0
    assert open_faces(tmp_path / "data").split.tolist() == [0] * 4 + [1] * 4 + [2] * 4
