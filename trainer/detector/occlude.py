"""What people wear and hold before their faces: masks, dark glasses, hands and whatever else."""

from collections.abc import Sequence

import cv2
import numpy as np

from engine.fields import Unit, settings
from engine.items import Floats, Image
from trainer.detector.pictures import Face

Random = np.random.Generator


@settings
class OccludeConfig:
    """How many faces of a scene wear what: cloth over mouth and nose, dark glasses, a patch of anything."""

    mask_share: Unit = 0.12
    glasses_share: Unit = 0.04
    patch_share: Unit = 0.08


def occlude(image: Image, faces: Sequence[Face], config: OccludeConfig, random: Random) -> None:
    """Draw into `image` (uint8 BGR); the labels stay, since the face is still there."""
    for face in faces:
        draw = random.random()
        if face.landmarks is None:
            continue
        if draw < config.mask_share:
            _fill(image, _mask(face, random), random)
        elif draw < config.mask_share + config.glasses_share:
            for eye in face.landmarks[:2]:
                _fill(image, _disc(eye, _eye_distance(face) * random.uniform(0.3, 0.45)), random, dark=True)
        elif draw < config.mask_share + config.glasses_share + config.patch_share:
            _fill(image, _patch(face, random), random)


def _mask(face: Face, random: Random) -> Floats:
    """From the ears over the nose, along the jaw: points `(7, 2)`."""
    assert face.landmarks is not None
    left, right, nose, mouth_left, mouth_right = face.landmarks
    down = (mouth_left + mouth_right) / 2 - (left + right) / 2
    across = (right - left) * random.uniform(0.3, 0.55)
    bridge = nose - down * random.uniform(-0.05, 0.35)
    cheeks = [left - across + down * 0.45, right + across + down * 0.45]
    jaw = [mouth_right + across * 0.6 + down * 0.2, mouth_left - across * 0.6 + down * 0.2]
    chin = (mouth_left + mouth_right) / 2 + down * random.uniform(0.55, 0.85)
    return np.array([cheeks[0], bridge, cheeks[1], jaw[0], chin, jaw[1]], np.float32)


def _disc(centre: Floats, radius: float) -> Floats:
    turn = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    return (centre + radius * np.stack([np.cos(turn) * 1.2, np.sin(turn)], 1)).astype(np.float32)


def _patch(face: Face, random: Random) -> Floats:
    """A turned rectangle over up to a third of the box."""
    x1, y1, x2, y2 = face.box
    size = np.array([x2 - x1, y2 - y1])
    centre = np.array([x1, y1]) + random.uniform(0, 1, 2) * size
    half = size * random.uniform(0.1, 0.35, 2)
    turn = random.uniform(0, np.pi)
    square = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    turned: Floats = (centre + square @ rotation.T).astype(np.float32)
    return turned


def _eye_distance(face: Face) -> float:
    assert face.landmarks is not None
    return float(np.hypot(*(face.landmarks[1] - face.landmarks[0])))


def _fill(image: Image, points: Floats, random: Random, dark: bool = False) -> None:
    """A polygon in one colour with a little shading from one side to the other."""
    low, high = np.floor(points.min(axis=0)).astype(int), np.ceil(points.max(axis=0)).astype(int) + 1
    low, high = np.maximum(low, 0), np.minimum(high, image.shape[1::-1])
    if (high - low < 2).any():
        return
    width, height = high - low
    stencil = np.zeros((height, width), np.uint8)
    cv2.fillPoly(stencil, [np.round((points - low) * 8).astype(np.int32)], 255, cv2.LINE_AA, 3)
    pale = random.integers(170, 256) + random.integers(-40, 41, 3)
    colour = random.integers(0, 60, 3) if dark else pale if random.random() < 0.5 else random.integers(0, 256, 3)
    shade = np.linspace(random.uniform(0.7, 1), random.uniform(0.7, 1), width)[None, :, None]
    cloth = np.clip(colour * shade, 0, 255)
    weight = stencil[..., None] / 255
    part = image[low[1] : high[1], low[0] : high[0]]
    part[:] = (cloth * weight + part * (1 - weight)).astype(np.uint8)
