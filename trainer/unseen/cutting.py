"""Faces cut out of labelled pictures exactly as the engine cuts them while serving, in colour."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2

from engine.detectors.base import Detector
from engine.detectors.build import build_detector
from engine.items import Detection, Image
from engine.stages.chip import ChipConfig, cut
from engine.stages.detect import DetectConfig
from trainer.aligning import Pick, chip_in_margin, chosen, whole_crop

SIZE = ChipConfig().size
Way = Literal["found", "in a margin", "whole picture"]
WAYS: tuple[Way, ...] = ("found", "in a margin", "whole picture")
"""How a face was cut: found as the engine would; found after a margin was added, since the crop is so tight; not
found, so that the whole picture is taken."""


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """One face: uint8 BGR `(112, 112, 3)`, and how it was cut."""

    chip: Image
    way: Way


def serving_detector(threads: int = 1) -> Detector:
    """The detector of an engine that runs on its defaults, on the CPU, where its results do not vary.

    Raises:
        ModelError: it cannot be loaded.
    """
    return build_detector(DetectConfig(device="cpu"), threads)[0]


class Cutter:
    """Cuts one face out of each picture with `detector`. Not safe for several threads unless the detector is."""

    def __init__(self, detector: Detector, pick: Pick = "largest") -> None:
        self._detector = detector
        self._pick = pick

    def cut(self, images: Sequence[Image]) -> list[Cut]:
        """A face for each of `images`, uint8 BGR `(H, W, 3)` or gray `(H, W)`; of several the one picked."""
        colour = [image if image.ndim == 3 else cv2.cvtColor(image, cv2.COLOR_GRAY2BGR) for image in images]
        found = self._detector.detect(colour)
        return [self._one(image, chosen(faces, self._pick)) for image, faces in zip(colour, found, strict=True)]

    def _one(self, image: Image, face: Detection | None) -> Cut:
        if face is not None:
            return Cut(cut(image, face, SIZE), "found")
        chip = chip_in_margin(image, self._detector)
        return Cut(whole_crop(image, SIZE), "whole picture") if chip is None else Cut(chip, "in a margin")
