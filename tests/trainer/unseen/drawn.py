"""Small labelled sets of one real face, in a different light in every picture."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from engine.items import Image
from tests.support.photos import astronaut
from trainer.labels import FERPLUS
from trainer.unseen.cutting import WAYS
from trainer.unseen.sets import UnseenSet


def face(side: int = 120, light: int = 0) -> Image:
    """uint8 BGR `(side, side, 3)`: a crop that the engine's detector finds a face in."""
    crop = cv2.resize(astronaut()[40:190, 150:300], (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.add(crop, np.full_like(crop, light)), np.uint8)


def tight(side: int = 48) -> Image:
    """The same face cut from brows to chin, small: found only with a margin."""
    return np.asarray(cv2.resize(astronaut()[95:160, 195:255], (side, side), interpolation=cv2.INTER_AREA), np.uint8)


def write_faces(folder: Path, names: Sequence[str], first: int = 0) -> Path:
    """A picture of the face at each of `names`, paths within `folder`."""
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), face(light=2 * (first + number)))
    return folder


def unseen_set(name: str, labels: Sequence[str], truth: Sequence[str], answers: Sequence[str] = ()) -> UnseenSet:
    """A set without faces: the pixels of a chip are the place in `FERPLUS` of one of `answers`, or of its truth."""
    chips = np.zeros((len(truth), 112, 112, 3), np.uint8)
    for row, label in enumerate(answers or truth):
        chips[row] = FERPLUS.index(label)
    places = np.array([list(labels).index(label) for label in truth], np.int64)
    names = tuple(f"{name}-{row}.png" for row in range(len(truth)))
    return UnseenSet(name, "folders", tuple(labels), places, chips, names, dict.fromkeys(WAYS, 1))
