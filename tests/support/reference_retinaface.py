"""RetinaFace's post-processing as its public PyTorch implementation does it, written with plain loops."""

from dataclasses import dataclass
from itertools import product
from math import ceil, exp

import numpy as np

from engine.devices import Session
from engine.items import Floats, Image


@dataclass
class Face:
    box: list[float]
    score: float
    landmarks: list[tuple[float, float]]


def detect(
    session: Session,
    image: Image,
    min_score: float = 0.02,
    max_iou: float = 0.4,
    deviation: tuple[float, ...] = (1.0, 1.0, 1.0),
) -> list[Face]:
    """The faces of one picture at its own size, best first, in its pixels; nothing is clipped.

    `deviation` divides the channels after their means are taken off; the public networks want ones."""
    height, width = image.shape[:2]
    centred = image.astype(np.float32) - np.array((104, 117, 123), np.float32)
    tensor = (centred / np.array(deviation, np.float32)).transpose(2, 0, 1)[None]
    heads = {output.shape[-1]: output[0] for output in session.run(np.ascontiguousarray(tensor))}
    faces = [
        _decode(prior, heads[4][row], float(heads[2][row, 1]), heads[10][row], width, height)
        for row, prior in enumerate(prior_boxes(height, width))
        if heads[2][row, 1] > min_score
    ]
    return suppress(faces, max_iou)


def prior_boxes(height: int, width: int) -> list[tuple[float, float, float, float]]:
    """Centre x, centre y, width and height as shares of the picture."""
    found = []
    for step, sides in ((8, (16, 32)), (16, (64, 128)), (32, (256, 512))):
        for row, column in product(range(ceil(height / step)), range(ceil(width / step))):
            found += [
                ((column + 0.5) * step / width, (row + 0.5) * step / height, side / width, side / height)
                for side in sides
            ]
    return found


def _decode(
    prior: tuple[float, float, float, float], loc: Floats, score: float, landms: Floats, width: int, height: int
) -> Face:
    cx, cy, w, h = prior
    x, y = cx + float(loc[0]) * 0.1 * w, cy + float(loc[1]) * 0.1 * h
    bw, bh = w * exp(float(loc[2]) * 0.2), h * exp(float(loc[3]) * 0.2)
    box = [(x - bw / 2) * width, (y - bh / 2) * height, (x + bw / 2) * width, (y + bh / 2) * height]
    points = [
        ((cx + float(landms[2 * i]) * 0.1 * w) * width, (cy + float(landms[2 * i + 1]) * 0.1 * h) * height)
        for i in range(5)
    ]
    return Face(box, score, points)


def suppress(faces: list[Face], max_iou: float) -> list[Face]:
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: -face.score):
        if all(iou(face.box, other.box) <= max_iou for other in kept):
            kept.append(face)
    return kept


def iou(a: list[float], b: list[float]) -> float:
    """With inclusive pixels, as the original has it."""
    across = max(min(a[2], b[2]) - max(a[0], b[0]) + 1, 0)
    down = max(min(a[3], b[3]) - max(a[1], b[1]) + 1, 0)
    areas = [(box[2] - box[0] + 1) * (box[3] - box[1] + 1) for box in (a, b)]
    return across * down / (sum(areas) - across * down)
