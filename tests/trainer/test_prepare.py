"""The commands `prepare` and `leaks`: what they write, print and refuse."""

import csv
import json

import click
import cv2
import numpy as np
import pytest

from tests.trainer.photos import astronaut
from tests.trainer.sources.layouts import HEAD, SIDE, VOTE_HEAD, picture, write_csv, write_pictures
from trainer import cli
from trainer.faceset import open_faces
from trainer.labels import FER2013, FERPLUS
from trainer.rights import Origin


def call(*arguments):
    return cli.run([str(argument) for argument in arguments])


def fer2013(folder, each=3):
    """A table with `each` faces of every FER+ class in every split; the first test face is the first training face."""
    rows, votes = [HEAD], [VOTE_HEAD]
    for number in range(3 * each * len(FERPLUS)):
        usage = ("Training", "PublicTest", "PrivateTest")[number // (each * len(FERPLUS))]
        label = number % len(FERPLUS)
        image = picture(0 if number == 2 * each * len(FERPLUS) else number)
        name = FERPLUS[label] if FERPLUS[label] in FER2013 else "neutral"
        rows.append(f"{FER2013.index(name)},{' '.join(map(str, image.ravel()))},{usage}\n")
        votes.append(f"{usage},x.png,{','.join('9' if column == label else '0' for column in range(10))}\n")
    folder.mkdir()
    return write_csv(folder, "".join(rows), "".join(votes))


def test_fer2013_becomes_a_data_set_with_counts_and_leaks(tmp_path, capsys):
    out = tmp_path / "runs" / "fer"
    assert call("prepare", fer2013(tmp_path / "fer"), "--out", out, "--landmarks", "none") == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "--landmarks none: the faces stay as they are, so 'aligned' is 'whole'"
    assert said[1] == f"{out}: 72 faces of {SIDE} pixels, 0.0% aligned"
    assert "  neutral                  2           3           3" in said
    assert "  happiness                3           3           3" in said
    assert "  all                     23          24          24" in said
    assert "1 training faces left out as their copies stand in validation or test" in said
    faces = open_faces(out)
    assert list(faces.answers) == ["ferplus", "fer2013"]
    assert np.flatnonzero(faces.removed).tolist() == [0]
    facts = json.loads((out / "manifest.json").read_text())
    assert facts["origin"]["name"] == "FER2013" and facts["origin"]["commercial"] == "not cleared"
    assert [(each["name"], each["commercial"]) for each in facts["origin"]["also"]] == [("FER+ votes", "cleared")]
    assert len(facts["sha256"]) == 64
    assert facts["extra"]["leaks"] == {"policy": "remove", "distance": 60, "pairs": 1}
    with (out / "leaks.csv").open(newline="") as file:
        assert [row[0] for row in csv.reader(file)] == ["name a", "fer2013.csv, line 2"]


@pytest.mark.parametrize("policy", ["keep", "report"])
def test_leaks_may_stay_in_training(tmp_path, capsys, policy):
    out = tmp_path / "out"
    assert call("prepare", fer2013(tmp_path / "fer", 1), "--out", out, "--landmarks", "none", "--leaks", policy) == 0
    assert not open_faces(out).removed.any()
    assert "1 pairs of copies stand in different splits" in capsys.readouterr().out


def test_the_command_leaks_lists_them(tmp_path, capsys):
    out = tmp_path / "out"
    call("prepare", fer2013(tmp_path / "fer", 1), "--out", out, "--landmarks", "none", "--leaks", "keep")
    capsys.readouterr()
    assert call("leaks", out, "--out", tmp_path / "list.csv") == 0
    said = capsys.readouterr().out
    assert f"{out}: 1 pairs of copies stand in different splits, 0 have different labels" in said
    assert "  test: 1 of 8 faces stand elsewhere too" in said
    assert "  0 bits: fer2013.csv, line 2 (train) | fer2013.csv, line 18 (test)" in said
    assert (tmp_path / "list.csv").read_text().count("\n") == 2
    assert call("leaks", tmp_path) == 2


def test_photos_are_searched_and_named_by_the_user(tmp_path, capsys):
    photos = tmp_path / "photos"
    for label, row in (("happy", 0), ("sad", 1)):
        (photos / label).mkdir(parents=True)
        for number in range(3):
            cv2.imwrite(str(photos / label / f"{number}.png"), astronaut()[: 300 - 40 * row, 90 + 3 * number : 400])
    cv2.imwrite(str(photos / "sad" / "none.png"), picture(0, 200))
    (photos / "sad" / "broken.jpg").write_bytes(b"broken")
    options = ("--faces", "find", "--finder", "haar", "--name", "mine", "--licence", "CC0", "--shares", "1/0/0",
               "--commercial", "not-cleared")  # fmt: skip
    assert call("prepare", photos, "--out", tmp_path / "out", *options) == 2
    assert "broken.jpg: cannot be decoded" in capsys.readouterr().err
    assert call("prepare", photos, "--out", tmp_path / "out", *options, "--skip-unreadable") == 0
    said = capsys.readouterr()
    assert "1 photos show no face and were left out" in said.out
    assert "1 pictures could not be read and were left out" in said.out
    assert "broken.jpg" in said.err and "the test split is empty" in said.err
    faces = open_faces(tmp_path / "out")
    assert len(faces) == 6 and faces.origin == Origin("mine", "CC0", commercial="not cleared")
    assert faces.extra["aligned_by"] == "haar" and faces.extra["no_face"] == 1


def test_the_shipped_detector_aligns_faces_where_no_other_is_named(tmp_path, capsys):
    for label in ("happy", "sad"):
        (tmp_path / "photos" / label).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "photos" / label / "1.png"), astronaut()[:300, 90 + len(label) : 400])
    options = ("--faces", "find", "--shares", "1/0/0", "--leaks", "keep")
    assert call("prepare", tmp_path / "photos", "--out", tmp_path / "out", *options) == 0
    assert capsys.readouterr().out.splitlines()[0] == "faces are found and aligned by retinaface-mnet025"
    faces = open_faces(tmp_path / "out")
    assert faces.extra["aligned_by"] == "retinaface-mnet025" and faces.found.all()


