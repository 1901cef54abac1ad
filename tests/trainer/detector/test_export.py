"""What is exported is what was trained, and the engine runs it."""

import json
import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.detectors.retinaface import RetinaFace
from engine.errors import ConfigError, ModelError
from engine.modelcard import Model, load_model, sha256_of
from engine.sessions import open_session
from tests.support.networks import retinaface
from tests.trainer.detector.scenery import scenery
from tests.trainer.detector.test_fit import SMALL
from trainer.cli import run as command
from trainer.detector import worth
from trainer.detector.export import (
    DetectorOptions,
    TrainedDetector,
    check_agreement,
    release_detector,
    served,
    write_onnx,
)
from trainer.detector.fit import DetectorFit
from trainer.detector.hints import HintConfig
from trainer.detector.pictures import PictureWriter, open_pictures
from trainer.detector.truth import from_pictures
from trainer.export import convolutions


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `pictures` and a `run` trained on them for a moment."""
    folder = tmp_path_factory.mktemp("export")
    pictures = scenery(folder / "pictures")
    DetectorFit(replace(SMALL, epochs=1), pictures, folder / "run").run()
    return folder


def test_the_engine_finds_what_the_network_says(folder: Path, tmp_path: Path) -> None:
    """A head that says face at one cell only, through the file and the engine's own decoding."""
    trained = TrainedDetector.open(folder / "run")
    for head in trained.net.heads:
        torch.nn.init.zeros_(head.weight)
        torch.nn.init.constant_(head.bias, 0.0)
        torch.nn.init.constant_(head.bias[8:10], -9.0)
    with torch.no_grad():
        trained.net.heads[1].bias[8] = 3.0  # the smaller prior of the middle level: 64 pixels
    write_onnx(served(trained.net, trained.config), tmp_path / "a.onnx")
    release = partial(worth.measure, sets=[from_pictures(folder / "pictures")])
    models, _ = release_detector(
        folder / "run", open_pictures(folder / "pictures"), tmp_path / "b.onnx", lambda _model: 0.0, release
    )
    session = open_session(replace(models[0], path=tmp_path / "a.onnx"), "cpu")
    faces = RetinaFace(session, models[0].card, 320, 0.6).detect([np.zeros((96, 96, 3), np.uint8)])[0]
    assert faces
    assert all(face.score == pytest.approx(1 / (1 + np.exp(-3)), abs=1e-4) for face in faces)
    whole = [face.box for face in faces if min(face.box) > 0 and max(face.box) < 96]
    assert all(box[2] - box[0] == pytest.approx(64, abs=0.1) for box in whole)


def test_a_blend_lies_between_the_run_and_the_file_it_began_from(folder: Path, tmp_path: Path) -> None:
    pictures = open_pictures(folder / "pictures")

    def export(run: Path, name: str, **options: Any) -> Model:
        nothing = {Path(name).stem: {}}
        how = DetectorOptions(**options)
        return release_detector(run, pictures, tmp_path / name, lambda _model: 0.0, lambda _models: nothing, how)[0][0]

    first = export(folder / "run", "first.onnx")
    onward = replace(SMALL, epochs=1, learning_rate=1e-2, init=str(first.path))
    DetectorFit(onward, pictures, tmp_path / "onward").run()
    ends = [export(tmp_path / "onward", f"{share:g}.onnx", blend=first.path, share=share) for share in (0.0, 0.5, 1.0)]
    weights = [[array for pair in convolutions(model.path) for array in pair] for model in (first, *ends)]
    for begun, none, half, whole in zip(*weights, strict=True):
        np.testing.assert_allclose(none, begun, atol=1e-4)
        np.testing.assert_allclose(half, (none + whole) / 2, atol=1e-4)
    assert not all(np.allclose(one, other, atol=1e-3) for one, other in zip(weights[0], weights[3], strict=True))
    assert ends[1].card.data["blended"] == {"sha256": first.card.sha256, "share": 0.5}
    wide = replace(SMALL, epochs=1, pyramid=32)
    DetectorFit(wide, pictures, tmp_path / "wide").run()
    with pytest.raises(ConfigError, match=r"--blend: .* another network"):
        export(tmp_path / "wide", "wide.onnx", blend=first.path)


