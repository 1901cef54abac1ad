"""Putting files and cards in place: what somebody wrote into the card of before stays."""

from dataclasses import replace
from pathlib import Path

from engine.modelcard import Model, card_path, load_model
from tests.support.networks import classifier, emotion_card
from trainer.card import publish


def draft(folder: Path, **changes: object) -> Model:
    folder.mkdir()
    path = classifier(folder / "mood.onnx")
    return Model(path, replace(emotion_card(path), **changes))  # type: ignore[arg-type]


def test_limits_of_the_card_that_stands_there_are_kept(tmp_path: Path) -> None:
    place = tmp_path / "models"
    place.mkdir()
    publish([draft(tmp_path / "first", version="1")], place)
    assert load_model(place / "mood.onnx").card.limits == ()
    written = replace(load_model(place / "mood.onnx").card, limits=("It has not seen hats.",))
    card_path(place / "mood.onnx").write_text(written.to_json(), encoding="utf-8")
    publish([draft(tmp_path / "second", version="2")], place)
    card = load_model(place / "mood.onnx").card
    assert (card.version, card.limits) == ("2", ("It has not seen hats.",))
    publish([draft(tmp_path / "third", limits=("It has seen one hat.",))], place)
    assert load_model(place / "mood.onnx").card.limits == ("It has seen one hat.",)


def test_a_card_that_cannot_be_read_is_replaced(tmp_path: Path) -> None:
    place = tmp_path / "models"
    place.mkdir()
    (place / "mood.json").write_text("{", encoding="utf-8")
    publish([draft(tmp_path / "first")], place)
    assert load_model(place / "mood.onnx").card.limits == ()
