"""Readers of labelled sets: what is right is read, what is wrong is named with file and line."""

import cv2
import numpy as np
import pytest

from engine.errors import ConfigError
from trainer.detector.faces import Face
from trainer.detector.pictures import PictureWriter
from trainer.detector.truthfiles import five_of_68, open_set


def picture(path, width=64, height=48):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((height, width, 3), 90, np.uint8))


def boxes(photo):
    return [truth.box for truth in photo.truths]


def lines_set(folder, *lines):
    for name in ("a.png", "b.png"):
        picture(folder / name)
    (folder / "gt.txt").write_text("# name x1 y1 x2 y2\n" + "\n".join(lines) + "\n")
    return folder


def test_lines_of_boxes_are_read_and_a_picture_without_a_line_has_no_face(tmp_path):
    data = open_set(lines_set(tmp_path, "a.png 1 2 30 40", "a.png 3.5 4 20 21"))
    assert (data.layout, data.iou, data.faces, data.split) == ("lines", 0.3, 2, "all")
    assert {photo.name: boxes(photo) for photo in data.photos} == {
        "a.png": [(1, 2, 30, 40), (3.5, 4, 20, 21)],
        "b.png": [],
    }
    assert data.photos[0].load().shape == (48, 64, 3)


def test_every_line_that_does_not_parse_is_named(tmp_path):
    lines_set(tmp_path, "a.png 1 2 30", "a.png 1 2 x 40", "b.png nan 2 30 40")
    with pytest.raises(ConfigError) as failed:
        open_set(tmp_path)
    assert [problem.removeprefix(f"{tmp_path}/") for problem in failed.value.problems] == [
        "gt.txt:2: expected name x1 y1 x2 y2, got 'a.png 1 2 30'",
        "gt.txt:3: expected 4 numbers, got '1 2 x 40'",
        "gt.txt:4: box nan 2 30 40 is not finite",
    ]


def test_boxes_without_area_are_left_out_and_named(tmp_path):
    data = open_set(lines_set(tmp_path, "a.png 5 5 5 9", "a.png 1 2 30 40"))
    assert data.faces == 1
    assert data.notes == (f"{tmp_path}/gt.txt:2: box 5 5 5 9 (x1 y1 x2 y2) has no area; left out",)


def test_a_labelled_picture_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"c\.png: is labelled but does not exist"):
        open_set(lines_set(tmp_path, "c.png 1 2 30 40"))


VOC = """<annotation>
<filename>a.png</filename>
<object><name>with_mask</name><difficult>0</difficult>
  <bndbox><xmin>1</xmin><ymin>2</ymin><xmax>30</xmax><ymax>40</ymax></bndbox></object>
<object><name>without_mask</name><difficult>1</difficult>
  <bndbox><xmin>5</xmin><ymin>6</ymin><xmax>{right}</xmax><ymax>20</ymax></bndbox></object>
</annotation>"""


def test_voc_is_read_and_difficult_faces_are_ignored(tmp_path):
    picture(tmp_path / "a.png")
    (tmp_path / "a.xml").write_text(VOC.format(right=25))
    data = open_set(tmp_path)
    assert (data.layout, data.iou, data.faces) == ("voc", 0.5, 1)
    assert [(truth.box, truth.ignored) for truth in data.photos[0].truths] == [
        ((1, 2, 30, 40), False),
        ((5, 6, 25, 20), True),
    ]


# What stands in the file, and what is said about it.
WRONG_XML = [
    (VOC.format(right="wide"), r"a\.xml:6: expected 4 numbers, got '5 6 wide 20'"),
    ("<annotation><object/></annotation>", r"a\.xml:1: object without <bndbox>"),
    ("<annotation>\n<object>\n</annotation>", r"a\.xml:3: is no XML"),
    ("<html/>", r"a\.xml:1: is <html>; expected VOC's <annotation> or dlib's <dataset>"),
    ('<!DOCTYPE x [<!ENTITY e "y">]><annotation/>', r"a\.xml:1: declares an entity"),
]


