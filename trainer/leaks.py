"""Pictures that stand in a data set more than once: across splits they make scores too good, with different labels
they are mistakes.

The perceptual hash is that of Zauner 2010, "Implementation and Benchmarking of Perceptual Image Hash Functions"
(pHash): the signs of low frequencies of the cosine transform, here 16x16 of them instead of 8x8, since faces
resemble each other more than pictures in general do.
"""

import csv
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import cv2
import numpy as np

from engine.items import Floats, Image
from trainer.faceset import SPLITS, FaceSet
from trainer.labels import Bools, Ints

FILE = "leaks.npz"
LIST = "leaks.csv"
HASH_SIDE = 16
DISTANCE = 60
"""Bits of 256 in which copies may differ. Looked at on FER2013: of 190 pairs that differ in 40 to 62 bits all but two
showed the same photo (moved by a few pixels, lit or watermarked otherwise); at 64 to 68 bits 5 of 64 were false (the
same person with another face, or somebody else), at 72 half."""
_SIDE = 48


def hashes(images: Image) -> Bools:
    """A hash of `HASH_SIDE`² bits for each of `images` uint8 gray `(N, H, W)`; bool `(N, bits)`.

    Brightness and contrast do not matter: the constant term is left out, the rest compared with its median.
    """
    bits = np.empty((len(images), HASH_SIDE * HASH_SIDE), np.bool_)
    for row, image in enumerate(images):
        small = cv2.resize(image, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
        low = cv2.dct(small)[:HASH_SIDE, :HASH_SIDE].ravel()
        bits[row] = (low > np.median(low[1:])) & (image.min() < image.max())  # rounding is no pattern
    bits[:, 0] = False
    return bits


def near(codes: Bools, distance: int, at_once: int = 2**25) -> tuple[Ints, Ints, Ints]:
    """All pairs of rows of `codes` that differ in at most `distance` bits: first row, second row (larger), bits.

    As signs, two rows multiply to the number of equal bits less the number of different ones: a matrix product,
    made for `at_once` pairs at a time (4 bytes each).
    """
    signs = np.where(codes, 1, -1).astype(np.float32)
    step = max(at_once // max(len(signs), 1), 1)
    found = [_near_chunk(signs, start, step, distance) for start in range(0, max(len(signs), 1), step)]
    first, second, bits = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return first, second, bits


def _near_chunk(signs: Floats, start: int, step: int, distance: int) -> tuple[Ints, Ints, Ints]:
    product = signs[start : start + step] @ signs[start:].T
    row, column = np.nonzero(product >= signs.shape[1] - 2 * distance)
    later = column > row
    row, column = row[later], column[later]
    bits = ((signs.shape[1] - product[row, column]) / 2).astype(np.int64)
    return start + row, start + column, bits


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """Pairs of rows that show the same picture, with the bits in which they differ, and `group` int64 `(N,)`:
    rows of one number are copies of one another, directly or through others."""

    first: Ints
    second: Ints
    bits: Ints
    group: Ints


def scan(images: Image, identity: Ints, distance: int = DISTANCE) -> Scan:
    """Look for copies among `images` uint8 gray `(N, H, W)`; blank ones count as copies of each other.

    Two people before one studio's wall can look alike to the hash: rows of different known persons (`identity`
    `(N,)`, -1 unknown) are copies only where their hashes are the same.
    """
    first, second, bits = near(hashes(images), distance)
    one, other = identity[first], identity[second]
    kept = (bits == 0) | (one < 0) | (other < 0) | (one == other)
    first, second, bits = first[kept], second[kept], bits[kept]
    return Scan(first, second, bits, joined(len(images), zip(first.tolist(), second.tolist(), strict=True)))


def joined(count: int, pairs: Iterable[tuple[int, int]]) -> Ints:
    """For each of `count` rows the smallest row that `pairs` join it with, at any remove; `(count,)`.

    >>> joined(5, [(3, 4), (1, 3)]).tolist()
    [0, 1, 2, 1, 1]
    """
    parent = list(range(count))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for one, other in pairs:
        low, high = sorted((root(one), root(other)))
        parent[high] = low
    return np.array([root(row) for row in range(count)], np.int64)


def merged(groups: Ints | None, copies: Ints) -> Ints:
    """Groups that hold together what `groups` (-1: on its own; None: all are) or `copies`, both `(N,)`, do."""
    pairs = [(row, int(copy)) for row, copy in enumerate(copies)]
    if groups is not None:
        known = np.flatnonzero(groups >= 0)
        _, start = np.unique(groups[known], return_index=True)
        leader = dict(zip(groups[known[start]].tolist(), known[start].tolist(), strict=True))
        pairs += [(int(row), leader[int(groups[row])]) for row in known]
    return joined(len(copies), pairs)


def elsewhere(group: Ints, split: Image, number: int) -> Bools:
    """Rows of split `number` of which a copy stands in another split; `(N,)`."""
    inside = np.asarray(split) == number
    copies: Bools = inside & np.isin(group, np.unique(group[~inside]))
    return copies


def to_remove(faces: FaceSet, found: Scan) -> Bools:
    """Training faces of which a copy stands in validation or test; `(N,)`."""
    return elsewhere(found.group, faces.split, 0)


def leaked_rows(faces: FaceSet, split: int) -> Bools:
    """Rows of `split` (an index into `SPLITS`) whose picture stands in another split too; `(N,)`.

    Quick where `prepare` kept its scan beside the data; else the pictures are compared now.
    """
    return elsewhere(groups_of_copies(faces), faces.split, split)


def groups_of_copies(faces: FaceSet) -> Ints:
    """`Scan.group` for `faces`: kept beside the opened data where it belongs to it, else found now."""
    stored = getattr(faces.whole, "filename", None)
    if stored is not None:
        kept = read_groups(Path(stored).parent, faces)
        if kept is not None:
            return kept
    return scan(faces.whole, faces.identity).group


def save_groups(folder: Path, faces: FaceSet, found: Scan) -> None:
    """Keep the groups in `folder`, with a hash of the pictures they belong to."""
    np.savez(folder / FILE, group=found.group, pictures=np.array(_digest(faces)))


def read_groups(folder: Path, faces: FaceSet) -> Ints | None:
    """What `save_groups` kept; None where there is nothing or it belongs to other pictures."""
    try:
        with np.load(folder / FILE, allow_pickle=False) as kept:
            group: Ints = kept["group"]
            return group if str(kept["pictures"]) == _digest(faces) else None
    except (OSError, ValueError, KeyError, BadZipFile):
        return None


def _digest(faces: FaceSet) -> str:
    return hashlib.sha256(np.ascontiguousarray(faces.whole).data).hexdigest()


@dataclass(frozen=True, slots=True)
class Copy:
    """Two rows with the same picture that stand in different splits, or bear different labels, or both.

    `labels` says both faces' labels in every label set (`-` for none)."""

    first: int
    second: int
    bits: int
    leak: bool
    conflict: bool
    labels: str


def copies(faces: FaceSet, found: Scan) -> Iterator[Copy]:
    """The pairs of `found` that matter. Two frames of one known person may well differ in their label."""
    split = np.asarray(faces.split)
    person = np.where(faces.identity >= 0, faces.identity, -1 - np.arange(len(faces)))
    best = {name: answers.plurality() for name, answers in faces.answers.items()}
    for first, second, bits in zip(found.first.tolist(), found.second.tolist(), found.bits.tolist(), strict=True):
        leak = bool(split[first] != split[second])
        differ = any(-1 != labels[first] != labels[second] != -1 for labels in best.values())
        conflict = differ and bool(person[first] != person[second])
        if leak or conflict:
            said = "; ".join(f"{name}: {_name(faces, name, best[name], first, second)}" for name in best)
            yield Copy(first, second, bits, leak, conflict, said)


def _name(faces: FaceSet, label_set: str, best: Ints, *rows: int) -> str:
    labels = faces.answers[label_set].labels
    return " / ".join("-" if best[row] < 0 else labels[best[row]] for row in rows)


def write_list(path: Path, faces: FaceSet, found: Iterable[Copy]) -> None:
    """The CSV table of `found` for people."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(("name a", "split a", "name b", "split b", "distance", "kind", "labels"))
        for pair in found:
            kind = " and ".join(name for name, is_so in (("leak", pair.leak), ("conflict", pair.conflict)) if is_so)
            sides = [(faces.names[row], SPLITS[faces.split[row]]) for row in (pair.first, pair.second)]
            table.writerow((*sides[0], *sides[1], pair.bits, kind, pair.labels))
