"""`moodline-train detector fit` as a user types it."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine.errors import ConfigError
from tests.trainer.detector.scenery import scenery
from tests.trainer.detector.test_fit import SMALL
from trainer.cli import run
from trainer.detector.config import load_config, parse_config

RECIPES = Path(__file__).parents[3] / "configs" / "trainer"


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    scenery(tmp_path / "pictures", count=6)
    text = SMALL.to_yaml().replace("epochs: 3", "epochs: 2").replace("scenes_per_epoch: 16", "scenes_per_epoch: 8")
    (tmp_path / "small.yaml").write_text(text)
    return [
        "detector",
        "fit",
        str(tmp_path / "small.yaml"),
        "--data",
        str(tmp_path / "pictures"),
        "--run",
        str(tmp_path / "run"),
    ]


def test_a_run_is_trained_and_never_written_over(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 0
    assert "2 epochs, best" in capsys.readouterr().out
    assert {"best.pt", "last.pt", "config.yaml", "manifest.json", "history.jsonl", "cost.json", "tensorboard"} <= {
        path.name for path in (tmp_path / "run").iterdir()
    }
    assert run(arguments) == 2
    assert "holds a run with 2 of 2 epochs done; go on with --resume" in capsys.readouterr().err
    assert run([*arguments, "--resume"]) == 0


def test_resume_needs_a_run(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*arguments, "--resume"]) == 2
    assert "holds no run to go on with" in capsys.readouterr().err


def test_data_of_another_kind_is_refused_with_the_way_out(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "faces").mkdir()
    assert run([*arguments[:4], str(tmp_path / "faces"), *arguments[5:]]) == 2
    assert "make one: moodline-train detector label" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("within", ["", "sub"])
def test_a_file_where_the_run_should_be_is_told_at_once(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], within: str
) -> None:
    (tmp_path / "run").write_text("in the way")
    assert run([*arguments[:-1], str(tmp_path / "run" / within)]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.endswith(f"'{tmp_path / 'run'}' is a file; name a folder\n")


@pytest.mark.slow
def test_without_a_terminal_each_epoch_is_a_line_and_ctrl_c_says_how_to_go_on(
    arguments: list[str], tmp_path: Path
) -> None:
    recipe = Path(arguments[2])
    recipe.write_text(recipe.read_text().replace("epochs: 2\n", "epochs: 4000\n", 1))
    # A shell's job in the background, as a test run may be, ignores SIGINT, and so would its children.
    heeding = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    code = f"{heeding}; from trainer.entry import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments, "--no-tensorboard"], stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    first = next(line for line in process.stderr if line.startswith("epoch "))
    assert re.fullmatch(r"epoch 1/4000: loss [\d.]+, validation [\d.]+, \d+ s\n", first)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=200)
    assert process.returncode == 130
    (kept,) = re.findall(r"(\d+) of 4000 epochs kept; go on with --resume", said)
    assert int(kept) >= 1 and "Traceback" not in said


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"name": "x", "epochz": 3}, "small.yaml: epochz: unknown key; did you mean 'epochs'?"),
        ({"name": "x", "scenes": {"singel": 0.5}}, "small.yaml: scenes.singel: unknown key; did you mean 'single'?"),
        ({"name": "x", "scenes": 3}, "small.yaml: scenes: expected keys and values, got 3"),
        ({}, "small.yaml: name: is missing"),
    ],
)
def test_a_mistake_in_a_recipe_is_told_with_the_nearest_key(raw: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(raw, "small.yaml")
    assert caught.value.problems == (message,)


def test_the_recipe_of_the_shipped_detector_reads() -> None:
    for path in RECIPES.glob("retinaface*.yaml"):
        assert load_config(path).coarse in ("full", "separable"), path
    assert Path(load_config(RECIPES / "retinaface-own.yaml").init).name == "retinaface-mnet025.onnx"
    config = load_config(RECIPES / "retinaface.yaml")
    assert config.name == "retinaface-mnet025"
    assert config.input.colour == "BGR"
