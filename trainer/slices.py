"""Accuracy on parts of a split: small and large faces, blurred, dark and turned ones, in thirds."""

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np

from engine.items import Floats, Image
from trainer.labels import Bools
from trainer.metrics import rounded, wilson

THIRDS = {
    "size": ("small", "medium", "large"),
    "sharpness": ("blurred", "medium", "sharp"),
    "brightness": ("dark", "medium", "bright"),
    "pose": ("frontal", "slightly turned", "turned"),
}


def properties(images: Image, landmarks: Floats, found: Bools) -> dict[str, Floats]:
    """What each of `images` uint8 `(N, S, S)` gray looks like; float64 `(N,)` by name of `THIRDS`.

    `landmarks` float32 `(N, 5, 2)` (eyes, nose, mouth corners) are in pixels of the whole picture and count
    where `found`. `size` is the distance of the eyes there, in pixels of the stored picture. `pose` stands
    for the yaw: how far the nose lies beside the middle of the eyes, along the line through them, in
    distances of the eyes; 0 is frontal. Both are NaN without landmarks. `sharpness` is the variance of the
    Laplacian (Pech-Pacheco et al. 2000, "Diatom autofocusing in brightfield microscopy"), `brightness` the
    mean gray value 0..255.
    """
    points = np.where(found[:, None, None], landmarks, np.nan).astype(np.float64)
    between = points[:, 1] - points[:, 0]
    apart = np.hypot(between[:, 0], between[:, 1])
    beside = points[:, 2] - (points[:, 0] + points[:, 1]) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        yaw = np.abs((beside * between).sum(1)) / apart**2
    return {
        "size": apart,
        "sharpness": np.array([cv2.Laplacian(image, cv2.CV_64F).var() for image in images]),
        "brightness": np.array([image.mean() for image in images]),
        "pose": yaw,
    }


def slices(values: Mapping[str, Floats], right: Bools) -> dict[str, list[dict[str, Any]]]:
    """For each property its thirds, from low to high, with their bounds, images and accuracy.

    `right` says which images were classified correctly. Images without a value are a slice of their own,
    `no landmarks`. A property that is the same for all images has one slice, `all`.
    """
    return {name: _thirds(name, values[name], right) for name in THIRDS}


def _thirds(name: str, values: Floats, right: Bools) -> list[dict[str, Any]]:
    known = np.isfinite(values)
    table = []
    if known.any():
        edges = np.quantile(values[known], [1 / 3, 2 / 3])
        places = np.searchsorted(edges, values)
        parts = [(title, known & (places == place)) for place, title in enumerate(THIRDS[name])]
        if values[known].min() == values[known].max():
            parts = [("all", known)]
        table = [_slice(title, values, inside, right) for title, inside in parts if inside.any()]
    if not known.all():
        table.append({"name": "no landmarks", "low": None, "high": None, **_counted(right[~known])})
    return table


def _slice(title: str, values: Floats, inside: Bools, right: Bools) -> dict[str, Any]:
    low, high = rounded(values[inside].min()), rounded(values[inside].max())
    return {"name": title, "low": low, "high": high, **_counted(right[inside])}


def _counted(right: Bools) -> dict[str, Any]:
    hits, images = int(right.sum()), len(right)
    return {"images": images, "accuracy": rounded(hits / images), "accuracy_interval": wilson(hits, images)}
