"""Data rights: read strictly, and summed up by the strictest source."""

import pytest

from engine.datarights import DataSource, commercial_use, merged, read_sources, said

GOOD = {"name": "photos", "use": "trained on", "terms": "CC0", "commercial": "cleared", "url": "https://a.example/x"}


def source(commercial="cleared", use="trained on", name="photos"):
    return DataSource(name, use, "CC0", commercial)


def test_a_list_of_sources_is_read():
    (first, second) = read_sources([GOOD, {"name": "net", "use": "distilled from", "terms": "MIT"}])
    assert first == DataSource("photos", "trained on", "CC0", "cleared", "https://a.example/x")
    assert (second.commercial, second.url) == ("unknown", "")


@pytest.mark.parametrize(
    "sources, verdict",
    [
        ([], "unknown"),
        ([source()], "cleared"),
        ([source(), source("unknown")], "unknown"),
        ([source(), source("unknown"), source("not cleared")], "not cleared"),
        ([source(), source("not cleared", "distilled from")], "not cleared"),
        ([source(), source("not cleared", "measured on")], "cleared"),  # weights hold nothing of it
        ([source("cleared", "measured on")], "unknown"),  # nobody said what it was trained on
    ],
)
def test_a_model_is_cleared_for_what_its_strictest_source_allows(sources, verdict):
    assert commercial_use(sources) == verdict


def test_a_verdict_has_words():
    assert [said("cleared"), said("not cleared"), said("unknown")] == [
        "cleared for commercial use",
        "not cleared for commercial use",
        "unknown",
    ]


@pytest.mark.parametrize(
    "raw, message",
    [
        ("FER2013", "data_rights must be a list of sources, got 'FER2013'"),
        ({"name": "x"}, "data_rights must be a list of sources"),
        (None, "data_rights must be a list of sources, got None"),
        (["FER2013"], r"data_rights\[0\] must be an object with name, use and terms, got 'FER2013'"),
        ([GOOD, {**GOOD, "name": ""}], r"data_rights\[1\]: name must be text, got ''"),
        ([{**GOOD, "terms": "  "}], r"data_rights\[0\]: terms must be text"),
        ([{**GOOD, "terms": 5}], r"terms must be text, got 5"),
        ([{"name": "x", "use": "trained on"}], r"data_rights\[0\]: terms is missing"),
        ([{"use": "trained on", "terms": "MIT"}], r"data_rights\[0\]: name is missing"),
        ([{**GOOD, "use": "seen"}], "use must be 'trained on', 'distilled from' or 'measured on', got 'seen'"),
        ([{**GOOD, "use": ["trained on"]}], "use must be 'trained on'"),
        ([{**GOOD, "commercial": "yes"}], "commercial must be 'cleared', 'not cleared' or 'unknown', got 'yes'"),
        ([{**GOOD, "commercial": True}], "commercial must be .*, got True"),
        ([{**GOOD, "licence": "MIT"}], r"data_rights\[0\]: unknown key 'licence'"),
        ([{**GOOD, "term": "MIT"}], "unknown key 'term', did you mean 'terms'"),
        # Pages link to it.
        ([{**GOOD, "url": "javascript:alert(1)"}], "url must begin with https:// or http://"),
        ([{**GOOD, "url": "a.example/x"}], "url must begin with https:// or http://"),
        ([{**GOOD, "url": "https://"}], "name a host"),
        ([{**GOOD, "url": "https://me:secret@a.example"}], "url must begin"),
        ([{**GOOD, "url": "http://[::1"}], "url must begin"),
        ([{**GOOD, "url": None}], "url must begin with https:// or http://"),
    ],
)
def test_a_wrong_source_is_refused_in_one_sentence(raw, message):
    with pytest.raises(ValueError, match=message) as caught:
        read_sources(raw)
    assert "\n" not in str(caught.value)


def test_later_words_on_a_source_replace_earlier_ones():
    better = DataSource("photos", "trained on", "CC BY 4.0", "cleared")
    kept = source(use="measured on")
    assert merged([source("unknown"), kept], [better]) == (better, kept)
