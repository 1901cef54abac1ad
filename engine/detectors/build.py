"""From the configuration to an open detector."""

from collections.abc import Callable

from engine.detectors.base import TunableDetector, warm_up
from engine.detectors.haar import Haar, cascade_path
from engine.detectors.retinaface import RetinaFace
from engine.detectors.scrfd import Scrfd
from engine.errors import DeviceError, ModelError
from engine.modelcard import ModelCard, find_model, report_path, sha256_of
from engine.sessions import OnnxSession, open_session
from engine.stages.detect import DetectConfig
from engine.status import ModelSnapshot

Build = Callable[[OnnxSession, ModelCard, DetectConfig], TunableDetector]


def _retinaface(session: OnnxSession, card: ModelCard, config: DetectConfig) -> TunableDetector:
    return RetinaFace(session, card, config.size, config.min_score)


def _scrfd(session: OnnxSession, card: ModelCard, config: DetectConfig) -> TunableDetector:
    return Scrfd(session, card, config.size, config.min_score)


LAYOUTS: dict[str, Build] = {
    "retinaface": _retinaface,
    "scrfd": _scrfd,
}


def build_detector(config: DetectConfig, threads: int = 1) -> tuple[TunableDetector, ModelSnapshot]:
    """The detector that `config` names, and what the status tells about it.

    `threads` bounds one call's parallelism on the CPU, unless the configuration gives a number.

    Raises:
        DeviceError: it does not run on the device asked for.
        ModelError: the model is missing, altered, no face detector, of an unknown layout, or gives something else.
    """
    if config.model == Haar.name:
        return _haar(config)
    model = find_model(config.model, "face-detection", [Haar.name])
    card = model.card
    build = LAYOUTS.get(card.layout)
    if card.task != "face-detection" or build is None:
        raise ModelError(
            f"stage 'detect': model {card.name!r} has task {card.task!r} and layout {card.layout!r}; "
            f"expected 'face-detection' with layout {' or '.join(map(repr, LAYOUTS))}"
        )
    session = open_session(model, config.device, config.threads or threads)
    snapshot = ModelSnapshot(
        "detect", card.name, card.version, card.sha256, session.device, card, report_path(model.path)
    )
    detector = build(session, card, config)
    # Most cameras' shape; that of another camera is warmed up with its first picture.
    warm_up(detector, [(config.size, config.size * 9 // 16)])
    return detector, snapshot


def _haar(config: DetectConfig) -> tuple[TunableDetector, ModelSnapshot]:
    if config.device not in ("auto", "cpu"):
        raise DeviceError(
            f"stage 'detect' asked for {config.device}, but 'haar' runs on the CPU only; "
            "set device: cpu or another model"
        )
    detector = Haar(config.size, config.min_score)
    snapshot = ModelSnapshot("detect", Haar.name, Haar.version(), sha256_of(cascade_path()), "cpu")
    return detector, snapshot
