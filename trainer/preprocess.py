"""From FER2013's loose crops to the two kinds of chip that the engine serves, kept in one packed file.

Where a detector gives landmarks the engine warps the face to five fixed points; where it gives only a
box the chip is that box. A model trained on both kinds is good on both.
"""

import hashlib
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from engine import pixels
from engine.errors import ConfigError
from engine.items import Floats, Image
from engine.modelcard import Model, ModelCard, sha256_of
from engine.pixels import InputSpec
from engine.sessions import open_session
from trainer import data
from trainer.data import LABELS, SIZE, SPLITS, Bools, Faces

logger = logging.getLogger(__name__)

# The template of ArcFace (Deng et al. 2019; insightface `arcface_dst`), in a 112x112 image.
CHIP = 112
TEMPLATE: Floats = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]],
    np.float32,
)
# Chosen on 512 images drawn from all splits: 98.8 % of the faces found, against 95.9 % at 128 pixels.
_ENLARGED, _MARGIN, _BATCH = 192, 32, 32
_ANCHORS = ((8, (16, 32)), (16, (64, 128)), (32, (256, 512)))
_VARIANCE = 0.1

Landmarker = Callable[[Image], tuple[Floats, Floats]]
"""Gray images `(N, 48, 48)` to landmarks `(N, 5, 2)` in their pixels and scores `(N,)`."""


@dataclass(frozen=True, slots=True, eq=False)
class Packed:
    """The data set ready for training. `whole` and `aligned` are uint8 `(N, 48, 48)`; where `found` is
    False no face was found and `aligned` holds the whole crop."""

    faces: Faces
    aligned: Image
    found: Bools

    @property
    def whole(self) -> Image:
        return self.faces.images


def similarity(points: Floats, template: Floats = TEMPLATE) -> Floats:
    """The 2x3 matrix of rotation, scale and shift that brings `points` `(5, 2)` closest to `template`.

    Least squares without reflection (Umeyama 1991), written with complex numbers: one factor turns
    and scales the centred points.
    """
    source = points[:, 0] + 1j * points[:, 1]
    target = template[:, 0] + 1j * template[:, 1]
    centred = source - source.mean()
    factor = np.vdot(centred, target - target.mean()) / max(float(np.vdot(centred, centred).real), 1e-9)
    shift = target.mean() - factor * source.mean()
    return np.array([[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]], np.float32)


def align(image: Image, points: Floats, size: int = SIZE) -> Image:
    """The face of gray `image` warped to the template at 112 pixels, then shrunk as in serving."""
    chip: Image = cv2.warpAffine(
        image, similarity(points), (CHIP, CHIP), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return pixels.fit(chip, size, size)


def retinaface(network: Path, threads: int = 2) -> Landmarker:
    """The landmarks of the best face by a classic RetinaFace network (outputs loc, conf, landms).

    Raises:
        ConfigError: the file is missing.
        ModelError: it is not such a network.
    """
    if not network.is_file():
        raise ConfigError(f"landmarks: {str(network)!r} does not exist; name a RetinaFace ONNX file")
    spec = InputSpec(None, None, "BGR", 1.0, (104.0, 117.0, 123.0), (1.0, 1.0, 1.0))
    card = ModelCard("landmarks", "0", "face-detection", sha256_of(network), spec, "retinaface", "MIT")
    session = open_session(Model(network, card), "cpu", threads)
    anchors = _anchors(_ENLARGED + 2 * _MARGIN)

    def find(images: Image) -> tuple[Floats, Floats]:
        _, confidence, landmarks = session.run(pixels.to_tensor([_enlarge(image) for image in images], spec))
        best = confidence[:, :, 1].argmax(1)
        rows = np.arange(len(images))
        offsets = landmarks[rows, best].reshape(-1, 5, 2) * _VARIANCE
        points = offsets * anchors[best, None, 2:] + anchors[best, None, :2]
        return ((points - _MARGIN) * (SIZE / _ENLARGED)).astype(np.float32), confidence[rows, best, 1]

    return find


def _enlarge(image: Image) -> Image:
    larger = cv2.resize(image, (_ENLARGED, _ENLARGED), interpolation=cv2.INTER_CUBIC)
    padded: Image = cv2.copyMakeBorder(larger, _MARGIN, _MARGIN, _MARGIN, _MARGIN, cv2.BORDER_REPLICATE)
    return padded


def _anchors(size: int) -> Floats:
    """RetinaFace's prior boxes for a square input as `(A, 4)`: centre x, y, width, height in pixels."""
    boxes = [
        ((column + 0.5) * stride, (row + 0.5) * stride, side, side)
        for stride, sides in _ANCHORS
        for row in range(-(-size // stride))
        for column in range(-(-size // stride))
        for side in sides
    ]
    return np.array(boxes, np.float32)


def pack(
    faces: Faces, find: Landmarker, threshold: float = 0.8, progress: Callable[[int], Any] = lambda _: None
) -> Packed:
    """Align every face whose landmarks score at least `threshold`; `progress` gets counts of images done."""
    aligned, found = faces.images.copy(), np.zeros(len(faces.images), np.bool_)
    for start in range(0, len(aligned), _BATCH):
        batch = faces.images[start : start + _BATCH]
        points, scores = find(batch)
        for row, (image, face, score) in enumerate(zip(batch, points, scores, strict=True)):
            if score >= threshold:
                aligned[start + row] = align(image, face)
                found[start + row] = True
        progress(len(batch))
    logger.info("aligned %d of %d faces", int(found.sum()), len(found))
    return Packed(faces, aligned, found)


def manifest(packed: Packed) -> dict[str, Any]:
    """Counts per split and class, the share aligned, and a SHA-256 over the arrays."""
    faces = packed.faces
    digest = hashlib.sha256()
    for array in (faces.images, packed.aligned, faces.votes, faces.split):
        digest.update(np.ascontiguousarray(array).tobytes())
    labels = data.majority(faces.votes)
    _, usable = data.distributions(faces.votes)
    return {
        "sha256": digest.hexdigest(),
        "images": len(faces.images),
        "aligned": round(float(packed.found.mean()), 4),
        "blank": int(data.blank(faces.images).sum()),
        "splits": {
            split: {
                "images": int((faces.split == number).sum()),
                "usable": int(((faces.split == number) & usable).sum()),
                "majority": {
                    label: int(((faces.split == number) & (labels == index)).sum())
                    for index, label in enumerate(LABELS)
                },
            }
            for number, split in enumerate(SPLITS)
        },
    }


def save(packed: Packed, path: Path) -> None:
    """Write `path` (.npz) and the manifest beside it (.json)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    faces = packed.faces
    with path.open("wb") as file:
        np.savez(
            file,
            whole=faces.images,
            aligned=packed.aligned,
            found=packed.found,
            votes=faces.votes,
            split=faces.split,
        )
    path.with_suffix(".json").write_text(json.dumps(manifest(packed), indent=2) + "\n", encoding="utf-8")


def open_packed(path: Path) -> Packed:
    """What `save` wrote.

    Raises:
        ConfigError: when the file is missing or is no such archive.
    """
    if not path.is_file():
        raise ConfigError(f"data: {str(path)!r} does not exist; write it with: moodline-train prepare")
    arrays = data.read_arrays(path, ("whole", "aligned", "found", "votes", "split"))
    try:
        return Packed(Faces(arrays["whole"], arrays["votes"], arrays["split"]), arrays["aligned"], arrays["found"])
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from error
