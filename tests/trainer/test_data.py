"""Reading FER2013 and making labels of votes."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from engine.errors import ConfigError
from trainer import data
from trainer.data import LABELS, SIZE, VOTES, Faces

PIXELS = " ".join(str(number % 256) for number in range(SIZE * SIZE))
HEAD = "emotion,pixels,Usage\n"
VOTE_HEAD = "Usage,Image name," + ",".join(VOTES) + "\n"
VOTE_ROW = "Training,fer0.png,4,0,0,1,3,2,0,0,0,0\n"


def write_csv(folder: Path, pixels: str = "", votes: str = "") -> Path:
    (folder / "fer2013.csv").write_text(pixels or f"{HEAD}0,{PIXELS},Training\n3,{PIXELS},PrivateTest\n")
    (folder / "fer2013new.csv").write_text(votes or VOTE_HEAD + VOTE_ROW * 2)
    return folder


def write_mosaics(folder: Path, rows: int, usage: int) -> np.ndarray:
    """One mosaic of random tiles and labels for `usage` images; gives the tiles."""
    tiles = np.random.default_rng(0).integers(0, 256, (rows * 40, SIZE, SIZE), dtype=np.uint8)
    mosaic = tiles.reshape(rows, 40, SIZE, SIZE).transpose(0, 2, 1, 3).reshape(rows * SIZE, 40 * SIZE)
    (folder / "mosaics").mkdir()
    cv2.imwrite(str(folder / "mosaics" / "00.webp"), mosaic, [cv2.IMWRITE_WEBP_QUALITY, 101])
    np.savez(
        folder / "labels.npz",
        usage=np.zeros(usage, np.uint8),
        ferplus_votes=np.zeros((usage, len(VOTES)), np.uint8),
    )
    return tiles


def votes_of(**counts: int) -> np.ndarray:
    return np.array([[counts.get(name, 0) for name in VOTES]], np.uint8)


def test_csv_files_give_images_votes_and_splits(tmp_path):
    faces = data.load(write_csv(tmp_path))
    assert faces.images.shape == (2, SIZE, SIZE)
    assert faces.images[0, 0, :3].tolist() == [0, 1, 2]
    assert faces.split.tolist() == [0, 2]
    assert faces.votes[0].tolist() == [4, 0, 0, 1, 3, 2, 0, 0, 0, 0]


def test_mosaics_are_cut_row_by_row(tmp_path):
    tiles = write_mosaics(tmp_path, rows=25, usage=997)
    faces = data.load(tmp_path)
    assert len(faces.images) == 997
    assert abs(faces.images[41].astype(int) - tiles[41]).max() <= 2  # gray through YUV


@pytest.mark.parametrize(
    ("pixels", "votes", "message"),
    [
        # too few numbers
        (f"{HEAD}0,1 2 3,Training\n", "", "fer2013.csv, line 2, column 'pixels'"),
        # a number that is no byte
        (f"{HEAD}0,{PIXELS.replace('17', '300')},Training\n", "", "line 2, column 'pixels'"),
        # a split nobody knows
        (f"{HEAD}0,{PIXELS},Holiday\n", "", "line 2, column 'Usage': .* found 'Holiday'"),
        # a column renamed
        (f"emotion,pixel,Usage\n0,{PIXELS},Training\n", "", "line 1: column 'pixels' is missing"),
        # a line cut short
        (f"{HEAD}0\n", "", "line 2, column 'pixels': no value"),
        # votes that are no number
        ("", VOTE_HEAD + VOTE_ROW + VOTE_ROW.replace(",4,", ",many,"), "line 3, column 'neutral'.*'many'"),
        # fewer votes than images
        ("", VOTE_HEAD + VOTE_ROW, "1 rows, but fer2013.csv has 2"),
        # no images at all
        (HEAD, VOTE_HEAD, "holds no images"),
    ],
)
def test_a_bad_csv_is_named_with_line_and_column(tmp_path, pixels, votes, message):
    with pytest.raises(ConfigError, match=message):
        data.load(write_csv(tmp_path, pixels, votes))


def test_a_folder_without_the_data_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"neither labels\.npz"):
        data.load(tmp_path)


def test_votes_missing_beside_the_images_are_named(tmp_path):
    (write_csv(tmp_path) / "fer2013new.csv").unlink()
    with pytest.raises(ConfigError, match=r"fer2013new\.csv"):
        data.load(tmp_path)


def test_a_mosaic_of_another_size_is_refused(tmp_path):
    write_mosaics(tmp_path, rows=24, usage=5)
    with pytest.raises(ConfigError, match="1920x1200 pixels, found 1920x1152"):
        data.load(tmp_path)


def test_labels_without_enough_tiles_are_refused(tmp_path):
    write_mosaics(tmp_path, rows=25, usage=1001)
    with pytest.raises(ConfigError, match="1000 tiles for the 1001 rows"):
        data.load(tmp_path)


def test_an_archive_that_lacks_an_array_or_is_damaged_is_refused(tmp_path):
    np.savez(tmp_path / "labels.npz", usage=np.zeros(3, np.uint8))
    with pytest.raises(ConfigError, match="'ferplus_votes' is missing"):
        data.load(tmp_path)
    (tmp_path / "labels.npz").write_bytes(b"not an archive")
    with pytest.raises(ConfigError, match="not an archive"):
        data.load(tmp_path)


@pytest.mark.parametrize(
    ("votes", "target", "majority", "plurality"),
    [
        # clear: single votes are noise
        (votes_of(happiness=9, neutral=1), {"happiness": 1.0}, "happiness", "happiness"),
        # exactly half is no majority
        (votes_of(anger=5, sadness=3, fear=2), {"anger": 0.5, "sadness": 0.3, "fear": 0.2}, None, "anger"),
        # a tie has neither
        (votes_of(anger=5, sadness=5), {"anger": 0.5, "sadness": 0.5}, None, None),
        # unknown votes count in the sum of the majority, not in the target
        (votes_of(fear=4, surprise=2, unknown=4), None, None, None),
        (votes_of(fear=5, surprise=2, unknown=3), {"fear": 5 / 7, "surprise": 2 / 7}, None, "fear"),
        # not a face
        (votes_of(NF=10), None, None, None),
        # ten people, ten opinions
        (votes_of(**dict.fromkeys(VOTES, 1)), None, None, None),
    ],
)
def test_votes_become_a_distribution_a_majority_and_a_plurality(votes, target, majority, plurality):
    targets, usable = data.distributions(votes)
    assert usable.tolist() == [target is not None]
    assert targets[0] == pytest.approx([(target or {}).get(name, 0.0) for name in LABELS])
    assert data.majority(votes).tolist() == [-1 if majority is None else LABELS.index(majority)]
    assert data.plurality(votes).tolist() == [-1 if plurality is None else LABELS.index(plurality)]


def test_copies_of_test_images_in_training_are_found(faces):
    images = faces.images.copy()
    images[0] = images[-1]
    copied = Faces(images, faces.votes, faces.split)
    assert np.flatnonzero(data.leaked(copied, into=0, of=(1, 2))).tolist() == [0]
    assert np.flatnonzero(data.leaked(copied, into=2, of=(0,))).tolist() == [len(images) - 1]


def test_a_blank_image_is_one_single_gray(faces):
    images = faces.images.copy()
    images[5] = 200
    assert np.flatnonzero(data.blank(images)).tolist() == [5]


def test_arrays_of_the_wrong_shape_are_refused(faces):
    with pytest.raises(ValueError, match="votes: expected uint8"):
        Faces(faces.images, faces.votes[:, :8], faces.split)


@pytest.mark.assets
def test_the_real_data_set_has_its_known_counts(assets):
    faces = data.load(assets / "fer2013")
    assert np.bincount(faces.split).tolist() == [28709, 3589, 3589]
    assert int(data.leaked(faces, into=2, of=(0,)).sum()) == 288
    assert int((data.majority(faces.votes)[faces.split == 2] >= 0).sum()) == 3152
