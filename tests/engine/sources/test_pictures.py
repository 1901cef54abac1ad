import logging
import struct
from contextlib import closing

import cv2
import numpy as np
import pytest

from engine.errors import Cause, SourceError
from engine.sources.config import SourceConfig
from engine.sources.headers import picture_size
from engine.sources.reader import open_reader

COLOUR = np.zeros((6, 9, 3), np.uint8) + np.array([10, 120, 250], np.uint8)
DEEP = np.full((6, 9), 40_000, np.uint16)
ALPHA = np.dstack([COLOUR, np.full((6, 9), 128, np.uint8)])


def _read_all(path, **more):
    pictures = []
    with closing(open_reader(SourceConfig(id="a", uri=str(path), **more))) as reader:
        while True:
            try:
                pictures += [picture] if (picture := reader.read()) else []
            except SourceError as error:
                return pictures, error


@pytest.mark.parametrize(
    ("name", "image", "expected"),
    [
        ("colour.png", COLOUR, (10, 120, 250)),
        ("colour.bmp", COLOUR, (10, 120, 250)),
        ("colour.webp", COLOUR, (10, 120, 250)),
        ("COLOUR.JPG", COLOUR, (10, 120, 250)),
        ("colour.tif", COLOUR, (10, 120, 250)),
        ("colour.ppm", COLOUR, (10, 120, 250)),
        ("grey.pgm", COLOUR[..., 1], (120, 120, 120)),
        ("grey.png", COLOUR[..., 1], (120, 120, 120)),
        ("grey.jpeg", COLOUR[..., 1], (120, 120, 120)),
        ("deep.png", DEEP, (156, 156, 156)),  # 16 bits
        ("alpha.png", ALPHA, (10, 120, 250)),
    ],
)
def test_one_picture_of_any_kind_is_footage_of_one_frame(tmp_path, name, image, expected):
    cv2.imwrite(str(tmp_path / name), image)
    pictures, error = _read_all(tmp_path / name)
    assert error.cause is Cause.ENDED
    assert [picture.media_s for picture in pictures] == [0.0]
    assert pictures[0].image.shape == (6, 9, 3)
    assert pictures[0].image.dtype == np.uint8
    assert pictures[0].image[3, 4].astype(int) == pytest.approx(expected, abs=6)


def test_one_pixel_is_a_picture(tmp_path):
    cv2.imwrite(str(tmp_path / "one.png"), COLOUR[:1, :1])
    assert _read_all(tmp_path / "one.png")[0][0].image.shape == (1, 1, 3)


def test_a_folder_is_played_in_natural_order_at_its_rate(tmp_path):
    for number in (10, 9, 1, 2):
        cv2.imwrite(str(tmp_path / f"shot{number}.png"), np.full((4, 4, 3), number, np.uint8))
    (tmp_path / "notes.txt").write_text("not a picture")
    pictures, _ = _read_all(tmp_path, fps=4)
    assert [int(picture.image[0, 0, 0]) for picture in pictures] == [1, 2, 9, 10]
    assert [picture.media_s for picture in pictures] == [0.0, 0.25, 0.5, 0.75]
    assert [picture.media_s for picture in _read_all(tmp_path)[0]] == pytest.approx([0.0, 0.1, 0.2, 0.3])


def test_an_unreadable_picture_in_a_folder_is_left_out_with_a_warning(tmp_path, caplog):
    cv2.imwrite(str(tmp_path / "1.png"), COLOUR)
    (tmp_path / "2.png").write_bytes(b"no picture")
    cv2.imwrite(str(tmp_path / "3.png"), COLOUR)
    with caplog.at_level(logging.WARNING):
        pictures, error = _read_all(tmp_path)
    assert error.cause is Cause.ENDED
    assert [picture.media_s for picture in pictures] == pytest.approx([0.0, 0.2])
    assert "2.png: not a video or picture" in caplog.text


def test_a_folder_where_nothing_can_be_read_says_so(tmp_path):
    (tmp_path / "1.png").write_bytes((cv2.imencode(".png", COLOUR)[1].tobytes())[:30])
    pictures, error = _read_all(tmp_path)
    assert not pictures
    assert error.cause is Cause.CODEC
    assert "1.png" in str(error)


