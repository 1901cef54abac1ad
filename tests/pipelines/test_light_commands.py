"""Short commands wait for no library that they do not use; what each imports is the measure, not the time it takes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = {
    "alembic", "av", "fastapi", "insightface", "norfair", "onnxruntime", "prometheus_client", "pyarrow", "redis",
    "scipy", "sqlalchemy", "structlog", "uvicorn",
}  # fmt: skip
"""Each takes a tenth of a second or more of CPU."""
LOOK = """
import json, sys
from pipelines.cli import root
try:
    root.main(sys.argv[1:], prog_name="moodline", standalone_mode=False)
finally:
    print(json.dumps(sorted({name.split(".")[0] for name in sys.modules})), file=sys.stderr)
"""
NOT_EVEN_SETTINGS = {"numpy", "cv2", "pydantic", "yaml"}


def imported(*arguments: str) -> set[str]:
    """The top-level modules that a command has imported at its end."""
    done = subprocess.run(
        [sys.executable, "-c", LOOK, *arguments],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=120,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nowhere", "DOOR_RTSP": "rtsp://camera/live"},
    )  # fmt: skip
    assert done.stdout
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "configs/demo.yaml"),
        ("check", "configs/rtsp.yaml"),
        ("check", "--schema"),
        ("models", "list"),
        ("models", "list", "--available"),
        ("models", "pull", "--help"),
        ("models", "add", "--help"),
        ("run", "--help"),
        ("demo", "--help"),
        ("analyze", "--help"),
        ("check", "--help"),
        ("history", "--help"),
        ("history", "export", "--help"),
    ],
    ids=" ".join,
)
def test_a_short_command_imports_nothing_heavy(arguments: tuple[str, ...]) -> None:
    assert imported(*arguments) & HEAVY == set()


@pytest.mark.parametrize("arguments", [("--help",), ("models", "--help"), ("--version",)], ids=" ".join)
def test_the_lists_of_commands_import_next_to_nothing(arguments: tuple[str, ...]) -> None:
    assert imported(*arguments) & (HEAVY | NOT_EVEN_SETTINGS) == set()


def test_a_command_that_opens_a_model_imports_what_it_takes() -> None:
    """So that the tests above are not true of a list of misspelt names."""
    assert "onnxruntime" in imported("models", "verify", "emotion-fer")
    everything = imported_by("pipelines.service")
    assert everything >= HEAVY - {"insightface", "pyarrow", "norfair", "scipy", "structlog", "redis"}


def imported_by(module: str) -> set[str]:
    code = f"import sys, json, {module}; print(json.dumps(sorted({{name.split('.')[0] for name in sys.modules}})))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )
    return set(json.loads(done.stdout))
