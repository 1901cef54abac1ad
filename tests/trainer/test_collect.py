"""Recording one's own faces: real reader, real cascade, a real photo moved about."""

import json

import cv2
import pytest

from engine.detectors.haar import Haar
from engine.errors import ConfigError
from engine.stages.chip import ChipConfig
from tests.trainer.photos import astronaut
from trainer import cli
from trainer.faceset import open_faces
from trainer.recording import Plan, record, source_config


def call(*arguments):
    return cli.run([str(argument) for argument in arguments])


@pytest.fixture
def frames(tmp_path):
    """A folder of eight pictures, which the engine plays like a clip; the fifth is blurred, the sixth is empty."""
    folder = tmp_path / "smile"
    folder.mkdir()
    for number in range(8):
        image = astronaut()[:320, 60 + 4 * number : 420]
        if number == 4:
            image = cv2.GaussianBlur(image, (0, 0), 7)
        if number == 5:
            image = image * 0 + 128
        cv2.imwrite(str(folder / f"{number}.png"), image)
    return folder


def test_fit_faces_are_kept_and_others_counted_by_reason(tmp_path, frames):
    counts = []
    plan = Plan("happiness", person="anna")
    clip = record(source_config(str(frames)), Haar(), plan, tmp_path / "out", lambda *each: counts.append(each))
    assert (clip.frames, clip.faces) == (8, 6)
    assert clip.left_out["no face"] == 1 and sum(clip.left_out.values()) == 2
    assert counts.count((1, 1)) == 6 and counts.count((1, 0)) == 2
    kept = sorted(path.name for path in (tmp_path / "out" / "happiness" / "smile").iterdir())
    assert kept == [f"{number:06d}.png" for number in (0, 1, 2, 3, 6, 7)]
    assert cv2.imread(str(tmp_path / "out" / "happiness" / "smile" / kept[0])).shape == (112, 112, 3)
    (listed,) = json.loads((tmp_path / "out" / "collected.json").read_text())["clips"]
    assert listed["folder"] == "happiness/smile" and listed["person"] == "anna" and listed["detector"] == "haar"


def test_every_second_picture_and_no_more_than_asked_for(tmp_path, frames):
    clip = record(source_config(str(frames)), Haar(), Plan("fear", every=2, limit=2), tmp_path, lambda *_: None)
    assert (clip.frames, clip.faces) == (3, 2)
    again = record(source_config(str(frames)), Haar(), Plan("fear", limit=1), tmp_path, lambda *_: None)
    assert (clip.folder, again.folder) == ("fear/smile", "fear/smile-2")


def test_nothing_is_left_behind_where_no_face_was_fit(tmp_path, frames):
    plan = Plan("fear", gates=ChipConfig(min_size=4000))
    clip = record(source_config(str(frames)), Haar(), plan, tmp_path / "out", lambda *_: None)
    assert clip.faces == 0 and clip.left_out["small"] == 7
    assert list((tmp_path / "out").iterdir()) == []


def test_ctrl_c_ends_a_recording_and_keeps_it(tmp_path, frames):
    def interrupt(pictures, kept):
        raise KeyboardInterrupt

    clip = record(source_config(str(frames)), Haar(), Plan("fear"), tmp_path / "out", interrupt)
    assert clip.faces == 1
    assert (tmp_path / "out" / "collected.json").is_file()


def test_what_was_collected_can_be_prepared(tmp_path, frames, capsys):
    out = tmp_path / "mine"
    for label in ("Happy", "sad"):
        assert call("collect", "--source", frames, "--label", label, "--out", out) == 0
    said = capsys.readouterr().out
    assert f"{out / 'sadness' / 'smile'}: 6 faces of 8 pictures" in said
    assert call("prepare", out, "--out", tmp_path / "data", "--landmarks", "none") == 0
    faces = open_faces(tmp_path / "data")
    assert len(faces) == 12 and set(faces.clip.tolist()) == {0, 1}
    assert faces.label_set().labels == ("happiness", "sadness")


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--source", "none.mp4"), 2, "none.mp4: no such file or folder"),
        (("--source", "webcam:77"), 1, "webcam:77"),
        (("--source", "ftp://anna:secret@host/x"), 2, "'ftp' is no kind of source"),
        (("--source", __file__, "--detector", "eyes"), 1, "model 'eyes' is not installed"),
        (("--source", "x.mp4", "--label", "../etc"), 2, "cannot name a folder"),
    ],
)
def test_what_cannot_be_recorded_is_said_in_one_line(tmp_path, capsys, options, code, message):
    given = ("--label", "fear", *options) if "--label" not in options else options
    assert call("collect", "--out", tmp_path / "out", *given) == code
    error = capsys.readouterr().err
    assert message in error and error.strip().count("\n") == 0
    assert "secret" not in error


def test_a_file_without_a_fit_face_fails_and_says_why(tmp_path, frames, capsys):
    out = tmp_path / "out"
    assert call("collect", "--source", frames, "--label", "fear", "--out", out, "--min-size", 4000) == 2
    said = capsys.readouterr()
    assert " small" in said.out and "lower --min-size" in said.err


def test_an_address_is_judged_before_it_is_opened():
    with pytest.raises(ConfigError, match="expected webcam:0"):
        source_config("webcam:front")
