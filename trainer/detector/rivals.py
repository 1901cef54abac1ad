"""The detectors that meet in a contest, each opened once and looked through at any size."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from engine.detectors.base import Detector, sound_detections
from engine.detectors.build import LAYOUTS
from engine.detectors.haar import Haar, cascade_path
from engine.detectors.scrfd import OUTPUTS as SCRFD_OUTPUTS
from engine.errors import ConfigError, ModelError
from engine.items import Detection, Image
from engine.modelcard import Model, ModelCard, card_path, find_model, sha256_of
from engine.pixels import InputSpec, fit
from engine.sessions import OnnxSession, open_session
from engine.stages.detect import DetectConfig
from trainer.detector.named import check_installed
from trainer.detector.views import Canvas

YUNET = "yunet"
_TRIED = 64
"""Side of the first picture that OpenCV sees."""
_RETINAFACE_WIDTHS = {2, 4, 10}
_INPUTS = {
    # As the public networks of these layouts expect it.
    "retinaface": InputSpec(None, None, "BGR", 1.0, (104.0, 117.0, 123.0), (1.0, 1.0, 1.0)),
    "scrfd": InputSpec(None, None, "RGB", 1.0, (127.5, 127.5, 127.5), (128.0, 128.0, 128.0)),
    YUNET: InputSpec(None, None, "BGR", 1.0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
}
LIKE = {
    "retinaface": "retinaface",
    "retinaface-mnet025": "retinaface",
    "retinaface-resnet50": "retinaface",
    "scrfd": "scrfd",
}
"""What `--like` may say of a file without a card, and the layout that is."""

Build = Callable[[int, float], Detector]


@dataclass(frozen=True, slots=True, eq=False)
class Rival:
    """A detector by name. `build(size, min_score)` looks at pictures whose long side is at most `size`.

    `session` runs its network alone; None where there is none. `side` is the only size of input it takes, if so.
    """

    name: str
    about: dict[str, Any]
    build: Build
    session: OnnxSession | None = None
    side: int | None = None


def open_rival(text: str, like: str | None = None) -> Rival:
    """`haar`, `yunet:FILE`, an installed model's name, or an `.onnx` file with a card or without; each may have a
    name of its own before it: `ours=runs/x/model.onnx`. `like` is the layout of files without a card.

    Raises:
        ConfigError: there is no such file, or no such model is installed.
        ModelError: the model is altered, or no face detector that is known here.
    """
    name, equals, rest = text.partition("=")
    rival = _opened(rest if equals else text, like)
    return replace(rival, name=name) if equals and name else rival


def _opened(text: str, like: str | None) -> Rival:
    if text == Haar.name:
        about = {"file": cascade_path().name, "sha256": sha256_of(cascade_path()), "version": Haar.version()}
        return Rival(Haar.name, {**about, "layout": Haar.name}, lambda size, score: Haar(size, score))
    kind, colon, rest = text.partition(":")
    if colon and kind == YUNET:
        return _yunet(_existing(rest))
    if not text.endswith(".onnx"):
        check_installed(text)
        return _network(find_model(text))
    path = _existing(text)
    return _network(find_model(text) if card_path(path).is_file() else _without_card(path, like))


def _existing(text: str) -> Path:
    path = Path(text).expanduser()
    if not path.is_file():
        raise ConfigError(f"model {text!r} does not exist; name an ONNX file, an installed model, haar or yunet:FILE")
    return path


def _network(model: Model) -> Rival:
    card = model.card
    if card.task != "face-detection" or card.layout not in LAYOUTS:
        raise ModelError(f"model {card.name!r} has task {card.task!r} and layout {card.layout!r}: no face detector")
    session = open_session(model, "cpu", 1)
    side = _side(session)

    def build(size: int, min_score: float) -> Detector:
        # insightface would enlarge small pictures to a fixed input; a canvas shows them as large as they are.
        own = side if side is not None and card.layout == "scrfd" else size
        config = DetectConfig(model=card.name, size=own, min_score=min_score, device="cpu")
        detector = LAYOUTS[card.layout](session, card, config)
        return detector if own == size and side is None else Canvas(detector, own, size)

    about = {**_about(model), "version": card.version, "licence": card.licence, "input": asdict(card.input)}
    return Rival(card.name, about, build, session, side)


def _side(session: OnnxSession) -> int | None:
    """The longest side of a network that takes one size only."""
    fixed = [side for side in session.input_shape[2:] if side is not None]
    return max(fixed) if fixed else None


def _about(model: Model) -> dict[str, Any]:
    return {
        "file": model.path.name,
        "sha256": model.card.sha256,
        "bytes": model.path.stat().st_size,
        "layout": model.card.layout,
    }


def _without_card(path: Path, like: str | None) -> Model:
    """The model of a bare file, with a card for this run only."""
    layout = LIKE[like] if like else _guess(path)
    return _model(path, layout)


def _model(path: Path, layout: str) -> Model:
    card = ModelCard(path.stem, "0", "face-detection", sha256_of(path), _INPUTS[layout], layout, "unknown")
    return Model(path, card)


def _guess(path: Path) -> str:
    """The layout that a network's outputs look like."""
    try:
        outputs = open_session(_model(path, "retinaface"), "cpu", 1).output_shapes
    except ModelError as error:
        raise ModelError(f"{path}: is no face detector known here ({error}); name another file") from error
    if len(outputs) == len(_RETINAFACE_WIDTHS) and {shape[-1] for shape in outputs} <= {*_RETINAFACE_WIDTHS, None}:
        return "retinaface"
    if len(outputs) in SCRFD_OUTPUTS:
        return "scrfd"
    raise ModelError(f"{path}: its {len(outputs)} outputs are of no layout known here; say --like {' or '.join(LIKE)}")