@pytest.mark.parametrize(("text", "message"), WRONG_XML)
def test_xml_that_does_not_parse_is_named_with_its_line(tmp_path, text, message):
    picture(tmp_path / "a.png")
    (tmp_path / "a.xml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        open_set(tmp_path)


def dlib(parts="", box="top='10' left='20' width='30' height='25'"):
    return f"""<?xml version='1.0'?><dataset><images><image file='a.png' width='64' height='48'>
<box {box}>{parts}</box><box top='1' left='2' width='3' height='4' ignore='1'/></image></images></dataset>"""


def test_dlibs_68_points_become_five_and_the_file_with_landmarks_wins(tmp_path):
    picture(tmp_path / "a.png")
    parts = "".join(f"<part name='{number:02}' x='{number}' y='{2 * number}'/>" for number in range(68))
    (tmp_path / "plain.xml").write_text(dlib())
    (tmp_path / "points.xml").write_text(dlib(parts))
    data = open_set(tmp_path)
    (photo,) = data.photos
    assert [(truth.box, truth.ignored) for truth in photo.truths] == [
        ((20, 10, 50, 35), False),
        ((2, 1, 5, 5), True),
    ]
    assert photo.truths[0].landmarks.tolist() == [[38.5, 77], [44.5, 89], [30, 60], [48, 96], [54, 108]]
    assert photo.truths[1].landmarks is None


def test_an_eye_is_the_mean_of_its_outline():
    points = np.zeros((68, 2))
    points[36:42] = [[0, 3], [2, 1], [4, 1], [6, 3], [4, 5], [2, 5]]
    assert five_of_68(points)[0].tolist() == [3, 3]


def test_too_few_points_are_no_landmarks(tmp_path):
    picture(tmp_path / "a.png")
    (tmp_path / "points.xml").write_text(dlib("<part name='00' x='1' y='2'/>"))
    assert open_set(tmp_path).photos[0].truths[0].landmarks is None


def test_a_missing_attribute_is_named_with_its_line(tmp_path):
    picture(tmp_path / "a.png")
    (tmp_path / "faces.xml").write_text(dlib(box="top='10' left='20' width='30'"))
    with pytest.raises(ConfigError, match=r"faces\.xml:2: expected 4 numbers, got '20 10 30 \(missing\)'"):
        open_set(tmp_path)


def wider_set(folder, text):
    for name in ("0--Parade/a.jpg", "0--Parade/b.jpg"):
        picture(folder / "WIDER_val" / "images" / name)
    (folder / "wider_face_split").mkdir()
    (folder / "wider_face_split" / "wider_face_val_bbx_gt.txt").write_text(text)
    return folder


def test_wider_faces_validation_labels_are_read(tmp_path):
    text = (
        "0--Parade/a.jpg\n3\n10 20 30 40 0 0 0 0 0 0\n1 1 0 5 0 0 0 0 0 0\n5 6 7 8 2 0 0 1 2 0\n"
        "0--Parade/b.jpg\n0\n0 0 0 0 0 0 0 0 0 0\n"
    )
    data = open_set(wider_set(tmp_path, text))
    assert (data.layout, data.split, data.faces, data.name) == ("wider", "validation", 1, tmp_path.name)
    first, second = data.photos
    assert [(truth.box, truth.ignored) for truth in first.truths] == [
        ((10, 20, 40, 60), False),
        ((5, 6, 12, 14), True),
    ]
    assert (first.rows, second.truths) == ((0, 2), ())
    assert len(data.notes) == 1 and ":4: box 1 1 1 6" in data.notes[0]
    assert first.load().shape == (48, 64, 3)


# What stands in the file, and what is said about it.
WRONG_WIDER = [
    ("0--Parade/a.jpg\nmany\n", r"gt\.txt:1: expected a picture's name and a line with its number"),
    ("0--Parade/a.jpg\n2\n1 2 3 4\n", r"gt\.txt:2: the file ends within the 2 faces of 0--Parade/a\.jpg"),
    ("0--Parade/a.jpg\n1\n1 2 3\n", r"gt\.txt:3: expected 4 or 10 numbers, got '1 2 3'"),
    ("0--Parade/a.jpg\n1\n1 2 3 z\n", r"gt\.txt:3: expected 4 numbers, got '1 2 3 z'"),
]


@pytest.mark.parametrize(("text", "message"), WRONG_WIDER)
def test_wider_labels_that_do_not_parse_are_named(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message):
        open_set(wider_set(tmp_path, text))


def test_a_data_folder_gives_the_split_asked_for_with_its_ignored_regions(tmp_path):
    image = np.zeros((20, 30, 3), np.uint8)
    face = Face((1, 2, 11, 12), np.zeros((5, 2), np.float32))
    with PictureWriter(tmp_path / "data") as writer:
        writer.add("a", "a", "train", image, [face])
        writer.add("b", "b", "validation", image + 7, [face], [(12, 2, 20, 9)])
    data = open_set(tmp_path / "data")
    assert (data.layout, data.split, data.faces, data.iou) == ("pictures", "validation", 1, 0.5)
    (photo,) = data.photos
    assert [truth.ignored for truth in photo.truths] == [False, True]
    assert photo.load()[0, 0, 0] == 7
    assert open_set(tmp_path / "data", "train").photos[0].name == "a"


def test_a_folder_without_labels_says_what_would_be_read(tmp_path):
    with pytest.raises(ConfigError, match=r"holds no labels: expected gt\.txt"):
        open_set(tmp_path)
    with pytest.raises(ConfigError, match="is no folder"):
        open_set(tmp_path / "absent")


# Folder, layout, pictures, faces, faces with landmarks.
ASSETS = [
    ("cmu_mit_frontal", "lines", 65, 286, 0),
    ("mask_crowd", "voc", 106, 125, 0),
    ("dlib_faces", "dlib", 9, 43, 43),
]


@pytest.mark.assets
@pytest.mark.parametrize(("name", "layout", "pictures", "faces", "marked"), ASSETS)
def test_the_labelled_photos_beside_the_repository_are_read(assets, name, layout, pictures, faces, marked):
    data = open_set(assets / "detection_eval" / name)
    landmarks = [truth.landmarks for photo in data.photos for truth in photo.truths]
    assert (data.layout, len(data.photos), data.faces) == (layout, pictures, faces)
    assert sum(points is not None for points in landmarks) == marked
    assert data.notes == ()
