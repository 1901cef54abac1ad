"""`moodline-train detector fit` as a user types it."""

from pathlib import Path

import pytest

from tests.trainer.detector.scenery import scenery
from tests.trainer.detector.test_fit import SMALL
from trainer.cli import run
from trainer.detector.config import load_config

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


def test_the_recipe_of_the_shipped_detector_reads() -> None:
    config = load_config(RECIPES / "retinaface.yaml")
    assert config.name == "retinaface-mnet025"
    assert config.input.colour == "BGR"
