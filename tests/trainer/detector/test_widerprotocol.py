"""The WIDER FACE protocol on a small made set whose numbers are worked out by hand."""

import numpy as np
import pytest
from scipy.io import savemat

from engine.errors import ConfigError
from engine.items import Detection
from tests.trainer.detector.test_truth import picture
from trainer.detector import widerprotocol
from trainer.detector.truth import Photo, Truth
from trainer.detector.truthfiles import open_set
from trainer.detector.widerprotocol import Subset, average_precision, counted, read_subset, stretched, subsets_of


def box(x, side=9):
    """Ten pixels wide as the protocol counts."""
    return float(x), 0.0, float(x + side), float(side)


def photo(name, *places):
    return Photo(
        name, lambda: np.zeros((9, 9, 3), np.uint8), tuple(Truth(box(x)) for x in places), tuple(range(len(places)))
    )


def found(*faces):
    return tuple(Detection(box(x), score) for x, score in faces)


def test_scores_are_stretched_over_all_pictures():
    scores = stretched([found((0, 0.8), (0, 0.4)), (), found((0, 0.3))])
    assert [own.round(6).tolist() for own in scores] == [[1, 0.2], [], [0]]
    assert [len(own) for own in stretched([(), ()])] == [0, 0]


def test_a_face_outside_the_subset_and_what_finds_it_count_neither_way():
    counts, so_far = counted(found((0, 0.9), (50, 0.8), (100, 0.7)), photo("a", 0, 50), frozenset([1]))
    assert counts.tolist() == [False, True, True]
    assert so_far.tolist() == [0, 1, 1]


def test_a_second_detection_on_a_found_face_is_false_even_if_another_face_is_left():
    counts, so_far = counted(found((0, 0.9), (1, 0.8)), photo("a", 0, 4), frozenset([0, 1]))
    assert counts.tolist() == [True, True]
    assert so_far.tolist() == [1, 1]


def test_sides_include_both_end_pixels():
    # 10 x 10 pixels each, 5 x 10 shared: 50 / 150 < 0.5; shifted by three: 70 / 130 > 0.5.
    assert counted(found((5, 0.9)), photo("a", 0), frozenset([0]))[1].tolist() == [0]
    assert counted(found((3, 0.9)), photo("a", 0), frozenset([0]))[1].tolist() == [1]


FOUND = [found((0, 0.9), (200, 0.6), (50, 0.5)), found((0, 0.8), (300, 0.1)), found((0, 0.95))]
PHOTOS = [photo("a", 0, 50), photo("b", 0), photo("c")]
# By falling score: a's first face, b's face, a false one, a's second face, a false one. Picture c has no faces:
# what is found there counts neither way.
EVERY = {"a": frozenset([0, 1]), "b": frozenset([0]), "c": frozenset()}


def test_the_area_is_that_worked_out_by_hand():
    assert average_precision(FOUND, PHOTOS, Subset("hard", EVERY)) == pytest.approx(2 / 3 + 1 / 3 * 3 / 4)


def test_a_smaller_subset_forgives_what_finds_the_others():
    subset = Subset("easy", {"a": frozenset([1]), "b": frozenset(), "c": frozenset()})
    # Left: a false one at .6, the face at .5, a false one at .1; b's face is not asked for.
    assert average_precision(FOUND, PHOTOS, subset) == pytest.approx(1 / 2)


def test_nothing_found_is_zero():
    assert average_precision([(), (), ()], PHOTOS, Subset("hard", EVERY)) == 0


def cells(values):
    table = np.empty((len(values), 1), object)
    for row, value in enumerate(values):
        table[row, 0] = value
    return table


def write_subset(path, rows):
    """MATLAB's cells in cells, one event with two pictures, as in the published files."""
    savemat(
        path,
        {
            "event_list": cells(["0--Parade"]),
            "file_list": cells([cells(["a", "b"])]),
            "gt_list": cells([cells([np.array(each, float).reshape(-1, 1) for each in rows])]),
        },
    )


@pytest.fixture
def wider(tmp_path):
    for name in ("a", "b"):
        picture(tmp_path / "images" / "0--Parade" / f"{name}.jpg")
    labels = "0--Parade/a.jpg\n2\n0 0 10 10\n50 0 10 10\n0--Parade/b.jpg\n1\n0 0 10 10\n"
    (tmp_path / "wider_face_val_bbx_gt.txt").write_text(labels)
    (tmp_path / "ground_truth").mkdir()
    return tmp_path


def test_the_three_subsets_are_read_with_rows_from_zero(wider):
    for name, rows in {"easy": [[2], []], "medium": [[1, 2], []], "hard": [[1, 2], [1]]}.items():
        write_subset(wider / "ground_truth" / f"wider_{name}_val.mat", rows)
    subsets = subsets_of(open_set(wider))
    assert [subset.name for subset in subsets] == list(widerprotocol.SUBSETS)
    assert subsets[0].faces == {"0--Parade/a.jpg": {1}, "0--Parade/b.jpg": frozenset()}
    assert subsets[2].faces == {"0--Parade/a.jpg": {0, 1}, "0--Parade/b.jpg": {0}}


def test_without_the_subsets_files_there_are_none(wider):
    assert subsets_of(open_set(wider)) == []


def test_a_damaged_file_of_a_subset_and_one_of_other_labels_are_refused(wider):
    path = wider / "ground_truth" / "wider_easy_val.mat"
    path.write_bytes(b"MATLAB 5.0" + bytes(200))
    data = open_set(wider)
    with pytest.raises(ConfigError, match=r"wider_easy_val\.mat: is no list of WIDER FACE's faces"):
        subsets_of(data)
    write_subset(path, [[1], [1]])
    with pytest.raises(ConfigError, match="which the labels do not name"):
        read_subset(path, "easy", data.photos[:1])
