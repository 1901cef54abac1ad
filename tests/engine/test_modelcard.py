"""Model cards: what they say, and that a model is only taken with a card that fits it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from engine.datarights import DataSource
from engine.errors import ModelError
from engine.modelcard import SHIPPED, ModelCard, card_path, find_model, installed, load_model, search_path, user_folder
from tests.support import networks


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = networks.classifier(tmp_path / "mood.onnx")
    networks.with_card(path, networks.emotion_card(path))
    return path


def changed(path: Path, **changes: object) -> None:
    card = json.loads(card_path(path).read_text())
    for key, value in changes.items():
        if value is None:
            del card[key]
        else:
            card[key] = value
    card_path(path).write_text(json.dumps(card))


def test_a_card_survives_being_written_and_read(model: Path):
    card = load_model(model).card
    assert ModelCard.from_json(card.to_json()) == card
    detector = networks.detector_card(model)
    assert ModelCard.from_json(detector.to_json()) == detector


def test_a_card_says_on_whose_data_its_model_was_made(model: Path):
    assert load_model(model).card.commercial == "unknown"
    changed(model, data_rights=[{"name": "photos", "use": "trained on", "terms": "mine", "commercial": "cleared"}])
    card = load_model(model).card
    assert card.data_rights == (DataSource("photos", "trained on", "mine", "cleared"),)
    assert card.commercial == "cleared" and ModelCard.from_json(card.to_json()) == card


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.onnx")), ids=lambda path: path.stem)
def test_every_shipped_card_says_whose_data_it_is(path: Path):
    """FER2013 has no licence, so nothing that learned from it is cleared."""
    card = load_model(path).card
    learned = {source.name: source for source in card.data_rights if source.use == "trained on"}
    fer2013 = next(source for name, source in learned.items() if "FER2013" in name)
    assert fer2013.commercial == card.commercial == "not cleared" and "no licence" in fer2013.terms
    if card.task == "face-detection":
        assert {source.use for source in card.data_rights} == {"trained on", "distilled from", "measured on"}
        assert any("ImageNet" in name for name in learned)


def test_a_flipped_bit_is_noticed(model: Path):
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.write_bytes(content)
    with pytest.raises(ModelError, match=r"mood.onnx' is not the file its card describes: sha256"):
        load_model(model)


def test_a_model_without_a_card_is_refused_with_the_way_out(model: Path):
    card_path(model).unlink()
    with pytest.raises(ModelError, match=r"has no card \(mood.json\).*moodline models add"):
        load_model(model)


def test_a_missing_file_is_refused(tmp_path: Path):
    with pytest.raises(ModelError, match="does not exist"):
        load_model(tmp_path / "nothing.onnx")


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"sha256": "0" * 64}, "is not the file its card describes"),
        ({"sha256": "abc"}, "64 hexadecimal digits"),
        ({"sha256": 5}, "sha256"),
        ({"labels": ["happy"]}, "at least two different labels"),
        ({"labels": ["happy", "happy"]}, "at least two different labels"),
        ({"labels": "happy"}, "labels must be a list of names"),
        ({"labels": [1, 2]}, "labels must be a list of names"),
        ({"limits": "none"}, "limits must be a list of sentences"),
        ({"limits": [1]}, "limits must be a list of sentences"),
        ({"data_rights": "FER2013"}, "data_rights must be a list of sources"),
        ({"data_rights": [{"name": "x", "use": "trained on"}]}, r"data_rights\[0\]: terms is missing"),
        ({"task": "cooking"}, "task must be"),
        ({"temperature": 0}, "temperature must be positive"),
        ({"temperature": "warm"}, "temperature"),
        ({"licence": None}, "licence"),
        ({"input": None}, "key 'input' is missing"),
        ({"input": []}, "input must be an object"),
        ({"lables": []}, "unknown key 'lables', did you mean 'labels'"),
        ({"input": {"width": 8}}, "key 'mean' is missing"),
        (
            {"input": {"width": 8, "height": 8, "colour": "GRAY", "scale": 1, "mean": [0], "std": [0]}},
            "std must be positive",
        ),
        ({"input": {"mean": [0], "std": [1], "size": 3}}, "size"),
        ({"input": {"width": "8", "height": 8, "colour": "GRAY", "scale": 1, "mean": [0], "std": [1]}}, "width"),
    ],
)
def test_a_wrong_card_is_refused_in_one_line(model: Path, changes: dict[str, object], message: str):
    changed(model, **changes)
    with pytest.raises(ModelError, match=message) as caught:
        load_model(model)
    assert "\n" not in str(caught.value)
    assert "mood" in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"card"', "\x00"])
def test_a_card_that_is_no_json_object_is_refused(model: Path, text: str):
    card_path(model).write_text(text)
    with pytest.raises(ModelError, match=r"mood.json': not"):
        load_model(model)


def test_a_file_that_cannot_be_read_is_told_in_one_line(model: Path):
    model.unlink()
    model.symlink_to("/proc/self/mem")  # a regular file whose first byte nobody can read, not even root
    with pytest.raises(ModelError, match=r"mood.onnx' cannot be read: Input/output error"):
        load_model(model)


def test_a_card_in_another_encoding_is_refused(model: Path):
    card_path(model).write_bytes(b'{"name": "\xff\xfe"}')
    with pytest.raises(ModelError, match=r"mood.json"):
        load_model(model)


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Two folders named by `MOODLINE_MODELS`, and an empty user's folder."""
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
    monkeypatch.setenv("MOODLINE_MODELS", f"{first}:{second}:")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return first, second


def test_the_nearest_folder_wins(folders: tuple[Path, Path]):
    for folder in reversed(folders):
        path = networks.classifier(folder / "mood.onnx")
        networks.with_card(path, replace(networks.emotion_card(path), version=folder.name))
    assert find_model("mood").card.version == "first"
    assert [path.parent.name for path in installed() if path.stem == "mood"] == ["first", "second"]


def test_the_search_path_is_the_variable_then_the_user_then_the_package(folders: tuple[Path, Path]):
    assert search_path()[:3] == (*folders, user_folder())
    assert search_path()[3].parts[-2:] == ("engine", "models")


def test_a_path_is_taken_as_it_is(folders: tuple[Path, Path], model: Path):
    assert find_model(str(model)).path == model


def test_an_unknown_name_gets_the_nearest(folders: tuple[Path, Path]):
    networks.classifier(folders[0] / "mood.onnx")
    with pytest.raises(ModelError, match=r"'moot' is not installed; did you mean 'mood'.*moodline models add"):
        find_model("moot")


def test_an_unknown_name_like_no_other_gets_all(folders: tuple[Path, Path]):
    networks.classifier(folders[0] / "mood.onnx")
    with pytest.raises(ModelError, match=r"'xyzxyz' is not installed; there is .*mood"):
        find_model("xyzxyz")


def test_a_missing_detector_is_not_told_to_be_an_emotion_model():
    with pytest.raises(ModelError) as caught:
        find_model("retina", "face-detection", ["haar"])
    assert "there is haar" in str(caught.value)
    assert "emotion-fer" not in str(caught.value)