def test_pictures_without_labels_are_all_for_training(tmp_path, capsys):
    for place in ("a", "a/deeper", "b"):
        (tmp_path / "photos" / place).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / "photos" / place / "x.png"), astronaut())
    options = ("--unlabelled", "--faces", "find", "--leaks", "keep")
    assert call("prepare", tmp_path / "photos", *options, "--out", tmp_path / "out") == 0
    faces = open_faces(tmp_path / "out")
    assert list(faces.names) == ["a/x.png", "a/deeper/x.png", "b/x.png"]
    assert faces.split.tolist() == [0, 0, 0]
    assert not faces.answers["unlabelled"].counts.any()
    capsys.readouterr()
    assert call("prepare", tmp_path / "nowhere", *options, "--out", tmp_path / "more") == 2
    assert "is not a folder; --unlabelled takes a folder of pictures" in capsys.readouterr().err
    assert call("prepare", tmp_path / "photos", *options, "--layout", "folders", "--out", tmp_path / "more") == 2


def test_a_data_set_is_replaced_only_by_force(tmp_path, capsys):
    write_pictures(tmp_path / "in", ["happy/1.png", "angry/1.png"])
    arguments = ("prepare", tmp_path / "in", "--out", tmp_path / "out", "--landmarks", "none")
    assert call(*arguments) == 0
    out = tmp_path / "out"
    for name in ("mine.npy", "answers-mine.npy", "notes.txt"):
        (out / name).touch()
    assert call(*arguments) == 2
    assert "exists and is not empty" in capsys.readouterr().err
    other = ("prepare", fer2013(tmp_path / "fer"), *arguments[2:], "--force")
    assert call(*other) == 0
    assert list(open_faces(out).answers) == ["ferplus", "fer2013"]
    assert not (out / "answers-emotion.npy").exists()
    assert {"mine.npy", "answers-mine.npy", "notes.txt"} <= {path.name for path in out.iterdir()}


def test_a_source_that_fails_leaves_the_old_set(tmp_path, capsys):
    write_pictures(tmp_path / "in", ["happy/1.png", "angry/1.png"])
    arguments = ("prepare", tmp_path / "in", "--out", tmp_path / "out", "--landmarks", "none")
    assert call(*arguments) == 0
    before = {path: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    (tmp_path / "in" / "happy" / "2.png").write_bytes(b"broken")
    assert call(*arguments, "--force") == 2
    assert {path: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_only_a_prepared_set_can_be_replaced_by_force(tmp_path, capsys):
    write_pictures(tmp_path / "in", ["happy/1.png", "angry/1.png"])
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "weights.npy").touch()
    for manifest in (None, "{}", "[]", "broken"):
        if manifest:
            (tmp_path / "out" / "manifest.json").write_text(manifest)
        assert call("prepare", tmp_path / "in", "--out", tmp_path / "out", "--force") == 2
        assert "out' holds no prepared set" in capsys.readouterr().err
    assert (tmp_path / "out" / "weights.npy").exists()


@pytest.mark.parametrize(
    ("out", "message"),
    [("file", "file' is a file; name a folder"), ("file/in/it", "it' cannot be written"), ("x" * 300, "cannot be")],
)
def test_an_out_that_cannot_be_written_is_told_before_the_source_is_read(tmp_path, capsys, out, message):
    (tmp_path / "file").touch()
    assert call("prepare", tmp_path / "none", "--out", tmp_path / out) == 2
    error = capsys.readouterr().err
    assert "--out: " in error and message in error and error.count("\n") == 1


def test_a_class_whose_training_faces_are_all_leaks_is_refused(tmp_path, capsys):
    source, out = fer2013(tmp_path / "fer", 1), tmp_path / "out"
    assert call("prepare", source, "--out", out, "--landmarks", "none") == 2
    error = capsys.readouterr().err
    assert "all training faces of class neutral are copies of validation or test pictures" in error
    assert "--leaks keep" in error and not out.exists()


@pytest.mark.parametrize("command", ["prepare", "collect", "leaks"])
def test_every_option_has_a_text(command):
    options = [each for each in cli.cli.get_command(None, command).params if isinstance(each, click.Option)]
    assert [each.name for each in options if not each.help] == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--shares", "80/20"), "expected train/validation/test like 80/10/10"),
        (("--shares", "0/50/50"), "some for training"),
        (("--shares", "nan/1/1"), "expected plain numbers"),
        (("--shares", "inf/1/1"), "expected plain numbers"),
        (("--shares", "8_0/1/1"), "expected plain numbers"),
        (("--layout", "cubes"), "'cubes' is not one of"),
        (("--finder", "haar"), "add --faces find"),
        (("--landmarks", "none.onnx"), "'none.onnx' does not exist"),
        (("--faces", "find", "--landmarks", "none"), "--landmarks none leaves no detector"),
    ],
)
def test_wrong_options_are_refused_in_one_line(tmp_path, capsys, options, message):
    write_pictures(tmp_path / "in", ["happy/1.png", "angry/1.png"])
    assert call("prepare", tmp_path / "in", "--out", tmp_path / "out", *options) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_missing_source_is_named(tmp_path, capsys):
    assert call("prepare", tmp_path / "none", "--out", tmp_path / "out") == 2
    assert "none' does not exist" in capsys.readouterr().err
