"""The entry point of `moodline`: says what is missing or overwritten where the program cannot even be imported."""

import json
import sys
from collections.abc import Sequence
from importlib import import_module
from itertools import pairwise

from pipelines import installation

FAILED = 1


def main() -> None:
    """Run the command. Exit code 1 when a library is missing, or another package has overwritten moodline's files."""
    try:
        import_module("pipelines.cli").main()
    except ImportError as error:
        if "--debug" in sys.argv:
            raise
        for line in missing(error):
            text = f"moodline: {line}"
            sys.stderr.write((json.dumps({"event": text, "level": "error"}) if wants_json(sys.argv) else text) + "\n")
        sys.exit(FAILED)


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether `--log-format json` is among the arguments, before anything has looked at them."""
    return "--log-format=json" in arguments or ("--log-format", "json") in pairwise(arguments)


def missing(error: ImportError) -> list[str]:
    """What an import that failed means for whoever started the program, one line each."""
    name = (error.name or "").partition(".")[0]
    if name in installation.OURS or not name:
        found = [*installation.intruders(), *installation.strays()]
        altered = installation.overwritten(installation.NAME, installation.OURS)
        found += [f"{altered}; install moodline again"] if altered else []
        return found or [f"{error}; install moodline again"]
    if name == "onnxruntime":
        return ["onnxruntime is not installed; pip install 'moodline[cpu]', or 'moodline[gpu]' on a CUDA machine"]
    if name == "cv2":
        return [f"OpenCV cannot be imported ({error}); pip install 'opencv-python-headless>=4.12,<5'"]
    if isinstance(error, ModuleNotFoundError):
        return [f"{name} is not installed; install moodline again, with all it needs"]
    return [f"{name} cannot be imported ({error}); install it again"]