class YuNet:
    """OpenCV's `FaceDetectorYN` (Wu et al., "YuNet: A Tiny Millisecond-level Face Detector", 2023): a rival only.

    One thread at a time. `path` is OpenCV Zoo's ONNX file.
    """

    name = YUNET
    has_landmarks = True

    def __init__(self, path: Path, size: int, min_score: float) -> None:
        """Raises `ModelError` when OpenCV cannot read the file."""
        self._size = size
        try:
            self._native = cv2.FaceDetectorYN.create(str(path), "", (_TRIED, _TRIED), min_score, 0.3, 5000)
            # Any network opens; only YuNet has the outputs that OpenCV asks for.
            self._native.detect(np.zeros((_TRIED, _TRIED, 3), np.uint8))
        except cv2.error as error:
            raise ModelError(f"{path}: OpenCV cannot open it as YuNet ({error.err}); name its ONNX file") from error

    def detect(self, images: Sequence[Image]) -> list[tuple[Detection, ...]]:
        return [self._detect(image) for image in images]

    def _detect(self, image: Image) -> tuple[Detection, ...]:
        height, width = image.shape[:2]
        shrink = min(self._size / max(height, width), 1.0)
        small = fit(image, max(round(width * shrink), 1), max(round(height * shrink), 1))
        self._native.setInputSize((small.shape[1], small.shape[0]))
        _, rows = self._native.detect(small)
        if rows is None:
            return ()
        scale = np.array([width / small.shape[1], height / small.shape[0]], np.float32)
        boxes = np.hstack([rows[:, :2] * scale, (rows[:, :2] + rows[:, 2:4]) * scale])
        points = rows[:, 4:14].reshape(-1, 5, 2) * scale
        order = np.argsort(-rows[:, 14], kind="stable")
        return sound_detections(boxes[order], rows[order, 14], points[order], (width, height))


def _yunet(path: Path) -> Rival:
    model = _model(path, YUNET)
    session = open_session(model, "cpu", 1)
    # OpenCV gives the network any size; only ONNX Runtime holds to the file's.
    about = {**_about(model), "input": asdict(model.card.input)}
    return Rival(YUNET, about, lambda size, score: YuNet(path, size, score), session)