def test_a_folder_without_pictures_is_not_found(tmp_path):
    with pytest.raises(SourceError, match="holds no pictures") as caught:
        _read_all(tmp_path)
    assert caught.value.cause is Cause.NOT_FOUND


def test_a_picture_is_known_by_its_content_whatever_its_name(tmp_path):
    data = cv2.imencode(".png", COLOUR)[1].tobytes()
    for name in ("picture", "picture.mp4", "picture.txt"):
        (tmp_path / name).write_bytes(data)
        assert len(_read_all(tmp_path / name)[0]) == 1


@pytest.mark.parametrize("stray", [b"\r\n", b"HTTP/1.0 200 OK\r\n\r\n", b"\xef\xbb\xbf"])
def test_stray_bytes_around_a_jpeg_are_no_damage(tmp_path, stray):
    data = cv2.imencode(".jpg", COLOUR)[1].tobytes()
    (tmp_path / "a.jpg").write_bytes(stray + data + b"\0" * 20)
    pictures, error = _read_all(tmp_path / "a.jpg")
    assert [picture.image.shape for picture in pictures] == [(6, 9, 3)]
    assert error.cause is Cause.ENDED


def test_many_jpegs_in_a_row_are_a_video_two_are_a_photograph(tmp_path):
    data = cv2.imencode(".jpg", np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8))[1].tobytes()
    for name, count, frames in (("a.mjpeg", 12, 12), ("a.bin", 12, 12), ("hdr.jpg", 2, 1)):
        (tmp_path / name).write_bytes(data * count)
        assert len(_read_all(tmp_path / name)[0]) == frames


def test_hidden_files_are_not_pictures_of_a_folder(tmp_path, caplog):
    cv2.imwrite(str(tmp_path / "a.png"), COLOUR)
    (tmp_path / "._a.png").write_bytes(b"left by another system")
    (tmp_path / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0")
    with caplog.at_level(logging.WARNING):
        assert len(_read_all(tmp_path)[0]) == 1
    assert caplog.text == ""


def _scene(number, size=(120, 160)):
    noise = np.random.default_rng(number).integers(0, 255, (9, 12, 3), np.uint8)
    return cv2.resize(noise, size[::-1], interpolation=cv2.INTER_CUBIC)


@pytest.mark.parametrize(
    ("images", "stills"),
    [
        ([_scene(number) for number in range(8)], True),  # as many people as pictures
        ([_scene(number, (60 + 9 * number, 80)) for number in range(5)], True),
        ([np.roll(_scene(0), 2 * number, axis=1) for number in range(8)], False),  # a camera that pans
        ([_scene(number // 6) for number in range(24)], False),  # four scenes of a film
    ],
)
def test_photographs_are_told_from_frames_and_each_is_a_scene(tmp_path, images, stills):
    for number, image in enumerate(images):
        cv2.imwrite(str(tmp_path / f"{number}.png"), image)
    with closing(open_reader(SourceConfig(id="a", uri=str(tmp_path)))) as reader:
        assert reader.declared.stills == stills
        pictures = [reader.read() for _ in images]
    assert {picture.cut for picture in pictures} == {stills}


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".webp", ".tif", ".ppm"])
def test_the_size_is_known_without_decoding(suffix):
    data = cv2.imencode(suffix, np.zeros((37, 91, 3), np.uint8))[1].tobytes()
    assert picture_size(data) == (91, 37)
    for length in range(min(len(data), 60)):
        assert picture_size(data[:length]) in (None, (91, 37), (0, 0))


def test_lossy_and_extended_webp_headers():
    lossy = cv2.imencode(".webp", np.zeros((37, 91, 3), np.uint8), [cv2.IMWRITE_WEBP_QUALITY, 50])[1].tobytes()
    assert picture_size(lossy) == (91, 37)
    extended = (
        b"RIFF\0\0\0\0WEBPVP8X" + struct.pack("<II", 10, 0) + (90).to_bytes(3, "little") + (36).to_bytes(3, "little")
    )
    assert picture_size(extended) == (91, 37)


def test_a_huge_picture_is_refused_before_it_is_decoded(tmp_path):
    cv2.imwrite(str(tmp_path / "big.png"), np.zeros((300, 400), np.uint8))
    pictures, error = _read_all(tmp_path / "big.png", max_pixels=100_000)
    assert not pictures
    assert error.cause is Cause.CODEC
    assert "400x300 is more than max_pixels 100000" in str(error)
