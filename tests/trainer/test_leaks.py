"""Copies of pictures: found, grouped, listed, and left out of training."""

import csv
from dataclasses import replace

import cv2
import numpy as np
import pytest

from tests.trainer.sources.layouts import picture
from trainer import leaks
from trainer.faceset import FaceSet, Origin, open_faces, save, unknown
from trainer.labels import one_each
from trainer.sources.find import open_source

NOBODY = np.full(8, -1, np.int64)


def changed(image: np.ndarray) -> np.ndarray:
    """The same picture as another site would show it: darker, moved by a pixel, saved as a poor JPEG."""
    darker = cv2.warpAffine(image, np.float32([[1, 0, 1], [0, 1, 0]]), (48, 48), borderMode=cv2.BORDER_REPLICATE)
    _, coded = cv2.imencode(".jpg", (darker * 0.7 + 20).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 40])
    return cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE)


@pytest.fixture
def copied() -> FaceSet:
    """Row 5 (validation) is row 0 exactly, row 6 (test) nearly row 1, row 3 is row 2 with another label."""
    images = np.stack([picture(number) for number in range(8)])
    images[5], images[6], images[3] = images[0], changed(images[1]), images[2]
    return FaceSet(
        whole=images,
        aligned=images.copy(),
        found=np.ones(8, np.bool_),
        split=np.array([0, 0, 0, 0, 0, 1, 2, 2], np.uint8),
        answers={"emotion": one_each(("joy", "fear"), np.array([0, 0, 0, 1, 0, 0, 1, 0]))},
        origin=Origin("copies", "none"),
        names=np.array([f"face {row}" for row in range(8)]),
        **unknown(8),
    )


def test_exact_and_changed_copies_are_near_and_other_pictures_far():
    images = np.stack([picture(0), picture(0), changed(picture(0)), picture(1)])
    first, second, bits = leaks.near(leaks.hashes(images), 256)
    distance = dict(zip(zip(first.tolist(), second.tolist(), strict=True), bits.tolist(), strict=True))
    assert distance[0, 1] == 0
    assert 0 < distance[0, 2] <= leaks.DISTANCE
    assert distance[0, 3] > 90


def test_distances_are_counts_of_different_bits():
    codes = np.random.default_rng(0).random((50, 256)) < 0.5
    first, second, bits = leaks.near(codes, 120)
    expected = {(a, b): int((codes[a] != codes[b]).sum()) for a in range(50) for b in range(a + 1, 50)}
    expected = {pair: count for pair, count in expected.items() if count <= 120}
    assert dict(zip(zip(first.tolist(), second.tolist(), strict=True), bits.tolist(), strict=True)) == expected


def test_many_pictures_are_compared_in_chunks():
    codes = np.random.default_rng(0).random((300, 64)) < 0.5
    codes[240] = codes[3]
    for at_once in (10, 7 * 300, 10**6):
        first, second, _ = leaks.near(codes, 0, at_once)
        assert (first.tolist(), second.tolist()) == ([3], [240])


def test_no_pictures_have_no_copies():
    assert len(leaks.scan(np.empty((0, 48, 48), np.uint8), np.empty(0, np.int64)).group) == 0


def test_training_faces_that_stand_in_validation_or_test_are_removed(copied):
    found = leaks.scan(copied.whole, copied.identity)
    assert np.flatnonzero(leaks.to_remove(copied, found)).tolist() == [0, 1]
    assert [np.flatnonzero(leaks.leaked_rows(copied, split)).tolist() for split in (0, 1, 2)] == [[0, 1], [5], [6]]


def test_copies_that_matter_are_listed_with_their_labels(copied, tmp_path):
    pairs = list(leaks.copies(copied, leaks.scan(copied.whole, copied.identity)))
    assert [(pair.first, pair.second, pair.leak, pair.conflict) for pair in pairs] == [
        (0, 5, True, False),
        (1, 6, True, True),
        (2, 3, False, True),
    ]
    leaks.write_list(tmp_path / "leaks.csv", copied, pairs)
    with (tmp_path / "leaks.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["name a", "split a", "name b", "split b", "distance", "kind", "labels"]
    assert rows[1] == ["face 0", "train", "face 5", "validation", "0", "leak", "emotion: joy / joy"]
    assert rows[2][5:] == ["leak and conflict", "emotion: joy / fear"]


def test_known_persons_who_only_look_alike_are_no_copies():
    images = np.stack([picture(0), changed(picture(0))])
    assert leaks.scan(images, np.array([0, 1])).group.tolist() == [0, 1]
    assert leaks.scan(images, np.array([0, 0])).group.tolist() == [0, 0]
    assert leaks.scan(images, np.array([0, -1])).group.tolist() == [0, 0]


def test_blank_pictures_count_as_copies_of_each_other():
    images = np.stack([np.full((48, 48), 0, np.uint8), picture(0), np.full((48, 48), 255, np.uint8)])
    assert leaks.scan(images, NOBODY[:3]).group.tolist() == [0, 1, 0]


def test_groups_hold_persons_and_copies_together():
    persons, copies = np.array([7, -1, 7, -1, 4]), np.array([0, 1, 2, 2, 4])
    assert leaks.merged(persons, copies).tolist() == [0, 1, 0, 0, 4]
    assert leaks.merged(None, copies).tolist() == copies.tolist()


def test_a_kept_scan_is_used_only_for_the_pictures_it_belongs_to(copied, tmp_path):
    save(copied, tmp_path)
    found = leaks.scan(copied.whole, copied.identity)
    marked = replace(found, group=np.zeros(8, np.int64))
    leaks.save_groups(tmp_path, copied, marked)
    assert leaks.groups_of_copies(open_faces(tmp_path)).tolist() == [0] * 8
    others = replace(copied, whole=copied.whole[::-1].copy())
    save(others, tmp_path)
    again = leaks.scan(others.whole, others.identity).group
    assert leaks.groups_of_copies(open_faces(tmp_path)).tolist() == again.tolist() != [0] * 8
    (tmp_path / leaks.FILE).write_bytes(b"damaged")
    assert leaks.read_groups(tmp_path, others) is None


@pytest.mark.assets
def test_the_known_copies_of_fer2013_are_among_those_found(assets):
    records = [record for _, record in zip(range(3000), open_source(assets / "fer2013").records(), strict=False)]
    images = np.stack([record.image for record in records])
    group = leaks.scan(images, np.full(3000, -1, np.int64)).group
    exact = {}
    for row, image in enumerate(images):
        twin = exact.setdefault(image.tobytes(), row)
        assert group[row] == group[twin]
    assert len(exact) < 3000