def test_the_command_writes_a_model_that_loads_with_what_it_is_worth(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "tiny.onnx"
    data = str(folder / "pictures")
    assert command(["detector", "export", str(folder / "run"), "--data", data, "--out", str(out)]) == 0
    card = load_model(out).card
    assert (card.name, card.task, card.layout) == ("tiny", "face-detection", "retinaface")
    assert card.data["sha256"] == open_pictures(folder / "pictures").sha256
    assert card.data["scenes"] == 16
    assert [each.use for each in card.data_rights] == ["trained on"] and card.commercial == "unknown"
    assert set(card.metrics["sets"]["pictures"]) == {"320", "640", "full"}
    assert card.metrics["onnx_against_torch"] < 1e-3
    assert re.search(r"[\d.]+ ms a frame of 640x360\n", capsys.readouterr().out)  # against nobody
    assert json.loads((folder / "run/export.json").read_text())["tiny"]["sha256"] == card.sha256


def test_an_older_export_is_replaced_by_force_only_and_its_int8_goes(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    older = [tmp_path / name for name in ("tiny.onnx", "tiny-int8.onnx", "tiny-int8.json")]
    for path in older:
        path.write_text("older")
    out = str(tmp_path / "tiny.onnx")
    arguments = ["detector", "export", str(folder / "run"), "--data", str(folder / "pictures"), "--out", out]
    assert command(arguments) == 2
    said = capsys.readouterr().err
    assert "there is tiny.onnx, tiny-int8.onnx, tiny-int8.json already; replace it with --force" in said
    assert [path.read_text() for path in older] == ["older"] * 3
    assert command([*arguments, "--force"]) == 0
    assert f"removed {older[1]}: it was made of the older model" in capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny.json", "tiny.onnx"]
    assert load_model(tmp_path / "tiny.onnx").card.name == "tiny"


def test_a_wrong_option_is_told_by_its_own_name(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    arguments = ["detector", "export", str(folder / "run"), "--data", str(folder / "pictures")]
    arguments += ["--out", str(tmp_path / "tiny.onnx")]
    assert command([*arguments, "--test", str(tmp_path / "empty")]) == 2
    assert "--test: " in capsys.readouterr().err
    assert command([*arguments, "--reference", "theirs=nosuch"]) == 2
    assert "model 'nosuch' is not installed" in capsys.readouterr().err


def test_a_run_on_several_folders_says_so_in_its_card(folder: Path, tmp_path: Path) -> None:
    retinaface(tmp_path / "teacher.onnx", context=8)
    (tmp_path / "small.yaml").write_text(
        replace(SMALL, epochs=1, scenes_per_epoch=8, hints=HintConfig(file=str(tmp_path / "teacher.onnx"))).to_yaml()
    )
    facts = {"teachers": [{"name": "somebody", "sha256": "0" * 64}], "sources": [{"source": "deep/photos"}]}
    with PictureWriter(tmp_path / "more", facts) as writer:
        writer.add("a", "a", "train", *[np.full((40, 40, 3), 90, np.uint8)])
    data = ["--data", str(folder / "pictures"), "--data", str(tmp_path / "more")]
    run = str(tmp_path / "run")
    assert command(["detector", "fit", str(tmp_path / "small.yaml"), *data, "--run", run, "--no-tensorboard"]) == 0
    assert command(["detector", "export", run, *data, "--out", str(tmp_path / "tiny.onnx")]) == 0
    told = load_model(tmp_path / "tiny.onnx").card.data
    assert told["pictures"] == len(open_pictures(folder / "pictures").of("train")) + 1
    assert (told["teachers"], told["sources"]) == (facts["teachers"], ["photos"])
    assert told["hints"] == sha256_of(tmp_path / "teacher.onnx")


def test_int8_stands_beside_with_its_own_card(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = str(folder / "pictures")
    out = tmp_path / "tiny.onnx"
    arguments = ["detector", "export", str(folder / "run"), "--data", data, "--out", str(out), "--int8"]
    assert command([*arguments, "--calibration", "8"]) == 0
    assert re.search(r"tiny-int8.onnx: .* ms a frame of 640x360 \([\d.]+ of that of tiny\)\n", capsys.readouterr().out)
    small = load_model(tmp_path / "tiny-int8.onnx")
    assert small.card.name == "tiny-int8"
    assert small.path.stat().st_size < 0.7 * out.stat().st_size
    assert small.card.metrics["quantisation"]["method"]
    RetinaFace(open_session(small, "cpu"), small.card, 320, 0.6).detect([np.zeros((96, 96, 3), np.uint8)])


def test_a_network_that_is_not_the_one_exported_is_refused(folder: Path, tmp_path: Path) -> None:
    trained = TrainedDetector.open(folder / "run")
    write_onnx(served(trained.net, trained.config), tmp_path / "a.onnx")
    with torch.no_grad():
        trained.net.heads[0].bias += 0.1
    models, _ = release_detector(
        folder / "run",
        open_pictures(folder / "pictures"),
        tmp_path / "b.onnx",
        lambda _model: 0.0,
        lambda drafts: {draft.card.name: {} for draft in drafts},
    )
    session = open_session(replace(models[0], path=tmp_path / "a.onnx"), "cpu")
    with pytest.raises(ModelError, match="ONNX and PyTorch differ"):
        check_agreement(trained.net, trained.config, session)


@pytest.mark.parametrize(
    ("run", "out", "said"),
    [("nothing", "a.onnx", "holds no trained detector"), ("run", "a.bin", "must end in .onnx")],
)
def test_what_cannot_be_exported_is_refused_in_one_line(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], run: str, out: str, said: str
) -> None:
    arguments = ["detector", "export", str(folder / run), "--data", str(folder / "pictures")]
    assert command([*arguments, "--out", str(tmp_path / out)]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_damaged_run_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "best.pt").write_bytes(b"no tensors")
    (tmp_path / "config.yaml").write_text((folder / "run/config.yaml").read_text())
    with pytest.raises(ConfigError, match="cannot be read"):
        TrainedDetector.open(tmp_path)
