"""`moodline models list | verify | add`."""

import re
import resource
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner

from engine.datarights import DataSource
from engine.errors import ConfigError, ModelError, MoodlineError
from engine.modelcard import SHIPPED, card_path, find_model, load_model, user_folder
from engine.pixels import to_tensor
from engine.sessions import open_session
from engine.stages.classify import EmotionClassifier
from pipelines.models_cli import models
from tests.support import networks
from tests.support.pulling import files, run


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder of models, empty."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("MOODLINE_MODELS", raising=False)
    return user_folder()


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A RetinaFace network without a card."""
    return networks.retinaface(tmp_path / "download (1).onnx")


def test_an_outside_model_gets_a_card_and_is_found_by_its_kinds_name(outside: Path, folder: Path):
    result = run("add", outside, "--like", "retinaface-mnet025", "--licence", "MIT")
    assert result.exit_code == 0
    assert "model: retinaface-mnet025" in result.output
    model = find_model("retinaface-mnet025")
    assert model.path == folder / "retinaface-mnet025.onnx"
    assert model.path.read_bytes() == outside.read_bytes()
    assert (model.card.layout, model.card.licence, model.card.input) == ("retinaface", "MIT", networks.CAFFE)
    assert sorted(files(folder)) == ["retinaface-mnet025.json", "retinaface-mnet025.onnx"]
    assert outside.exists() and not card_path(outside).exists()


def test_a_name_can_be_given(outside: Path):
    run("add", outside, "--like", "retinaface-resnet50", "--name", "big_one")
    assert find_model("big_one").card.name == "big_one"


def test_the_sizes_that_a_network_fixes_go_into_its_card(tmp_path: Path):
    fixed = networks.retinaface(tmp_path / "fixed.onnx", shape=(1, 96, 160))
    run("add", fixed, "--like", "retinaface-mnet025")
    spec = find_model("retinaface-mnet025").card.input
    assert (spec.width, spec.height) == (160, 96)


def test_adding_again_takes_the_place_of_the_older_one(tmp_path: Path, outside: Path):
    run("add", outside, "--like", "retinaface-mnet025")
    newer = networks.retinaface(tmp_path / "newer.onnx", seed=5)
    run("add", newer, "--like", "retinaface-mnet025")
    assert find_model("retinaface-mnet025").path.read_bytes() == newer.read_bytes()


def test_a_model_can_be_added_from_the_very_place_it_belongs_to(folder: Path):
    folder.mkdir(parents=True)
    networks.retinaface(folder / "mine.onnx")
    run("add", folder / "mine.onnx", "--like", "retinaface-mnet025", "--name", "mine")
    assert find_model("mine").card.layout == "retinaface"


@pytest.mark.parametrize(
    "make, like, message",
    [
        (lambda path: path.write_bytes(b"no network") and path, "scrfd", "cannot be opened"),
        (lambda path: networks.classifier(path), "retinaface-mnet025", "input channels 3, the network has 1"),
        (lambda path: networks.retinaface(path, priors=3), "retinaface-mnet025", "priors for input"),
        (lambda path: networks.retinaface(path, softmax=False), "retinaface-mnet025", "no probabilities"),
        (lambda path: networks.retinaface(path), "scrfd", "has 3 outputs; layout 'scrfd'"),
        (lambda path: networks.retinaface(path), "emotion-fer", "input channels"),
        (lambda path: networks.classifier(path, side=96), "emotion-fer", "input height"),
        (lambda path: networks.classifier(path, labels=5, side=64), "emotion-fer", "labels, the network has 5"),
    ],
)
def test_a_network_that_does_not_fit_is_refused_and_the_older_one_stays(
    outside: Path, folder: Path, tmp_path: Path, make, like, message
):
    run("add", outside, "--like", "retinaface-mnet025", "--name", "mine")
    before = files(folder)
    wrong = make(tmp_path / "wrong.onnx")
    with pytest.raises(ModelError, match=message) as caught:
        run("add", wrong, "--like", like, "--name", "mine")
    assert "\n" not in str(caught.value)
    assert files(folder) == before


def test_a_disk_that_fills_up_leaves_the_older_one(outside: Path, folder: Path, tmp_path: Path):
    run("add", outside, "--like", "retinaface-mnet025")
    before = files(folder)
    newer = networks.retinaface(tmp_path / "newer.onnx", seed=5)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(ModelError, match="cannot be added to"):
            run("add", newer, "--like", "retinaface-mnet025")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert files(folder) == before


def test_a_folder_that_cannot_be_made_is_one_line(outside: Path, folder: Path):
    folder.parent.parent.mkdir(parents=True)
    folder.parent.write_text("a file where the folder should be")
    with pytest.raises(ModelError, match=r"cannot be added to .*: "):
        run("add", outside, "--like", "retinaface-mnet025")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--like", "yolo"),
        (),
        ("--like", "scrfd", "--name", "../evil"),
        ("--like", "scrfd", "--name", "haar"),
        ("--like", "scrfd", "--name", "a b"),
    ],
)
def test_wrong_arguments_are_a_usage_error(outside: Path, folder: Path, arguments):
    assert run("add", outside, *arguments).exit_code == 2
    assert files(folder) == {}


def test_a_missing_file_is_a_usage_error(tmp_path: Path):
    assert run("add", tmp_path / "nothing.onnx", "--like", "scrfd").exit_code == 2


def test_a_classifier_gets_the_shipped_ones_labels_but_not_its_figures(tmp_path: Path):
    shipped = load_model(SHIPPED / "emotion-fer.onnx").card
    side = shipped.input.width
    assert side is not None
    path = networks.classifier(tmp_path / "mood.onnx", labels=len(shipped.labels), side=side)
    result = run("add", path, "--like", "emotion-fer")
    assert "instead of the shipped one" in result.output
    card = find_model("emotion-fer").card
    assert (card.labels, card.input, card.alignment) == (shipped.labels, shipped.input, shipped.alignment)
    assert (card.metrics, card.temperature, card.licence) == ({}, 1.0, "not stated")
    assert (card.data_rights, card.commercial) == ((), "unknown")


def test_the_list_shows_each_name_once_and_what_is_unusable(outside: Path, folder: Path):
    run("add", outside, "--like", "retinaface-mnet025", "--licence", "MIT")
    networks.classifier(folder / "cardless.onnx")
    lines = run("list").output.splitlines()
    assert lines[0].split() == ["NAME", "TASK", "VERSION", "SHA256", "LICENCE", "DATA", "PATH"]
    rows = {line.split()[0]: line for line in lines[1:]}
    assert rows.keys() >= {"haar", "emotion-fer", "retinaface-mnet025", "cardless"}
    assert len(rows) == len(lines) - 1
    assert load_model(folder / "retinaface-mnet025.onnx").card.sha256[:12] in rows["retinaface-mnet025"]
    assert "not cleared for commercial use" in rows["emotion-fer"]
    assert "  unknown  " in rows["retinaface-mnet025"] and "  unknown  " in rows["haar"]
    assert "unusable" in rows["cardless"] and "has no card" in rows["cardless"]


def test_verify_opens_every_model(outside: Path):
    run("add", outside, "--like", "retinaface-mnet025")
    result = run("verify")
    assert result.exit_code == 0
    assert {line.split()[1].rstrip(":") for line in result.output.splitlines()} >= {
        "haar",
        "retinaface-mnet025",
        "emotion-fer",
    }
    assert "data not cleared for commercial use" in next(
        line for line in result.output.splitlines() if "emotion-fer:" in line
    )
    assert all(line.startswith("ok") for line in result.output.splitlines())


def test_verify_notices_a_flipped_bit_and_goes_on(outside: Path, folder: Path):
    run("add", outside, "--like", "retinaface-mnet025", "--name", "mine")
    path = folder / "mine.onnx"
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    result = CliRunner().invoke(models, ["verify", "mine", "haar", "nothing"])
    assert isinstance(result.exception, MoodlineError) and not isinstance(result.exception, click.ClickException)
    assert str(result.exception) == "2 of 3 models failed: mine, nothing"
    assert [line.split()[0] for line in result.output.splitlines()] == ["FAILED", "ok", "FAILED"]


def own(path: Path, side: int = 12, labels: int = 3, softmax: bool = False, channels: int = 3) -> Path:
    """A classifier with an input of its own."""
    return networks.classifier(path, labels, side, channels=channels, softmax=softmax)


DESCRIBED = (
    "--like", "emotion-fer", "--name", "mine", "--input", "12", "--colour", "RGB", "--mean", "0.485,0.456,0.406",
    "--std", "0.229,0.224,0.225", "--labels", "calm, glad,sad",
)  # fmt: skip


def test_a_classifier_with_another_input_is_described(tmp_path: Path):
    result = run("add", own(tmp_path / "net.onnx"), *DESCRIBED, "--licence", "MIT")
    assert "data unknown" in result.output
    card = find_model("mine").card
    assert card.labels == ("calm", "glad", "sad") and (card.layout, card.licence) == ("logits", "MIT")
    spec = card.input
    assert (spec.width, spec.height, spec.colour, spec.scale) == (12, 12, "RGB", 1 / 255)
    assert (spec.mean, spec.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def test_means_of_pixels_up_to_255_are_taken_as_they_are(tmp_path: Path):
    run("add", own(tmp_path / "net.onnx"), *DESCRIBED, "--mean", "127.5", "--std", "128")
    assert (find_model("mine").card.input.scale, find_model("mine").card.input.mean) == (1.0, (127.5,) * 3)
    run("add", own(tmp_path / "net.onnx"), *DESCRIBED, "--mean", "0", "--std", "1", "--scale", "1")
    assert find_model("mine").card.input.scale == 1.0


def test_a_network_that_gives_probabilities_says_so(tmp_path: Path):
    path = own(tmp_path / "net.onnx", softmax=True)
    with pytest.raises(ModelError, match=r"gives probabilities, not logits as its card says: --output probabilities"):
        run("add", path, *DESCRIBED)
    run("add", path, *DESCRIBED, "--output", "probabilities")
    model = find_model("mine")
    assert model.card.layout == "probabilities"
    session = open_session(model, "cpu")
    face = np.random.default_rng(1).integers(0, 256, (40, 40, 3), np.uint8)
    (scores,) = EmotionClassifier(session, model.card, 1).predict([face])
    np.testing.assert_allclose(scores.values, session.run(to_tensor([face], model.card.input))[0][0], atol=1e-6)
    with pytest.raises(ModelError, match=r"gives logits, not probabilities as its card says: --output logits"):
        run("add", own(tmp_path / "other.onnx"), *DESCRIBED, "--output", "probabilities")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: own(path), "input channels 1, the network has 3"),
        (lambda path: own(path, side=112, channels=1, labels=8), "input height 64, the network has 112"),
        (lambda path: own(path, side=64, channels=1, labels=5), "the card has 8 labels, the network has 5 outputs"),
    ],
)
def test_a_network_that_does_not_fit_is_told_which_card_and_how_to_describe_it(tmp_path: Path, make, said: str):
    with pytest.raises(ModelError, match=said) as caught:
        run("add", make(tmp_path / "net.onnx"), "--like", "emotion-fer", "--name", "mine")
    assert "the card is that of --like emotion-fer (64x64 GRAY, 8 labels, logits)" in str(caught.value)
    assert "--input --colour --mean --std --labels --output" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--input", "12x"), "--input '12x': expected a side like 112"),
        (("--input", "0"), "--input '0': expected a side"),
        (("--mean", "1,2"), "--mean '1,2': expected one number, or 3"),
        (("--mean", "a"), "--mean 'a': expected a number like 0.5 or 1/255"),
        (("--std", "0"), "std must be positive"),
        (("--std", "nan"), "must be finite"),
        (("--scale", "1/0"), "--scale '1/0': expected a number"),
        (("--scale", "-1"), "must be positive"),
        (("--labels", "a,a,b"), "at least two different labels"),
        (("--labels", "a"), "at least two different labels"),
        (("--trained-on", "photos"), "expected 'NAME: TERMS'"),
        (("--commercial", "cleared"), "--commercial: say of what data"),
    ],
)
def test_a_wrong_description_is_one_line(tmp_path: Path, folder: Path, options: tuple[str, ...], message: str):
    with pytest.raises(ConfigError, match=re.escape(message)) as caught:
        run("add", own(tmp_path / "net.onnx"), *DESCRIBED, *options)
    assert "\n" not in str(caught.value) and files(folder) == {}


def test_a_description_must_suit_its_kind(tmp_path: Path, outside: Path):
    with pytest.raises(ConfigError, match="--labels and --output are for emotion models"):
        run("add", outside, "--like", "retinaface", "--labels", "a,b")
    with pytest.raises(ConfigError, match="--colour RGB: say --mean and --std too; those of the kind are for GRAY"):
        run("add", own(tmp_path / "net.onnx"), "--like", "emotion-fer", "--colour", "RGB")
    with pytest.raises(ConfigError, match="--colour RGB: say --mean and --std too; those of the kind are for BGR"):
        run("add", outside, "--like", "retinaface", "--colour", "RGB")


def test_data_rights_can_be_stated(tmp_path: Path, outside: Path):
    options = ("--trained-on", "WIDER FACE: research only", "--trained-on", "own: mine", "--commercial", "not-cleared")
    assert "data not cleared for commercial use" in run("add", outside, "--like", "retinaface", *options).output
    card = find_model("retinaface").card
    assert card.data_rights == (
        DataSource("WIDER FACE", "trained on", "research only", "not cleared"),
        DataSource("own", "trained on", "mine", "not cleared"),
    )
