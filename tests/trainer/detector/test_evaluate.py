"""The command `detector evaluate`, from arguments to tables and JSON."""

import json
import os
import shutil

import cv2
import pytest
from click.testing import CliRunner

from tests.support import networks
from tests.trainer.photos import astronaut
from trainer.cli import run
from trainer.commands.detector_evaluate import evaluate


@pytest.fixture
def photos(tmp_path):
    """A real face, labelled; a picture without one; and a label without area."""
    folder = tmp_path / "photos"
    folder.mkdir()
    cv2.imwrite(str(folder / "a.png"), astronaut()[:300])
    cv2.imwrite(str(folder / "b.png"), astronaut()[380:])
    (folder / "gt.txt").write_text("a.png 174 66 272 164\na.png 9 9 9 20\n")
    return folder


def ran(*arguments):
    return CliRunner().invoke(evaluate, [str(each) for each in arguments], catch_exceptions=False)


def test_haar_finds_the_face_and_the_numbers_are_told_and_written(photos, tmp_path):
    written = tmp_path / "all.json"
    network = networks.retinaface(tmp_path / "noise.onnx")
    answer = ran(
        "haar", f"noise={network}", "--data", photos, "--sizes", "320,full", "--reference", "haar", "--rounds", 20,
        "--no-times", "--json", written,
    )  # fmt: skip
    assert answer.exit_code == 0
    assert "photos: 2 pictures, 1 face, split all, IoU 0.3" in answer.output
    assert "photos: over haar (95 % over pictures)" in answer.output
    assert "warning: photos: 1 label left out\n" in answer.stderr
    facts = json.loads(written.read_text())
    assert {(row["model"], row["size"]) for row in facts["rows"]} == {
        (name, size) for name in ("haar", "noise") for size in ("320", "full")
    }
    assert next(row for row in facts["rows"] if row["model"] == "haar" and row["size"] == "full")["ap"] == 1
    assert [model["name"] for model in facts["models"]] == ["haar", "noise"]
    assert all(len(model["sha256"]) == 64 for model in facts["models"])
    assert facts["sets"][0]["sha256"] and facts["sets"][0]["split"] == "all"
    assert facts["command"].startswith("moodline-train detector evaluate haar noise=")
    assert [row["reference"] for row in facts["against"]] == ["haar", "haar"]


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("nosuch", "model 'nosuch' is not installed"),
        ("retinaface-mnet052", "did you mean 'retinaface-mnet025'?"),
        ("{photos}/a.png", "a.png' is no .onnx file; name an ONNX file, or an installed model"),
        ("{photos}", "photos' is a folder; name an ONNX file"),
    ],
)
def test_a_model_that_is_none_is_a_wrong_argument(photos, capsys, model, message):
    assert run(["detector", "evaluate", model.format(photos=photos), "--data", str(photos)]) == 2
    said = capsys.readouterr().err
    assert message in said and len(said.splitlines()) == 1


def test_the_same_command_gives_the_same_numbers(photos, tmp_path):
    kept = []
    for name in ("one.json", "two.json"):
        arguments = ["--sizes", "320", "--reference", "haar", "--rounds", 20, "--no-times", "--json", tmp_path / name]
        ran("haar", "again=haar", "--data", photos, *arguments)
        facts = json.loads((tmp_path / name).read_text())
        kept.append([{key: value for key, value in row.items() if not key.startswith("ms")} for row in facts["rows"]])
        kept.append(facts["against"])
    assert kept[:2] == kept[2:]


def test_times_and_markdown(photos):
    answer = ran("haar", "--data", photos, "--sizes", "320", "--markdown", "--reference", "haar")
    assert "| model | frame | detect ms |" in answer.output
    assert "| haar | 640x360 |" in answer.output and "| haar | 320x180 |" in answer.output


def test_a_picture_cut_short_is_named_or_left_out(photos, capsys):
    whole = (photos / "b.png").read_bytes()
    (photos / "b.png").write_bytes(whole[: len(whole) // 2])
    assert run(["detector", "evaluate", "haar", "--data", str(photos), "--no-times"]) == 2
    assert (
        "b.png: is empty or cut short; repair or remove it, or go on without: --skip-unreadable"
        in capsys.readouterr().err
    )
    answer = ran("haar", "--data", photos, "--no-times", "--skip-unreadable")
    assert "photos: 1 picture, 1 face" in answer.output
    assert "warning: photos: 1 photo not readable\n" in answer.stderr


def test_several_sets_have_a_table_each_and_one_together(photos, tmp_path):
    shutil.copytree(photos, tmp_path / "more")
    (tmp_path / "more" / "b.png").write_bytes(b"")
    answer = ran("haar", "--data", photos, "--data", tmp_path / "more", "--no-times", "--skip-unreadable")
    assert "more: 1 picture, 1 face, split all, IoU 0.3" in answer.output
    assert "all sets: 3 pictures, 2 faces, split several, IoU of each set" in answer.output


def test_sets_of_one_name_are_refused(photos, tmp_path, capsys):
    shutil.copytree(photos, tmp_path / "more" / "photos")
    assert (
        run(["detector", "evaluate", "haar", "--data", str(photos), "--data", str(tmp_path / "more" / "photos")]) == 2
    )
    assert "--data: 2 sets are called 'photos'; rename a folder" in capsys.readouterr().err


# Arguments after the data, and what is said.
WRONG = [
    (["haar", "--sizes", "tall"], "--sizes: expected sides"),
    (["haar", "--reference", "best"], "--reference 'best' is none of the models: haar"),
    (["haar", "haar"], "2 models are called 'haar'; name them: NAME=haar"),
    (["absent.onnx"], "model 'absent.onnx' does not exist"),
    (["yunet:absent.onnx"], "model 'absent.onnx' does not exist"),
    (["haar", "--json", "absent/x.json"], "--json 'absent/x.json': the folder"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_wrong_arguments_are_told_before_anything_is_looked_at(photos, capsys, arguments, message):
    assert run(["detector", "evaluate", *arguments, "--data", str(photos)]) == 2
    assert message in capsys.readouterr().err


def test_labels_that_do_not_parse_end_with_2_and_their_line(photos, capsys):
    (photos / "gt.txt").write_text("a.png 1 2 3\n")
    assert run(["detector", "evaluate", "haar", "--data", str(photos)]) == 2
    assert f"{photos}{os.sep}gt.txt:1: expected name x1 y1 x2 y2, got 'a.png 1 2 3'" in capsys.readouterr().err
