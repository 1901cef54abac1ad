"""The command where only the engine is installed."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("package", "command"), [("torch", "fit"), ("tqdm", "prepare"), ("onnx", "export"), ("optuna", "tune")]
)
def test_what_is_missing_is_one_line_and_exit_code_two(package, command):
    program = f"import sys; sys.modules[{package!r}] = None; from trainer.entry import main; main()"
    call = [sys.executable, "-c", program, command, "--help"]
    done = subprocess.run(call, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr == (
        f"moodline-train: {package} is not installed; training needs more than the engine: "
        "make setup-dev, or pip install 'moodline[train]'\n"
    )
