"""The command `moodline-train detector label`: what it writes, prints and returns."""

import json

import cv2
import numpy as np
import pytest

from engine.errors import ConfigError
from tests.support.networks import retinaface
from tests.trainer.detector.test_teachers import REFERENCE, YUNET, Marker, marked
from tests.trainer.photos import astronaut
from trainer import cli
from trainer.detector.consensus import Rules, Verdict
from trainer.detector.corrections import Corrections
from trainer.detector.faces import Face
from trainer.detector.label import LabelConfig, label_all, stored
from trainer.detector.pictures import open_pictures
from trainer.detector.rights import data_rights
from trainer.detector.shots import Sampling, Stills
from trainer.detector.teachers import Looks, Teacher
from trainer.sources.base import PictureReader


def call(*arguments):
    return cli.run(["detector", "label", *map(str, arguments)])


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, image in (("dark.png", np.zeros((60, 80, 3), np.uint8)), ("face.png", marked())):
        cv2.imwrite(str(folder / name), image)
    return folder


@pytest.fixture
def teacher(tmp_path):
    """A network of the right shape that finds nothing or nonsense."""
    return retinaface(tmp_path / "random.onnx")


def label_by_marker(photos, out, corrections=None, **settings):
    config = LabelConfig(Looks((1.0, 2.0)), sampling=Sampling(validation=0), **settings)
    sources = [Stills(str(photos), PictureReader())]
    return label_all(sources, [Teacher("marker", "0" * 64, Marker())], config, out, {"command": "by hand"}, corrections)


def test_a_crop_in_which_nobody_is_seen_teaches_nothing(photos, tmp_path):
    config = LabelConfig(Looks((1.0,)), sampling=Sampling(validation=0))
    sources = [Stills(f"crops:{photos}", PictureReader())]
    label_all(sources, [Teacher("marker", "0" * 64, Marker())], config, tmp_path / "out", {})
    dark, face = open_pictures(tmp_path / "out").pictures
    assert (dark.width, dark.height) == (160, 140)
    assert (dark.faces, dark.ignored) == ((), ((0.0, 0.0, 160.0, 140.0),))
    assert len(face.faces) == 1


def test_faces_are_labelled_and_pictures_without_are_kept(photos, tmp_path):
    rows = label_by_marker(photos, tmp_path / "out")
    pictures = open_pictures(tmp_path / "out")
    dark, face = pictures.pictures
    assert (dark.name, dark.faces) == ("photos/dark.png", ())
    assert face.faces[0].box == pytest.approx((40, 20, 80, 60))
    assert face.faces[0].score == pytest.approx(0.9)
    np.testing.assert_array_equal(pictures.image(1), marked())
    assert rows == pictures.facts["sources"]
    assert (rows[0]["pictures"], rows[0]["faces"], rows[0]["without faces"]) == (2, 1, 1)
    known = {"name": "marker", "sha256": "0" * 64, "licence": "not stated", "commercial": "unknown"}
    assert pictures.facts["teachers"] == [known]
    assert pictures.facts["settings"]["looks"]["scales"] == [1.0, 2.0]


def test_large_pictures_are_stored_smaller_with_their_labels(photos, tmp_path):
    label_by_marker(photos, tmp_path / "out", max_side=100)
    pictures = open_pictures(tmp_path / "out")
    face = pictures.pictures[1]
    assert (face.width, face.height) == (100, 60)
    assert face.faces[0].box == pytest.approx((20, 10, 40, 30))
    assert face.faces[0].landmarks[0] == pytest.approx((20, 10))


def test_faces_that_become_too_small_are_ignored_regions():
    verdict = Verdict((Face((0, 0, 10, 10)), Face((20, 0, 60, 40))), ((50, 50, 60, 60),))
    image, labels = stored(np.zeros((200, 200, 3), np.uint8), verdict, LabelConfig(max_side=100))
    assert image.shape == (100, 100, 3)
    assert [face.box for face in labels.faces] == [(10, 0, 30, 20)]
    assert labels.ignored == ((25, 25, 30, 30), (0, 0, 5, 5))


def test_what_a_person_saw_goes_before_what_teachers_see(photos, tmp_path):
    label_by_marker(photos, tmp_path / "none", corrections=Corrections(none=frozenset({"photos/face.png"})))
    assert [picture.faces for picture in open_pictures(tmp_path / "none").pictures] == [(), ()]
    label_by_marker(photos, tmp_path / "out", corrections=Corrections(out=frozenset({"photos/face.png"})))
    assert [picture.name for picture in open_pictures(tmp_path / "out").pictures] == ["photos/dark.png"]


def test_a_correction_must_be_about_a_picture(photos, tmp_path):
    with pytest.raises(ConfigError, match=r"there is no picture 'gone\.png'"):
        label_by_marker(photos, tmp_path / "set", corrections=Corrections(none=frozenset({"gone.png"})))
    assert not (tmp_path / "set").exists()


def test_twice_the_same_pictures_give_the_same_hash(photos, tmp_path):
    for name in ("one", "two"):
        label_by_marker(photos, tmp_path / name)
    assert open_pictures(tmp_path / "one").sha256 == open_pictures(tmp_path / "two").sha256


def test_without_a_min_face_tiny_faces_stay():
    verdict = Verdict((Face((0, 0, 10, 10)),))
    _, labels = stored(np.zeros((200, 200, 3), np.uint8), verdict, LabelConfig(rules=Rules(min_face=1), max_side=100))
    assert len(labels.faces) == 1


