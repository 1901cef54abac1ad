"""Whether the name of a detector, as a user typed it, means one that is installed."""

from pathlib import Path

from engine.detectors.haar import Haar
from engine.errors import ConfigError, ModelError
from engine.modelcard import find_model, search_path


def check_installed(name: str) -> None:
    """Whether it can be used is another question.

    Raises:
        ConfigError: nothing of that name is installed; it names the nearest, or says what lies at that path.
    """
    if any((folder / f"{name}.onnx").is_file() for folder in search_path()):
        return
    path = Path(name).expanduser()
    if path.exists():
        what = "a folder" if path.is_dir() else "no .onnx file"
        raise ConfigError(f"model {name!r} is {what}; name an ONNX file, or an installed model")
    try:
        find_model(name, "face-detection", [Haar.name])
    except ModelError as error:
        raise ConfigError(str(error)) from error
