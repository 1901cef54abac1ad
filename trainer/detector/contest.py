"""Rivals look at the same photos at the same sizes: what each finds, and how it compares with a reference."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from engine.detectors.base import Detector
from engine.errors import ConfigError
from engine.items import Detection, Image
from trainer.detector import curves
from trainer.detector.curves import ALL, FALSE_PER_PICTURE, MARK, SLICES, Slice
from trainer.detector.matching import Doubles, Matches, match_set, together
from trainer.detector.rivals import Rival
from trainer.detector.truth import LabelledSet, Photo
from trainer.detector.views import Size, look

MIN_SCORE = 0.02
"""Low, so that the curves reach far to the right."""
TOGETHER = "all sets"
_COMPARED = {"ap": ALL, "ap_24+": MARK, "ap_24+_seen": Slice(MARK.name, MARK.least, MARK.most, seen=True)}
_ROUND = 5


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """What one rival found in the readable `photos` of one set at one size, and the mean time for one in seconds."""

    data: LabelledSet
    rival: Rival
    size: Size
    photos: tuple[Photo, ...]
    found: tuple[tuple[Detection, ...], ...]
    matches: Matches
    seconds: float


def possible(rival: Rival, size: Size) -> bool:
    """Whether `rival` can look at that size: a network of fixed input sees nothing larger."""
    return rival.side is None or size.side <= rival.side


def hold(
    data: LabelledSet,
    rivals: Sequence[Rival],
    sizes: Sequence[Size],
    unreadable: list[str] | None = None,
    done: Callable[[int], object] = lambda _count: None,
) -> list[Result]:
    """The results of all `rivals` at all `sizes` that are possible, in that order. Each photo is read once.

    With a list `unreadable`, damaged photos are left out and named in it. `done` is told after each photo.

    Raises:
        ConfigError: a photo is damaged and no list is given, or none is left.
    """
    pairs = [(rival, size) for rival in rivals for size in sizes if possible(rival, size)]
    detectors = [rival.build(size.side, MIN_SCORE) for rival, size in pairs]
    looks = [_Looks([], []) for _ in pairs]
    photos: list[Photo] = []
    scales: list[list[float]] = [[] for _ in pairs]
    for photo in data.photos:
        image = _read(photo, unreadable)
        if image is not None:
            photos.append(photo)
            for (_, size), detector, each, scale in zip(pairs, detectors, looks, scales, strict=True):
                each.add(detector, image, size)
                scale.append(size.scale(image))
        done(1)
    if not photos:
        raise ConfigError(f"{data.folder}: no photo can be read")
    truths = [photo.truths for photo in photos]
    return [
        Result(
            data,
            rival,
            size,
            tuple(photos),
            tuple(each.found),
            match_set(each.found, truths, data.iou, scale),
            each.mean(),
        )
        for (rival, size), each, scale in zip(pairs, looks, scales, strict=True)
    ]


def pooled(results: Sequence[Result]) -> list[Result]:
    """For each rival and size its results in several sets as if those were one, `TOGETHER`; each face keeps the overlap
    its own set asks for. Empty where there is only one set."""
    sets = list({id(result.data): result.data for result in results}.values())
    if len(sets) < 2:
        return []
    digest = hashlib.sha256("".join(each.sha256 for each in sets).encode()).hexdigest()
    photos = tuple(photo for each in sets for photo in each.photos)
    data = LabelledSet(TOGETHER, "several", sets[0].folder, 0.0, photos, digest, "several")
    groups: dict[tuple[str, Size], list[Result]] = {}
    for result in results:
        groups.setdefault((result.rival.name, result.size), []).append(result)
    return [_pooled(data, group) for group in groups.values()]


def _pooled(data: LabelledSet, group: Sequence[Result]) -> Result:
    photos = tuple(photo for result in group for photo in result.photos)
    found = tuple(faces for result in group for faces in result.found)
    seconds = sum(result.seconds * len(result.photos) for result in group) / len(photos)
    matches = together([result.matches for result in group])
    return Result(data, group[0].rival, group[0].size, photos, found, matches, seconds)


def _read(photo: Photo, unreadable: list[str] | None) -> Image | None:
    try:
        return photo.load()
    except ConfigError as error:
        if unreadable is None:
            raise ConfigError(f"{error}; repair or remove it, or go on without: --skip-unreadable") from error
        unreadable.append(str(error))
        return None


@dataclass(slots=True)
class _Looks:
    found: list[tuple[Detection, ...]]
    seconds: list[float]

    def add(self, detector: Detector, image: Image, size: Size) -> None:
        started = perf_counter()
        self.found.append(look(detector, image, size))
        self.seconds.append(perf_counter() - started)

    def mean(self) -> float:
        return float(np.mean(self.seconds))


def row(result: Result) -> dict[str, Any]:
    """The numbers of one result."""
    matches = result.matches
    whole, mark = curves.ranked(matches), curves.ranked(matches, MARK)
    return {
        "set": result.data.name,
        "model": result.rival.name,
        "size": result.size.name,
        "pictures": len(matches.scales),
        "faces": len(matches.truth_sides),
        "ap": _rounded(curves.average_precision(whole)),
        "ap_by_side": _by_side(matches, seen=False),
        "ap_by_seen_side": _by_side(matches, seen=True),
        "recall": {f"{at:g}": _rounded(curves.recall_at(whole, at)) for at in FALSE_PER_PICTURE},
        "recall_24+": {f"{at:g}": _rounded(curves.recall_at(mark, at)) for at in FALSE_PER_PICTURE},
        "recall_of_all": _rounded(curves.recall_at(whole, float("inf"))),
        "false_of_all": _rounded(curves.false_at_end(whole)),
        "landmarks": rounded(curves.landmark_summary(matches.errors)),
        "ms_per_picture": round(1000 * result.seconds, 2),
    }


def _by_side(matches: Matches, seen: bool) -> dict[str, Any]:
    answer = {}
    for part in SLICES:
        ranking = curves.ranked(matches, Slice(part.name, part.least, part.most, seen))
        answer[part.name] = {
            "faces": int(ranking.faces.sum()),
            "ap": _rounded(curves.average_precision(ranking)),
        }
    return answer


class Comparison:
    """Results over a reference's, with 95 % intervals. What was drawn from a result is kept for the next reference."""

    def __init__(self, rounds: int = curves.ROUNDS) -> None:
        self._rounds = rounds
        self._kept: dict[tuple[int, str], tuple[Result, Doubles]] = {}

    def against(self, result: Result, reference: Result) -> dict[str, Any]:
        """`result` over `reference`, which saw the same photos at the same size."""
        answer: dict[str, Any] = {
            "set": result.data.name,
            "model": result.rival.name,
            "reference": reference.rival.name,
            "size": result.size.name,
        }
        for name, part in _COMPARED.items():
            ours, theirs = (self._drawn(each, part) for each in (result, reference))
            answer[name] = rounded(curves.ratio(ours[:, 0], theirs[:, 0]))
            if part is ALL:
                for column, value in enumerate(FALSE_PER_PICTURE, 1):
                    recall = curves.ratio(ours[:, column], theirs[:, column])
                    answer[f"recall_{value:g}"] = {"false": value, **rounded(recall)}
        answer["recall_reference_end"] = self._at_end(result, reference)
        answer["landmarks"] = rounded(curves.landmark_ratio(result.matches, reference.matches, self._rounds))
        return answer

    def _drawn(self, result: Result, part: Slice) -> Doubles:
        key = (id(result), repr(part))
        if key not in self._kept:
            # The result is kept as well: as long as it lives, its id is its own.
            self._kept[key] = (result, self._draw(result, part, FALSE_PER_PICTURE if part is ALL else ()))
        return self._kept[key][1]

    def _draw(self, result: Result, part: Slice, at: Sequence[float]) -> Doubles:
        return curves.drawn(curves.ranked(result.matches, part), at, self._rounds)

    def _at_end(self, result: Result, reference: Result) -> dict[str, Any]:
        """Recall where the reference has found everything it will."""
        end = curves.false_at_end(curves.ranked(reference.matches))
        ours, theirs = (self._draw(each, ALL, (end,)) for each in (result, reference))
        return {"false": _rounded(end), **rounded(curves.ratio(ours[:, 1], theirs[:, 1]))}


def pairs_with(results: Sequence[Result], names: Sequence[str]) -> list[tuple[Result, Result]]:
    """Every result beside that of each reference at the same size in the same set."""
    return [
        (result, other)
        for name in names
        for result in results
        for other in results
        if other.rival.name == name
        and other.rival.name != result.rival.name
        and other.size == result.size
        and other.data is result.data
    ]


def _rounded(value: float) -> float | None:
    return round(value, _ROUND) if np.isfinite(value) else None


def rounded(facts: dict[str, Any]) -> dict[str, Any]:
    """`facts` with its floats at five decimals, as they go to JSON."""
    return {
        key: rounded(value) if isinstance(value, dict) else _rounded(value) if isinstance(value, float) else value
        for key, value in facts.items()
    }
