"""What prepared sets say of their terms, and what a card says of several of them."""

import json

import pytest

from engine.datarights import DataSource
from engine.errors import ConfigError
from trainer.detector import rights as detector
from trainer.rights import Origin, data_rights, origins_of, read_stated, sources_text
from trainer.sources import fer2013

OWN = Origin("own photos", "signed releases", commercial="cleared")
FER = fer2013.origin(with_votes=True)


def test_a_card_names_every_set_that_was_learned_from():
    found = data_rights([FER, OWN])
    assert [(each.name, each.use, each.commercial) for each in found] == [
        ("FER2013", "trained on", "not cleared"),
        ("FER+ votes", "trained on", "cleared"),
        ("own photos", "trained on", "cleared"),
    ]
    assert "no licence" in found[0].terms and found[1].terms == "MIT"


def test_what_was_only_measured_on_is_named_as_that():
    found = data_rights([OWN], [OWN, FER])
    assert [(each.name, each.use) for each in found] == [
        ("own photos", "trained on"),
        ("FER2013", "measured on"),
        ("FER+ votes", "measured on"),
    ]


def test_what_is_stated_comes_last_and_wins():
    better = DataSource("own photos", "trained on", "CC BY 4.0", "cleared")
    teacher = DataSource("a net", "distilled from", "MIT", "unknown")
    assert data_rights([OWN], stated=[better, teacher]) == (better, teacher)


@pytest.mark.parametrize("origin", [OWN, FER, Origin("", ""), Origin("x", " ")])
def test_an_origin_survives_a_manifest(origin):
    assert Origin.from_json(json.loads(json.dumps(origin.to_json()))) == origin
    assert origin.rights("trained on")[0].name and origin.rights("trained on")[0].terms


def test_a_manifest_of_before_says_nothing_of_commercial_use():
    facts = {"origin": {"name": "FER2013", "licence": "Kaggle challenge terms", "url": ""}}
    assert origins_of(facts) == [Origin("FER2013", "Kaggle challenge terms")]
    assert data_rights(origins_of(facts))[0].commercial == "unknown"


def test_the_parts_of_joined_data_are_all_named():
    facts = {"parts": [{"origin": OWN.to_json()}, {"origin": FER.to_json()}]}
    assert origins_of(facts) == [OWN, FER]
    assert origins_of({}) == []


@pytest.mark.parametrize("raw", [5, {"name": "x"}, {"name": "x", "licence": "y", "commercial": "maybe"}])
def test_a_damaged_origin_is_one_line(raw):
    with pytest.raises(ConfigError, match="names no usable origin") as caught:
        origins_of({"origin": raw})
    assert "\n" not in str(caught.value)


def test_sources_are_one_line_for_people():
    assert sources_text(data_rights([OWN, Origin("x", "CC0", "https://a.example")])) == (
        "own photos: signed releases; x: CC0 (https://a.example)"
    )


@pytest.mark.parametrize(
    "content, message",
    [
        (b"[", "is not valid JSON"),
        (b"\xff", "is not UTF-8 text"),
        (b"{}", "must be a list of sources"),
        (b'[{"name": "x", "use": "trained on"}]', r"data_rights\[0\]: terms is missing"),
    ],
)
def test_a_wrong_file_of_sources_is_one_line(tmp_path, content, message):
    (tmp_path / "rights.json").write_bytes(content)
    with pytest.raises(ConfigError, match=message) as caught:
        read_stated(tmp_path / "rights.json")
    assert "\n" not in str(caught.value) and "rights.json" in str(caught.value)


def test_a_missing_file_of_sources_is_one_line(tmp_path):
    with pytest.raises(ConfigError, match=r"--data-rights .*: cannot be read \(No such file"):
        read_stated(tmp_path / "nothing.json")
    assert read_stated(None) == ()


def test_a_detector_names_pictures_and_teachers():
    part = {
        "sources": [{"source": "photos/"}, {"source": "party.mp4"}],
        "teachers": [{"name": "net", "sha256": "0", "licence": "MIT", "commercial": "not cleared"}],
        **detector.stated_terms("my own", "cleared"),
    }
    found = detector.data_rights({"parts": [part, detector.WIDER, {}]}, ["crowd"])
    assert [(each.name, each.use, each.terms, each.commercial) for each in found] == [
        ("photos, party.mp4", "trained on", "my own", "cleared"),
        ("net", "distilled from", "MIT", "not cleared"),
        ("WIDER FACE", "trained on", detector.WIDER["rights"][0]["terms"], "not cleared"),
        ("pictures without a name", "trained on", "not stated", "unknown"),
        ("crowd", "measured on", "not stated", "unknown"),
    ]


def test_damaged_words_of_a_picture_folder_are_one_line():
    with pytest.raises(ConfigError, match="says no usable terms"):
        detector.data_rights({"commercial": "perhaps"})