def test_the_command_tells_what_came_out(photos, teacher, tmp_path, capsys):
    (photos / "notes.txt").write_text("no picture")
    assert call(photos, "--teacher", teacher, "--out", tmp_path / "out", "--scales", "1", "--max-side", "128") == 0
    said = capsys.readouterr().out
    assert f"{photos}: 2 pictures" in said
    assert f"{photos}: 1 file of another kind than pictures left out" in said
    assert f"wrote {tmp_path / 'out'} (sha256" in said
    facts = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert facts["command"] == (
        f"moodline-train detector label {photos} --teacher {teacher} --out {tmp_path / 'out'} --scales 1 --max-side 128"
    )


def test_the_terms_of_pictures_and_teachers_are_written_down(photos, tmp_path):
    """The shipped detector as a teacher: what its own data does not allow is passed on."""
    options = ("--teacher", "retinaface-mnet025", "--scales", "1", "--licence", "CC0", "--commercial", "cleared")
    assert call(photos, *options, "--out", tmp_path / "out") == 0
    facts = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert [(each.name, each.use, each.terms, each.commercial) for each in data_rights(facts)] == [
        ("photos", "trained on", "CC0", "cleared"),
        ("retinaface-mnet025", "distilled from", "Apache-2.0", "not cleared"),
    ]


def test_a_damaged_picture_stops_the_command_or_is_skipped(photos, teacher, tmp_path, capsys):
    (photos / "cut.jpg").write_bytes(b"\xff\xd8")
    arguments = (photos, "--teacher", teacher, "--out", tmp_path / "out", "--scales", "1")
    assert call(*arguments) == 2
    assert "cut.jpg: is empty or cut short; repair or remove it" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert call(*arguments, "--skip-unreadable") == 0
    assert "warning: left out: " in capsys.readouterr().err


def test_all_damaged_pictures_are_named_before_any_is_labelled(photos, teacher, tmp_path, capsys):
    for name in ("a.jpg", "z.jpg"):
        (photos / name).write_bytes(b"\xff\xd8")
    assert call(photos, f"frames:{photos}", "--teacher", teacher, "--out", tmp_path / "out", "--scales", "1") == 2
    said = capsys.readouterr().err.splitlines()
    assert [line for line in said if "is empty or cut short" in line] == [
        f"moodline-train: {photos / name}: is empty or cut short" for name in ("a.jpg", "z.jpg")
    ] * 2
    assert said[-1].endswith(
        "4 of 8 pictures cannot be read; repair or remove them, or go on without: --skip-unreadable"
    )


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--teacher", "nosuch"), "model 'nosuch' is not installed"),
        (("--scales", "1,big"), "expected numbers like 0.5,1,2"),
        (("--scales", "-1"), "above 0 and up to 8"),
        (("--scales", "nan"), "above 0 and up to 8"),
        (("--teacher", "gone.onnx"), "'gone.onnx' does not exist"),
        (("--validate-clip", "walk"), "no clip 'walk'; clips are none"),
        (("--validation", "2"), "--validation"),
    ],
)
def test_wrong_settings_are_one_line_and_exit_code_2(photos, teacher, tmp_path, capsys, more, message):
    assert call(photos, "--teacher", teacher, "--out", tmp_path / "out", *more) == 2
    said = capsys.readouterr().err
    assert message in said
    assert len(said.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_what_stands_in_the_way_is_kept(photos, teacher, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "diary.txt").write_text("dear diary")
    assert call(photos, "--teacher", teacher, "--out", tmp_path / "out", "--force") == 2
    assert "no labelled pictures to replace" in capsys.readouterr().err
    assert (tmp_path / "out" / "diary.txt").read_text() == "dear diary"


def test_labelled_pictures_are_replaced_by_force(photos, teacher, tmp_path):
    label_by_marker(photos, tmp_path / "out")
    before = open_pictures(tmp_path / "out").sha256
    arguments = (photos, "--teacher", teacher, "--out", tmp_path / "out", "--scales", "1")
    assert call(*arguments) == 2
    assert open_pictures(tmp_path / "out").sha256 == before
    assert call(*arguments, "--force") == 0
    assert open_pictures(tmp_path / "out").sha256 != before


def test_the_real_teachers_label_a_photo_and_its_background(assets, tmp_path, capsys):
    folder = tmp_path / "photos"
    folder.mkdir()
    cv2.imwrite(str(folder / "face.png"), cv2.resize(astronaut(), (256, 256), interpolation=cv2.INTER_AREA))
    cv2.imwrite(str(folder / "rocket.png"), astronaut()[60:260, 300:])
    teachers = ("--teacher", assets / REFERENCE, "--teacher", f"yunet:{assets / YUNET}")
    assert call(folder, *teachers, "--out", tmp_path / "out") == 0
    face, rocket = open_pictures(tmp_path / "out").pictures
    assert (len(face.faces), face.ignored) == (1, ())
    assert (rocket.faces, rocket.ignored) == ((), ())


def test_the_real_teachers_label_two_portraits(assets, tmp_path):
    folder = tmp_path / "portraits"
    folder.mkdir()
    for path in sorted((assets / "faces").glob("*.jpg"))[:2]:
        (folder / path.name).write_bytes(path.read_bytes())
    teachers = ("--teacher", assets / REFERENCE, "--teacher", f"yunet:{assets / YUNET}")
    assert call(folder, *teachers, "--out", tmp_path / "out") == 0
    for picture in open_pictures(tmp_path / "out").pictures:
        (face,) = picture.faces
        x1, y1, x2, y2 = face.box
        assert face.score > 0.9
        assert y2 - y1 > 80
        assert (x1 < face.landmarks[:, 0]).all() and (face.landmarks[:, 0] < x2).all()
        assert (y1 < face.landmarks[:, 1]).all() and (face.landmarks[:, 1] < y2).all()
