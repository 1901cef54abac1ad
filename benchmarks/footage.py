"""Clips to measure on, made from the built-in demo footage so that every machine can make them."""

from pathlib import Path

import cv2
import insightface
import numpy as np

from engine.items import Image
from engine.sources.av_writer import VideoWriter
from engine.sources.demo import view

FPS = 30


def views(count: int, apart_s: float) -> list[Image]:
    """What the demo's camera sees at `count` moments: uint8 BGR `(720, 1280, 3)`, some four faces each."""
    photo = _photo()
    return [view(photo, number * apart_s) for number in range(count)]


def write_clip(path: Path, frames: int, width: int = 1280, height: int = 720, faces: bool = True) -> Path:
    """An H.264 clip of a slow camera over a group photo, or of plain grey without `faces`."""
    photo = _photo()
    blank = np.full((height, width, 3), 96, np.uint8)
    with VideoWriter(path, width, height, FPS) as writer:
        for index in range(frames):
            image = cv2.resize(view(photo, index / FPS), (width, height)) if faces else blank
            writer.write(image, index / FPS)
    return path


def _photo() -> Image:
    photo: Image = cv2.imread(str(Path(insightface.__file__).parent / "data" / "images" / "t1.jpg"))
    return photo
