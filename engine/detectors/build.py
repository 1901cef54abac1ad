"""From the configuration to an open detector."""

from collections.abc import Callable

from engine.detectors.base import Detector
from engine.detectors.haar import Haar
from engine.detectors.retinaface import RetinaFace
from engine.detectors.scrfd import Scrfd
from engine.errors import DeviceError, ModelError
from engine.modelcard import Model, find_model
from engine.sessions import OnnxSession, open_session
from engine.stages.detect import DetectConfig

Build = Callable[[OnnxSession, Model, DetectConfig], Detector]


def _retinaface(session: OnnxSession, model: Model, config: DetectConfig) -> Detector:
    return RetinaFace(session, model.card, config.size, config.min_score)


def _scrfd(session: OnnxSession, model: Model, config: DetectConfig) -> Detector:
    return Scrfd(session, model.card, config.size, config.min_score)


LAYOUTS: dict[str, Build] = {
    "retinaface": _retinaface,
    "scrfd": _scrfd,
}


def build_detector(config: DetectConfig) -> tuple[Detector, Model | None, str]:
    """The detector that `config` names, its model (None for `haar`, which needs none) and its device.

    Raises:
        DeviceError: it does not run on the device asked for.
        ModelError: the model is missing, altered, no face detector, or of an unknown layout.
    """
    if config.model == Haar.name:
        return _haar(config), None, "cpu"
    model = find_model(config.model)
    build = LAYOUTS.get(model.card.layout)
    if model.card.task != "face-detection" or build is None:
        raise ModelError(
            f"stage 'detect': model {model.card.name!r} has task {model.card.task!r} and layout "
            f"{model.card.layout!r}; expected 'face-detection' with one of {', '.join(LAYOUTS)}"
        )
    session = open_session(model, config.device, config.threads or 1)
    return build(session, model, config), model, session.device


def _haar(config: DetectConfig) -> Detector:
    if config.device not in ("auto", "cpu"):
        raise DeviceError(
            f"stage 'detect' asked for {config.device}, but 'haar' runs on the CPU only; "
            "set device: cpu or another model"
        )
    return Haar(config.size, config.min_score)
