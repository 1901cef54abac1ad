import cv2
import numpy as np
import pytest

from engine.errors import ConfigError
from trainer import cli
from trainer.detector.pictures import open_pictures
from trainer.detector.widerface import read_labels

POINTS = "12 14 0.0 18 14 0.0 15 18 0.0 12 22 1.0 18 22 0.0 0.82"
UNKNOWN = " ".join(["-1"] * 15) + " 0.3"


@pytest.fixture
def wider(tmp_path):
    """Two pictures as the archives unpack; `wider(lines)` writes the label file beside them."""
    (tmp_path / "images" / "0--Parade").mkdir(parents=True)
    for name, seed in (("a", 0), ("b", 1)):
        noise = np.random.default_rng(seed).integers(0, 256, (60, 80, 3), dtype=np.uint8)
        cv2.imwrite(str(tmp_path / "images" / "0--Parade" / f"{name}.png"), noise)

    def write(*lines: str, name: str = "label.txt"):
        (tmp_path / name).write_text("\n".join(lines) + "\n")
        return tmp_path / name

    return write


def call(labels, *more):
    return cli.run(["detector", "wider", str(labels), "--out", str(labels.parent / "out"), *map(str, more)])


def pictures(labels):
    return open_pictures(labels.parent / "out").pictures


def test_boxes_and_landmarks_are_read(wider):
    labels = wider("# 0--Parade/a.png", f"10 10 10 16 {POINTS}", f"40 20 8 9 {UNKNOWN}", "# 0--Parade/b.png")
    assert call(labels) == 0
    first, second = pictures(labels)
    assert [face.box for face in first.faces] == [(10, 10, 20, 26), (40, 20, 48, 29)]
    np.testing.assert_array_equal(first.faces[0].landmarks, [[12, 14], [18, 14], [15, 18], [12, 22], [18, 22]])
    assert first.faces[1].landmarks is None
    assert {face.score for face in first.faces} == {1.0}
    assert second.faces == ()


def test_labels_with_boxes_only_are_read(wider):
    (picture,) = read_labels(wider("# 0--Parade/a.png", "10 10 10 16")).pictures
    assert picture.faces == [((10, 10, 20, 26), None)]


def test_the_official_format_is_read(wider):
    """Name, count, faces; a picture without faces has a line of zeros, and an invalid face is not trained on."""
    labels = wider(
        "0--Parade/a.png",
        "2",
        "10 10 10 16 0 0 0 0 0 0",
        "40 20 8 9 2 0 0 1 0 0",
        "0--Parade/b.png",
        "0",
        "0 0 0 0 0 0 0 0 0 0",
        name="wider_face_train_bbx_gt.txt",
    )
    assert call(labels) == 0
    first, second = pictures(labels)
    assert [face.box for face in first.faces] == [(10, 10, 20, 26)]
    assert first.ignored == ((40, 20, 48, 29),)
    assert (second.name, second.faces) == ("0--Parade/b.png", ())


def test_boxes_without_area_or_outside_are_counted_and_left_out(wider, capsys):
    labels = wider("# 0--Parade/a.png", "10 10 0 16", "10 10 8 -3", "70 50 20 20", "200 10 20 20")
    assert call(labels) == 0
    assert "left out 2 boxes without area and 1 outside their picture" in capsys.readouterr().out
    assert [face.box for face in pictures(labels)[0].faces] == [(70, 50, 80, 60)]


def test_tiny_faces_are_ignored_regions(wider):
    labels = wider("# 0--Parade/a.png", "10 10 4 5", "40 20 8 9")
    assert call(labels) == 0
    assert [face.box for face in pictures(labels)[0].faces] == [(40, 20, 48, 29)]
    assert pictures(labels)[0].ignored == ((10, 10, 14, 15),)


def test_labels_shrink_with_their_picture(wider):
    large = np.zeros((120, 160, 3), np.uint8)
    labels = wider("# 0--Parade/large.png", "20 20 60 80")
    cv2.imwrite(str(labels.parent / "images" / "0--Parade" / "large.png"), large)
    assert call(labels, "--max-side", 80) == 0
    (picture,) = pictures(labels)
    assert (picture.width, picture.height) == (80, 60)
    assert picture.faces[0].box == (10, 10, 40, 50)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["# a.png", "10 10 10"], r"label\.txt:2: expected 20 or 4 numbers, x y width height first; got '10 10 10'"),
        (["# a.png", "10 10 ten 10"], r"label\.txt:2: .*got '10 10 ten 10'"),
        (["# a.png", "10 10 nan 10"], r"label\.txt:2: "),
        (["a.png", "two", "1 2 3 4"], r"label\.txt:2: expected the number of faces in 'a\.png'; got 'two'"),
        (["a.png"], r"label\.txt:2: expected the number of faces in 'a\.png'; got 'the end of the file'"),
        (["a.png", "2", "1 2 3 4 0 0 0 0 0 0"], r"label\.txt:4: expected 10 numbers"),
        (["a.png", "1", "1 2 3 4"], r"label\.txt:3: expected 10 numbers"),
        (["", ""], "names no picture"),
    ],
)
def test_lines_that_do_not_parse_are_named(wider, lines, message):
    with pytest.raises(ConfigError, match=message):
        read_labels(wider(*lines))


def test_of_many_wrong_lines_the_first_are_named(wider):
    with pytest.raises(ConfigError) as caught:
        read_labels(wider("# a.png", *["nonsense"] * 15))
    assert len(caught.value.problems) == 11
    assert caught.value.problems[-1] == "and 5 more lines that do not parse"


def test_a_label_file_that_is_no_text_is_named(tmp_path):
    (tmp_path / "label.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="it is no text"):
        read_labels(tmp_path / "label.txt")
    with pytest.raises(ConfigError, match="No such file"):
        read_labels(tmp_path / "gone.txt")


def test_missing_pictures_are_named_or_skipped(wider, capsys):
    labels = wider("# 0--Parade/a.png", "10 10 10 16", "# 0--Parade/gone.png", "10 10 10 16")
    assert call(labels) == 2
    assert "0--Parade/gone.png: is named in the labels but not there" in capsys.readouterr().err
    assert not (labels.parent / "out").exists()
    assert call(labels, "--skip-unreadable") == 0
    assert len(pictures(labels)) == 1


def test_a_damaged_picture_is_named(wider, capsys):
    labels = wider("# 0--Parade/bad.png")
    (labels.parent / "images" / "0--Parade" / "bad.png").write_bytes(b"\x89PNG")
    assert call(labels) == 2
    assert "bad.png: is empty or cut short; repair or remove it" in capsys.readouterr().err
