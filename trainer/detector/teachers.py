"""Teachers: face detectors that look at a picture in many ways, and what each of them saw.

A detector that sees a face only now and then, moved and mirrored, is not sure of it: what it says over
several scales and the mirror image is a better label than one look ("data distillation", Radosavovic et al.,
CVPR 2018).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from engine.datarights import Commercial
from engine.detectors.base import Detector, sound_detections
from engine.detectors.haar import Haar
from engine.errors import ConfigError, ModelError
from engine.items import Detection, Floats, Image
from engine.modelcard import card_path, find_model, load_model, sha256_of
from engine.pixels import fit
from trainer.aligning import open_finder
from trainer.detector.named import check_installed
from trainer.rights import NOT_STATED

YUNET = "yunet:"
_LEAST_SCORE = 0.2
"""What a teacher says with less is not even written down."""
_MIRRORED = [1, 0, 2, 4, 3]
_SMALLEST_VIEW = 32


@dataclass(frozen=True, slots=True)
class Looks:
    """How pictures are looked at: enlarged and shrunk by `scales`, each also mirrored.

    No view has a long side above `largest` pixels: a larger picture is shrunk to it. A picture is not enlarged
    further where a face would then have more than `fills` pixels, since detectors measure such faces badly.
    """

    scales: tuple[float, ...] = (0.5, 1.0, 2.0, 3.0)
    largest: int = 1280
    fills: float = 400.0

    def __post_init__(self) -> None:
        if not self.scales or min(self.scales) <= 0 or self.largest < _SMALLEST_VIEW:
            raise ValueError(f"scales must be positive, and views of {_SMALLEST_VIEW} pixels or more; got {self}")

    def of(self, width: int, height: int) -> tuple[float, ...]:
        """The scales at which a picture of this size is shown, smallest first.

        >>> Looks().of(320, 240), Looks().of(1280, 720), Looks().of(2560, 1440)
        ((0.5, 1.0, 2.0, 3.0), (0.5, 1.0), (0.25, 0.5))
        """
        fits = self.largest / max(width, height)
        # A large picture is shrunk by as much as it takes, and the other scales with it.
        wanted = {scale * min(fits, 1.0) for scale in self.scales}
        shown = {scale for scale in wanted if scale <= fits and scale * min(width, height) >= _SMALLEST_VIEW}
        return tuple(sorted(shown)) or (min(fits, 1.0),)


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What one teacher saw in one view of a picture, in pixels of the picture itself."""

    scale: float
    mirrored: bool
    found: tuple[Detection, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Teacher:
    """A detector that labels pictures. `sha256` is that of its file, the terms are those of its card."""

    name: str
    sha256: str
    detector: Detector
    licence: str = NOT_STATED
    commercial: Commercial = "unknown"

    def looks_at(self, image: Image, looks: Looks) -> tuple[View, ...]:
        """What it sees in `image` (uint8 BGR `(H, W, 3)`) and its mirror image at each scale."""
        views: list[View] = []
        for scale in looks.of(image.shape[1], image.shape[0]):
            sides = [max(face.box[2] - face.box[0], face.box[3] - face.box[1]) for view in views for face in view.found]
            if scale > 1 and max(sides, default=0) * scale > looks.fills:
                break
            views += (_seen(self.detector, image, scale, mirrored) for mirrored in (False, True))
        return tuple(views)


def _seen(detector: Detector, image: Image, scale: float, mirrored: bool) -> View:
    height, width = image.shape[:2]
    shown = fit(image, max(round(width * scale), 1), max(round(height * scale), 1))
    if mirrored:
        shown = np.ascontiguousarray(shown[:, ::-1])
    # The sides are whole pixels, so the two directions may differ a little from `scale`.
    factor = np.array([width / shown.shape[1], height / shown.shape[0]], np.float32)
    found = detector.detect([shown])[0]
    return View(scale, mirrored, tuple(_mapped(face, factor, width if mirrored else None) for face in found))


def _mapped(face: Detection, factor: Floats, width: int | None) -> Detection:
    """`face` of a view as one of the picture; `width` is that of the picture where the view was its mirror image."""
    corners = np.array(face.box, np.float32).reshape(2, 2) * factor
    points = None if face.landmarks is None else face.landmarks * factor
    if width is not None:
        corners = np.stack([width - corners[::-1, 0], corners[:, 1]], axis=1)
        points = None if points is None else _mirrored(points, width)
    (x1, y1), (x2, y2) = corners.tolist()
    return Detection((x1, y1, x2, y2), face.score, points)


def _mirrored(points: Floats, width: int) -> Floats:
    """Landmarks `(5, 2)` in the mirror image: what was on the left is on the right."""
    turned = points[_MIRRORED].copy()
    turned[:, 0] = width - turned[:, 0]
    return turned


class YuNet:
    """YuNet (Wu, Peng and Yu, "YuNet: A Tiny Millisecond-level Face Detector", 2023) as OpenCV runs it. One thread."""

    has_landmarks = True

    def __init__(self, path: Path, min_score: float = _LEAST_SCORE, max_iou: float = 0.3) -> None:
        """Raises ModelError: the file is no YuNet network."""
        self.name = path.stem
        try:
            self._native = cv2.FaceDetectorYN.create(str(path), "", (64, 64), min_score, max_iou, 5000)
            self._native.detect(np.full((64, 64, 3), 127, np.uint8))
        except cv2.error as error:
            raise ModelError(f"{path}: OpenCV does not open it as YuNet ({error.err or error.msg})") from error

    def detect(self, images: Sequence[Image]) -> list[tuple[Detection, ...]]:
        return [self._faces(image) for image in images]

    def _faces(self, image: Image) -> tuple[Detection, ...]:
        size = (image.shape[1], image.shape[0])
        self._native.setInputSize(size)
        _, rows = self._native.detect(image)
        if rows is None:
            return ()
        boxes = np.concatenate([rows[:, :2], rows[:, :2] + rows[:, 2:4]], axis=1)
        return sound_detections(boxes, rows[:, 14], rows[:, 4:14].reshape(-1, 5, 2), size)


def open_teacher(text: str, looks: Looks, threads: int = 1) -> Teacher:
    """The teacher that `text` names: `yunet:FILE.onnx`, a RetinaFace file, or an installed model.

    Raises:
        ConfigError: there is no such file, or no such model is installed.
        ModelError: it is no face detector that gives landmarks.
    """
    name = text.removeprefix(YUNET)
    if (name.endswith(".onnx") or text != name) and not Path(name).is_file():
        raise ConfigError(f"--teacher: {name!r} does not exist; name an ONNX file, as in yunet:FILE.onnx or FILE.onnx")
    if text != name:
        return Teacher(Path(name).stem, sha256_of(Path(name)), YuNet(Path(name)))
    if not name.endswith(".onnx") and name != Haar.name:
        check_installed(name)
    detector = open_finder(name, _LEAST_SCORE, threads, looks.largest)
    if not detector.has_landmarks:
        raise ConfigError(f"--teacher: {name!r} gives no landmarks; take RetinaFace or YuNet")
    path = Path(name) if name.endswith(".onnx") else find_model(name).path
    if not card_path(path).is_file():
        return Teacher(path.stem, sha256_of(path), detector)
    card = load_model(path).card
    return Teacher(path.stem, card.sha256, detector, card.licence, card.commercial)
