"""Real photos with faces that come with packages installed anyway."""

import importlib.util
from pathlib import Path

import cv2

from engine.items import Image


def astronaut() -> Image:
    """uint8 BGR `(512, 512, 3)`, public domain (NASA), from scikit-image; one face, near (177, 56, 270, 176)."""
    return _read("skimage", "data", "astronaut.png")


def group() -> Image:
    """uint8 BGR `(886, 1280, 3)`, from insightface, which the demo shows too; six people look into the camera."""
    return _read("insightface", "data", "images", "t1.jpg")


def thing(name: str) -> Image:
    """uint8 BGR `(H, W, 3)`: one of scikit-image's pictures."""
    return _read("skimage", "data", f"{name}.png")


def _read(package: str, *parts: str) -> Image:
    found = importlib.util.find_spec(package)
    assert found is not None and found.origin is not None
    image = cv2.imread(str(Path(found.origin).parent.joinpath(*parts)))
    assert image is not None
    return image
