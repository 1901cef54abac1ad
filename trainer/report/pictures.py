"""Faces as encoded images: strips, single faces, and faces with a map of evidence glowing on them."""

import cv2
import numpy as np

from engine.items import Floats, Image

FACE = 96
"""Side of a drawn face in pixels; stored faces are smaller."""


def png(image: Image) -> bytes:
    """uint8 `(H, W)` gray or `(H, W, 3)` BGR as PNG."""
    return _encoded(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 9])


def jpg(image: Image) -> bytes:
    """uint8 `(H, W, 3)` BGR as JPEG."""
    return _encoded(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 82])


def _encoded(kind: str, image: Image, settings: list[int]) -> bytes:
    done, data = cv2.imencode(kind, image, settings)
    if not done:
        raise ValueError(f"cannot encode an image {image.shape} as {kind}")
    return bytes(data)


def strip(*rows: Image) -> Image:
    """Faces uint8 `(N, S, S)`, one row of N for each argument, as one image with a gap of two pixels."""
    lines = [np.concatenate([np.pad(face, 1, constant_values=255) for face in row], axis=1) for row in rows]
    return np.concatenate(lines, axis=0)


def glowing(face: Image, heat: Floats, side: int = FACE) -> Image:
    """BGR uint8 `(side, side, 3)`: gray `face` `(S, S)` darkened where `heat` `(h, w)`, 0..1, is low and
    coloured where it is high."""
    large = cv2.resize(face, (side, side), interpolation=cv2.INTER_CUBIC)
    warm = np.clip(cv2.resize(heat, (side, side), interpolation=cv2.INTER_CUBIC), 0, 1)[..., None]
    colours = cv2.applyColorMap(np.uint8(255 * warm[..., 0]), cv2.COLORMAP_INFERNO).astype(np.float32)
    gray = cv2.cvtColor(large, cv2.COLOR_GRAY2BGR).astype(np.float32)
    mixed: Image = (gray * (0.9 - 0.45 * warm) + colours * (0.55 * warm)).clip(0, 255).astype(np.uint8)
    return mixed


def beside(*images: Image) -> Image:
    """BGR images of one height next to each other, two white pixels between them."""
    gap = np.full((images[0].shape[0], 2, 3), 255, np.uint8)
    parts = [part for image in images for part in (gap, image)]
    return np.concatenate(parts[1:], axis=1)


def large(face: Image, side: int = FACE) -> Image:
    """Gray `(S, S)` as BGR `(side, side, 3)`."""
    grown = cv2.resize(face, (side, side), interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.cvtColor(grown, cv2.COLOR_GRAY2BGR), np.uint8)
