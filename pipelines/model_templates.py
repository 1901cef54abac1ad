"""What kinds of networks the engine can run: the card of each, for weights that come without one."""

from collections.abc import Callable
from dataclasses import replace

from engine.modelcard import SHIPPED, ModelCard, load_model
from engine.pixels import InputSpec

_UNHASHED = "0" * 64
_CAFFE = InputSpec(None, None, "BGR", 1.0, (104.0, 117.0, 123.0), (1.0, 1.0, 1.0))
_INSIGHTFACE = InputSpec(None, None, "RGB", 1.0, (127.5, 127.5, 127.5), (128.0, 128.0, 128.0))
_BYTES = InputSpec(None, None, "BGR", 1.0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
_SHIPPED_EMOTION = "emotion-fer"


def _detector(name: str, layout: str, spec: InputSpec, licence: str) -> Callable[[], ModelCard]:
    card = ModelCard(name, "1", "face-detection", _UNHASHED, spec, layout, licence)
    return lambda: card


def _like_shipped() -> ModelCard:
    """The shipped classifier's card without what is true of its own weights only."""
    card = load_model(SHIPPED / f"{_SHIPPED_EMOTION}.onnx").card
    return replace(
        card, version="1", temperature=1.0, licence="not stated", metrics={}, data={}, limits=(), data_rights=()
    )


TEMPLATES: dict[str, Callable[[], ModelCard]] = {
    "retinaface": _detector("retinaface", "retinaface", _CAFFE, "not stated"),
    "retinaface-mnet025": _detector("retinaface-mnet025", "retinaface", _CAFFE, "not stated"),
    "retinaface-resnet50": _detector("retinaface-resnet50", "retinaface", _CAFFE, "not stated"),
    "scrfd": _detector("scrfd", "scrfd", _INSIGHTFACE, "non-commercial research, as all insightface packs"),
    _SHIPPED_EMOTION: _like_shipped,
}
"""By the name that `--like` takes. Their hash is still to be filled in."""

FILES_ONLY: dict[str, Callable[[], ModelCard]] = {
    "yunet": _detector("yunet", "yunet", _BYTES, "not stated"),
}
"""Networks that the trainer uses as teachers and the engine cannot run: pulled as files, never tried."""
