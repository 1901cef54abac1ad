"""Batches of composed scenes with what the network should say of them, in an order that a seed fixes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from engine.detectors.retinaface import priors
from engine.items import Floats
from trainer.detector import anchors, layers
from trainer.detector.faces import Face
from trainer.detector.hints import Hints, Teacher
from trainer.detector.layers import Scene
from trainer.detector.loss import Wanted
from trainer.detector.scenes import Composer

Row = tuple[Tensor, ...]
_WANTED = len(fields(Wanted))


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """`images` uint8 BGR `(N, S, S, 3)`, what the priors should say of them, and what a teacher makes of them."""

    images: Tensor
    wanted: Wanted
    hints: Hints | None = None


class Scenes(Dataset[Row]):  # type: ignore[misc,unused-ignore]
    """Scene number `i` of a stream is drawn from `(seed, first + i)` alone, whoever composes it and when. With the
    file of a `teacher` it looks at each of them."""

    def __init__(self, composer: Composer, seed: int, first: int, count: int, teacher: str = "") -> None:
        self._composer, self._seed, self._first, self._count = composer, seed, first, count
        self._file = teacher
        self._teacher: Teacher | None = None

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: int) -> Row:
        scene = self._composer.compose(np.random.default_rng([self._seed, self._first + number]))
        wanted = wanted_of(scene, self._composer.config.sure)
        parts = (
            wanted.positive,
            wanted.counted,
            wanted.score,
            wanted.boxes,
            wanted.landmarks,
            wanted.clarity,
        )
        image = np.ascontiguousarray(scene.image)
        return tuple(torch.from_numpy(part) for part in (image, *parts, *self._hints(scene)))

    def _hints(self, scene: Scene) -> list[Floats]:
        if not self._file:
            return []
        if self._teacher is None:
            # Opened by the process that asks it: sessions do not travel.
            self._teacher = Teacher(self._file)
        # It sees the scene in good light: what is dark, blurred or gray to the network was not to its teacher.
        scores, features = self._teacher.look(scene.clean)
        return [np.ascontiguousarray(scores), *features]


def wanted_of(scene: Scene, sure: float = 0) -> anchors.Targets:
    """What the priors of `scene` should say. A face's score is half at least, however unsure its teachers were, and
    less where its side is below `sure` pixels."""
    height, width = scene.image.shape[:2]
    known = np.array([face.landmarks is not None for face in scene.faces], bool)
    points = [np.zeros((5, 2), np.float32) if face.landmarks is None else face.landmarks for face in scene.faces]
    return anchors.targets(
        _rows([face.box for face in scene.faces], 4),
        np.array(points, np.float32).reshape(-1, 5, 2),
        known,
        np.array([_score(face, sure) for face in scene.faces], np.float32),
        _rows(scene.ignored, 4),
        priors(height, width),
    )


def _score(face: Face, sure: float) -> float:
    side = layers.area(face.box) ** 0.5
    return (0.5 + 0.5 * face.score) * (min(max(side / sure, 0.5), 1.0) if sure else 1.0)


def _rows(boxes: Sequence[Sequence[float]] | Sequence[Floats], width: int) -> Floats:
    return np.array(boxes, np.float32).reshape(-1, width)


def batches(scenes: Scenes, batch_size: int, workers: int) -> Iterator[Batch]:
    """All scenes in order, `batch_size` at a time, composed in `workers` other processes."""
    loader = DataLoader(
        scenes,
        batch_size=batch_size,
        num_workers=workers,
        collate_fn=_collate,
        prefetch_factor=4 if workers else None,
    )
    yield from loader


def _collate(rows: Sequence[Row]) -> Batch:
    images, *kinds = (torch.stack(kind) for kind in zip(*rows, strict=True))
    wanted, hints = Wanted(*kinds[:_WANTED]), kinds[_WANTED:]
    return Batch(images, wanted, Hints(hints[0], tuple(hints[1:])) if hints else None)
